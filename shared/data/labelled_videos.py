"""Videos with a label for each frame, of a TFDS data set, a bundled sample or a user's own folder.

`read(split, limit, shape)` of these sources gives `Examples` with `frames`, uint8 `(timesteps,
*shape)`, `labels`, int32 `(timesteps,)`, and `name`, a string. Shorter clips are padded to the
longest one, where labels are `ABSENT`. With None for `shape` there are no `frames`, and none is
read.

A folder of a user's own:

    DIR/labels.csv            columns clip, frame, label, and perhaps split
    DIR/monday/0001.png       named in the table: monday, 0001.png, and a label
    DIR/monday/0002.png
    DIR/tuesday/...

The order of the frames is that of their names, numbers by their value.
"""

import itertools
from pathlib import Path

import numpy as np

from shared.data import prepared, sources
from shared.data.clip_tables import TABLE, read_clips
from shared.data.examples import Examples, Stored, hold
from shared.data.fingerprints import digests, fingerprint
from shared.data.images import read_image, shape_of
from shared.data.splits import check_trained, split_places
from shared.errors import UserError

ABSENT = -1  # the label of frames that pad a clip, and of those whose label is not public


def find(options, default, sample, suggestions=()):
    """Find what the options name; see `sources.find`.

    Args:
        options: `dataset`, `data_dir` and `folder`; and, where a folder is only measured on,
            `whole`.
        default: the TFDS data set that is taken where nothing is named.
        sample: the bundled sample: a module with `CLASSES`, `SHAPE`, `SIZES`, `DEFAULTS` for the
            options and `generate(split)`, which gives pairs of frames and their class numbers.
        suggestions: names of TFDS data sets that fit.
    """
    return sources.find(
        options,
        default,
        suggestions,
        needs="one video and a class label for each of its frames",
        fits=video_and_labels,
        of_prepared=of_prepared,
        of_sample=lambda: of_sample(sample),
        of_files=of_folder,
    )


def of_prepared(name, builder):
    """The videos of a TFDS data set; their texts, if it has any, are their names."""
    import tensorflow_datasets as tfds

    features = builder.info.features
    video_name, labels_name = video_and_labels(features)
    texts = [name for name, kind in features.items() if isinstance(kind, tfds.features.Text)]
    size = features[video_name].shape
    timesteps = size[0] or _longest(builder, labels_name)

    def fit(example, shape):
        import tensorflow as tf

        labels = tf.cast(example[labels_name], "int32")
        missing = timesteps - tf.shape(labels)[0]
        padded = tf.pad(labels, [[0, missing]], constant_values=ABSENT)
        told = [example[name] for name in texts]
        fitted = {
            "labels": tf.ensure_shape(padded, (timesteps,)),
            "name": tf.strings.join(told, ": ") if told else tf.constant(""),
        }
        if shape is None:
            return fitted
        frames = example[video_name]
        agree = tf.debugging.assert_equal(tf.shape(frames)[0], tf.shape(labels)[0])
        with tf.control_dependencies([agree]):
            frames = _in_shape(tf.identity(frames), shape)
        frames = tf.pad(frames, [[0, missing], [0, 0], [0, 0], [0, 0]])
        return {"frames": tf.ensure_shape(frames, (timesteps, *shape)), **fitted}

    def read(split, limit=None, shape=None):
        def held(limit, shape):
            names = [*texts, labels_name, *([video_name] if shape else [])]
            stored = prepared.stored(builder, split, limit, lambda each: fit(each, shape), names)
            return hold(stored)

        first = next(held(1, None).in_batches(1).as_numpy_iterator())
        if (first["labels"] == ABSENT).all():
            raise prepared.not_public(name, split)
        return held(limit, shape)

    return sources.prepared_source(
        name,
        builder,
        read,
        classes=tuple(features[labels_name].feature.names),
        shape=(*size[1:3], 1 if size[3] == 1 else 3),
    )


def of_sample(sample):
    """The clips of a recipe's sample."""

    def read(split, limit=None, shape=None):
        clips = sample.generate(split)[:limit]
        labels = _padded([labels for _, labels in clips])
        names = np.array([f"clip {number}" for number in range(1, len(clips) + 1)])
        if shape is None:
            return Examples.of({"labels": labels, "name": names})
        frames = np.zeros((*labels.shape, *sample.SHAPE), "uint8")
        for padded, (clip, _) in zip(frames, clips, strict=True):
            padded[: len(clip)] = clip
        if shape != sample.SHAPE:
            frames = np.stack([_in_shape(clip, shape).numpy() for clip in frames])
        return Examples.of({"frames": frames, "labels": labels, "name": names})

    return sources.sample_source(
        sample, read, classes=tuple(sample.CLASSES), shape=tuple(sample.SHAPE)
    )


