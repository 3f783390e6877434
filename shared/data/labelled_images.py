"""Pictures with a label each: of a TFDS data set, of a bundled sample, or in a user's own folder.

`read(split, limit, shape)` of these sources gives `examples.Examples`: `image`, uint8 of that shape
`(height, width, channels)`, and `label`, int32, the number of its class. Without a shape it gives
the labels alone, and no picture is decoded for them.
"""

import collections
import itertools
import os
from pathlib import Path

import numpy as np

from shared.data import examples, prepared, sources
from shared.data.fingerprints import digests, fingerprint
from shared.data.images import PICTURES, UNREAD, read_in_pipeline, shape_of
from shared.data.splits import NAMES, check_trained, split_places
from shared.errors import UserError
from shared.progress import progress


def find(options, default, sample, suggestions=(), defaults=None):
    """Find what the options name; see `sources.find`.

    Args:
        options: `dataset`, `data_dir` and `folder`; and, where files are only measured on, `whole`.
        default: the TFDS data set that is taken where nothing is named.
        sample: the bundled sample: a module with `CLASSES`, `SHAPE`, `SIZES`, `DEFAULTS` for the
            options and `generate(split)`, which gives an array of pictures and one of labels.
        suggestions: names of TFDS data sets that fit.
        defaults: dictionary name of a TFDS data set -> its `Source.defaults`.
    """
    return sources.find(
        options,
        default,
        suggestions,
        needs="one image and one class label per example",
        fits=image_and_label,
        of_prepared=lambda name, builder: of_prepared(name, builder, (defaults or {}).get(name)),
        of_sample=lambda: of_sample(sample),
        of_files=of_folder,
    )


def of_prepared(name, builder, defaults=None):
    """The pictures of a TFDS data set, grey or in colour; their transparency is left out."""
    import tensorflow as tf

    features = builder.info.features
    image_name, label_name = image_and_label(features)
    height, width, channels = features[image_name].shape

    def read(split, limit=None, shape=None):
        stored = split in builder.info.splits
        if stored and prepared.read(builder, split, 1)[label_name][0] < 0:
            raise prepared.not_public(name, split)

        def fit(example):
            label = tf.cast(example[label_name], "int32")
            if shape is None:
                return {"label": label}
            return {"image": in_shape(example[image_name], shape), "label": label}

        features = None if shape else [label_name]
        return examples.hold(prepared.stored(builder, split, limit, fit, features))

    return sources.prepared_source(
        name,
        builder,
        read,
        classes=tuple(features[label_name].names),
        shape=(height, width, 1 if channels == 1 else 3),
        defaults=defaults or {},
    )


def of_sample(sample):
    """The pictures of a recipe's sample."""

    def read(split, limit=None, shape=None):
        pictures, labels = (column[:limit] for column in sample.generate(split))
        if shape is None:
            return examples.Examples.of({"label": labels})
        return examples.Examples.of({"image": in_shape(pictures, shape), "label": labels})

    return sources.sample_source(sample, read, classes=tuple(sample.CLASSES), shape=sample.SHAPE)


def of_folder(options):
    """The pictures of a folder that has a folder for each class, in alphabetical order.

    Either DIR/CLASS/*.png, or DIR/train/CLASS/*.png with validation and test beside train, which
    are then the splits. Else a tenth is drawn for validation and a tenth for the test; copies of
    the same file are always in one split. A folder that is `whole` and has no splits is the test
    split. The classes take turns, so that the first pictures are of all kinds.

    Raises:
        UserError: for a folder that has no pictures, has them where they are of no class, or has a
            single class, unless it is whole; for a class that is not among those for training; and
            see `splits.split_places`.
    """
    folder, whole = options.folder, getattr(options, "whole", False)
    paths, named, labels = _pictures_of_classes(Path(folder))
    classes = tuple(sorted(set(labels)))
    if len(classes) < 2 and not whole:
        raise UserError(
            f"{folder}: all pictures are in one class, {classes[0]!r}; there must be two at least, "
            "each in a folder of its own."
        )
    unreadable = [name for name in classes if name.encode(errors="ignore").decode() != name]
    if unreadable:
        raise UserError(
            f"{folder}: the name of the folder {unreadable[0]!r} is not UTF-8. Rename it."
        )
    contents = digests(paths)
    places = split_places(contents, named, whole, where=folder)
    if named and not whole:
        check_trained(labels, named, folder, "pictures")
    numbers = np.array([classes.index(label) for label in labels], "int32")

    def read(split, limit=None, shape=None):
        import tensorflow as tf

        chosen = places[split][:limit]
        names = tf.constant([os.fsencode(paths[place]) for place in chosen])
        chosen_numbers = tf.constant(numbers[chosen])

        def example(place):
            label = {"label": chosen_numbers[place]}
            if shape is None:
                return label
            return {"image": read_in_pipeline(names[place], *shape), **label}

        return examples.hold(examples.Stored.of_places(len(chosen), example))

    version = fingerprint(paths, below=folder, contents=contents)
    shape = _common_shape(paths)
    return sources.files_source([folder], version, places, read, classes=classes, shape=shape)