def of_folder(options):
    """The clips of a user's own folder: a class for each label in its table, in alphabetical order.

    The table's column `split`, if it has one, says what each clip is for. Else a tenth of the clips
    is drawn for validation and a tenth for the test; copies of a clip are always in one split. A
    folder that is `whole` and names no splits is the test split.

    Raises:
        UserError: where the table and the pictures don't fit together, for a picture that can't be
            read, for a single label, unless the folder is whole, and see `tables.read_table` and
            `splits.split_places`.
    """
    folder, whole = Path(options.folder), getattr(options, "whole", False)
    table = folder / TABLE
    clips, named, lines = read_clips(folder)
    classes = tuple(sorted({label for frames in clips.values() for _, label in frames}))
    if len(classes) < 2 and not whole:
        raise UserError(
            f"{table}: every label is {classes[0]!r}; there must be two kinds at least."
        )
    pictures = [[folder / name / frame for frame, _ in frames] for name, frames in clips.items()]
    files = [table, *itertools.chain(*pictures)]
    contents = digests(files)
    ends = itertools.accumulate(map(len, pictures), initial=1)
    # The same pictures under another name are in the same split.
    groups = [tuple(contents[start:end]) for start, end in itertools.pairwise(ends)]
    first = [lines[name, frames[0][0]] for name, frames in clips.items()]
    places = split_places(groups, named, whole, str(table), first)
    if named and not whole:
        rows = [
            (label, split, lines[name, frame])
            for (name, frames), split in zip(clips.items(), named, strict=True)
            for frame, label in frames
        ]
        found, splits, where = zip(*rows, strict=True)
        check_trained(found, splits, str(table), "frames", where)
    number = {label: place for place, label in enumerate(classes)}
    labels = _padded([[number[label] for _, label in frames] for frames in clips.values()])
    heights, widths, channels = map(set, zip(*map(shape_of, files[1:]), strict=True))

    def frames_of(place, shape):
        frames = np.zeros((labels.shape[1], *shape), "uint8")
        for t, path in enumerate(pictures[place]):
            frames[t] = read_image(path, *shape)
        return frames

    def read(split, limit=None, shape=None):
        import tensorflow as tf

        chosen = places[split][:limit]
        columns = {"labels": labels[chosen], "name": np.array(list(clips))[chosen]}
        if shape is None:
            return Examples.of(columns)
        columns = {name: tf.constant(column) for name, column in columns.items()}

        def example(place):
            frames = tf.numpy_function(
                lambda place: frames_of(chosen[place], shape), [place], "uint8", stateful=False
            )
            found = {name: tf.gather(column, place) for name, column in columns.items()}
            return {**found, "frames": tf.ensure_shape(frames, (labels.shape[1], *shape))}

        return hold(Stored.of_places(len(chosen), example))

    height, width = (sizes.pop() if len(sizes) == 1 else None for sizes in (heights, widths))
    shape = height, width, max(channels)
    version = fingerprint(files, below=folder, contents=contents)
    return sources.files_source([folder], version, places, read, classes=classes, shape=shape)


def labels_of(source, split, limit=None, held=None):
    """The labels of each clip of a split, without padding; no frame is read.

    Args:
        source, split, limit: as for `read`.
        held: the `Examples` of that split, where it is read already: nothing is read again then,
            unless they are too many for memory.

    Returns:
        List of int32 arrays `(timesteps,)`.
    """
    labels = held and held.column("labels")
    if labels is not None:
        return [row[row != ABSENT] for row in labels]
    batches = source.read(split, limit, None).in_batches(64).as_numpy_iterator()
    return [row[row != ABSENT] for batch in batches for row in batch["labels"]]


def video_and_labels(features):
    """The names of the one video and the one sequence of labels among features, or None."""
    import tensorflow_datasets as tfds

    if not isinstance(features, tfds.features.FeaturesDict):
        return None
    videos = [name for name, kind in features.items() if isinstance(kind, tfds.features.Video)]
    labels = [
        name
        for name, kind in features.items()
        if isinstance(kind, tfds.features.Sequence)
        and isinstance(kind.feature, tfds.features.ClassLabel)
    ]
    return (videos[0], labels[0]) if len(videos) == len(labels) == 1 else None


def _padded(rows):
    """Labels of clips of different length as one int32 array `(clips, timesteps)`."""
    padded = np.full((len(rows), max(map(len, rows))), ABSENT, "int32")
    for padded_row, row in zip(padded, rows, strict=True):
        padded_row[: len(row)] = row
    return padded


def _in_shape(frames, shape):
    """Frames `(timesteps, height, width, channels)` in another size, grey or in colour; uint8."""
    import tensorflow as tf

    if frames.shape[1:] == shape:
        return frames
    height, width, channels = shape
    frames = frames[..., :3]
    if channels < frames.shape[-1]:
        frames = tf.image.rgb_to_grayscale(frames)
    elif channels > frames.shape[-1]:
        frames = tf.image.grayscale_to_rgb(tf.convert_to_tensor(frames))
    frames = tf.image.resize(frames, (height, width), "area")
    return tf.cast(tf.round(frames), "uint8")


def _longest(builder, labels_name):
    """The number of frames of the longest clip, where a data set doesn't say; nothing decoded."""
    import tensorflow_datasets as tfds

    only_labels = tfds.decode.PartialDecoding({labels_name: True})
    with prepared.readable(builder):
        return max(
            len(example[labels_name])
            for split in builder.info.splits
            for example in tfds.as_numpy(builder.as_dataset(split=split, decoders=only_labels))
        )