def labels_of(source, split, limit=None, held=None):
    """The class numbers of a split, an int32 array; no picture is decoded.

    Args:
        source, split, limit: as for `read`.
        held: the `Examples` of that split, where it is read already: nothing is read again then,
            unless they are too many for memory.
    """
    labels = held and held.column("label")
    if labels is not None:
        return labels
    batches = source.read(split, limit).in_batches(1024)
    return np.concatenate([batch["label"].numpy() for batch in batches])


def image_and_label(features):
    """The names of the one image and the one label among a data set's features, or None.

    An image has one channel, three or four, of one byte each. Among several labels it is the one
    that is called label.
    """
    import tensorflow_datasets as tfds

    if not isinstance(features, tfds.features.FeaturesDict):
        return None
    images = [
        name
        for name, kind in features.items()
        if isinstance(kind, tfds.features.Image)
        and len(kind.shape) == 3
        and kind.shape[-1] in (1, 3, 4)
        and kind.np_dtype == np.uint8
    ]
    labels = [name for name, kind in features.items() if isinstance(kind, tfds.features.ClassLabel)]
    if "label" in labels:
        labels = ["label"]
    return (images[0], labels[0]) if len(images) == len(labels) == 1 else None


def in_shape(pictures, shape):
    """Pictures in another size, grey or in colour, each new pixel the mean of those it covers.

    Args:
        pictures: uint8 tensor or array `(..., height, width, channels)`, of one picture or of many;
            a fourth channel is left out.
        shape: the height, width and channels (1 or 3) that are wanted.

    Returns:
        uint8 tensor `(..., *shape)`.
    """
    import tensorflow as tf

    height, width, channels = shape
    pictures = pictures[..., :3]
    if tuple(pictures.shape[-3:-1]) != (height, width):
        pictures = tf.image.resize(pictures, (height, width), method="area")
    if channels < pictures.shape[-1]:
        pictures = tf.image.rgb_to_grayscale(pictures)
    elif channels > pictures.shape[-1]:
        pictures = tf.image.grayscale_to_rgb(tf.convert_to_tensor(pictures))
    return tf.ensure_shape(tf.cast(pictures, "uint8"), (*pictures.shape[:-3], *shape))


def _pictures_of_classes(folder):
    """All pictures of DIR/CLASS or of DIR/SPLIT/CLASS.

    Returns:
        paths: of the files; the classes take turns.
        named: the split of each as its folder is called; None where there are no splits.
        labels: the class of each.
    """
    wanted = f"{folder}/CLASS/*.png, or {folder}/train/CLASS/*.png and the same in test"
    paths = list(_pictures_below(folder))
    if not paths:
        endings = ", ".join(PICTURES)
        raise UserError(f"{folder} has no pictures ({endings}) in its folders. Give it {wanted}.")
    above = [path.relative_to(folder).parts[:-1] for path in paths]
    deep = len(above[0])
    for path, folders in zip(paths, above, strict=True):
        if len(folders) != deep or deep not in (1, 2):
            raise UserError(f"{path} lies where no picture should. It needs {wanted}. Move it.")
        if deep == 2 and folders[0].lower() not in NAMES:
            raise UserError(
                f"{path} is of no split: there are folders in folders, and then the upper ones "
                f"must be called train, validation or test, not {folders[0]!r}. Rename it."
            )
    if deep == 1 and all(name.lower() in NAMES for (name,) in above):
        raise UserError(f"{paths[0]} is of no class. It needs {wanted}: a folder for each class.")
    counters = collections.defaultdict(itertools.count)
    turn = [next(counters[folders]) for folders in above]
    order = sorted(range(len(paths)), key=turn.__getitem__)
    named = [above[place][0] for place in order] if deep == 2 else None
    return [paths[place] for place in order], named, [above[place][-1] for place in order]


def _common_shape(paths):
    """The shape that all pictures have; a size that differs is None. In colour where one is."""
    shapes = {shape_of(path) for path in progress(paths, doing="looking at sizes", unit="file")}
    height, width, channels = zip(*shapes, strict=True)
    return *(side[0] if len(set(side)) == 1 else None for side in (height, width)), max(channels)


def _pictures_below(folder):
    """The paths of all pictures in folders in a folder, in the order of their names.

    Those whose names begin with a dot are not looked at; a picture of a kind that can't be read is
    refused, so that none is missing without a word. Links to folders are followed; what lies
    more than three folders deep is not found, so that a link to a folder above ends somewhere.
    """

    def refuse(error):
        raise UserError(
            f"Can't read the folder {error.filename}: {error.strerror}. Make it readable, or take "
            "it away."
        ) from error

    for root, folders, files in os.walk(folder, onerror=refuse, followlinks=True):
        depth = len(Path(root).relative_to(folder).parts)
        folders[:] = sorted(name for name in folders if name[0] != "." and depth < 3)
        for name in sorted(files):
            path = Path(root, name)
            if name[0] != "." and path.suffix.lower() in UNREAD:
                raise UserError(
                    f"{path} is a picture of a kind that is not read here. Convert it to PNG, or "
                    "take it away."
                )
            if name[0] != "." and path.suffix.lower() in PICTURES:
                yield path
