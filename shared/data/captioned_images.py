"""Images with captions, from anywhere: a TFDS data set, a bundled sample, a user's own table.

`read(split, limit, shape)` of these sources gives `Examples` of `image`, uint8 of that shape
`(height, width, 3)`, and `captions`, `(CAPTIONS,)` strings, empty where an image has fewer. Without
a shape they have the captions alone, and no image is decoded.
"""

import os
from pathlib import Path

import numpy as np

from shared.data import images, prepared, sources
from shared.data.examples import Examples, Stored, hold
from shared.data.fingerprints import digests, fingerprint
from shared.data.splits import NAMES, split_places
from shared.data.tables import read_table
from shared.errors import UserError
from shared.progress import progress

CAPTIONS = 5  # of each image; further ones are left out


def find(options, default, sample, suggestions=()):
    """Find what the options name; see `sources.find`.

    Args:
        options: `dataset`, `data_dir`, `file`, `image_column` and `caption_column`; and, where
            files are only measured on, `whole`.
        default: the TFDS data set that is taken where nothing is named.
        sample: the bundled sample: a module with `SIDE`, `SIZES`, `DEFAULTS` for the options and
            `generate(split)`, which gives images, and a list of captions for each of them.
        suggestions: names of TFDS data sets that fit.
    """
    return sources.find(
        options,
        default,
        suggestions,
        needs="a colour image and a sequence of captions per example",
        fits=has_image_and_captions,
        of_prepared=of_prepared,
        of_sample=lambda: of_sample(sample),
        of_files=of_table,
    )


def of_prepared(name, builder):
    """The images and captions of a TFDS data set."""

    def read(split, limit=None, shape=None):
        def fit(example):
            found = {"captions": _of_example(example)}
            return found | {"image": _resized(example["image"], shape)} if shape else found

        return hold(prepared.stored(builder, split, limit, fit))

    shape = builder.info.features["image"].shape
    return sources.prepared_source(name, builder, read, shape=tuple(shape))


def of_sample(sample):
    """The images and captions of a recipe's sample."""

    def read(split, limit=None, shape=None):
        pictures, captions = sample.generate(split)
        columns = {"captions": _rows(captions[:limit])}
        if shape:
            columns["image"] = _resized(pictures[:limit], shape)
        return Examples.of(columns)

    return sources.sample_source(sample, read, shape=(sample.SIDE, sample.SIDE, 3))


def of_table(options):
    """The images that a table names, relative to its folder, and their captions, a row for each.

    Its column `split`, if it has one, says what each image is for. Else a tenth of the images is
    drawn for validation and a tenth for the test; the same image, under whatever name, is always in
    one split. A table that is `whole` and names no splits is the test split. An image that is cut
    short shows when it is read.

    Raises:
        UserError: see `tables.read_table` and `splits.split_places`; for an image that isn't there
            or is none, and for one whose rows name different splits.
    """
    path, whole = Path(options.file), getattr(options, "whole", False)
    captions, named, lines = _by_image(path, options.image_column, options.caption_column)
    files = list(captions)
    contents = digests([path, *files])
    _check_images(path, files, lines)
    places = split_places(contents[1:], named, whole, str(path), lines)

    def read(split, limit=None, shape=None):
        import tensorflow as tf

        chosen = [files[place] for place in places[split][:limit]]
        rows = _rows([captions[file] for file in chosen])
        if not shape:
            return Examples.of({"captions": rows})
        names, rows = tf.constant([os.fsencode(file) for file in chosen]), tf.constant(rows)

        def example(place):
            image = images.read_in_pipeline(names[place], *shape)
            return {"image": image, "captions": rows[place]}

        return hold(Stored.of_places(len(chosen), example))

    version = fingerprint([path, *files], contents=contents)
    return sources.files_source([path], version, places, read, shape=(None, None, 3))


def has_image_and_captions(features):
    """Whether a data set's features are a colour image and captions, as texts or with more."""
    import tensorflow_datasets as tfds

    kinds = dict(features.items()) if hasattr(features, "items") else {}
    captions = getattr(kinds.get("captions"), "feature", None)
    if hasattr(captions, "keys"):
        captions = dict(captions.items()).get("text")
    image = kinds.get("image")
    colour = isinstance(image, tfds.features.Image) and image.shape[-1] == 3
    return colour and isinstance(captions, tfds.features.Text)


def _by_image(path, image_column, caption_column):
    """What a table says of each image.

    Returns:
        captions: dictionary image's path -> list of strings, in the order of the rows.
        named: for each image the split that the table names; None where it names none.
        lines: the first line of each image.
    """
    table = read_table(path, (image_column, caption_column), optional=("split",))
    rows = table.get("split", [""] * len(table.lines))
    captions, splits, lines = {}, {}, {}
    for line, name, caption, split in zip(
        table.lines, table[image_column], table[caption_column], rows, strict=True
    ):
        image = path.parent / name.strip()
        if not os.path.isfile(image):
            raise UserError(f"{path}, line {line}: there is no image file {image}.")
        image = image.resolve()
        split = NAMES.get(split.strip().lower(), split)
        if splits.setdefault(image, split) != split:
            raise UserError(
                f"{path}, line {line}: {name} is of the split {split!r} here and of "
                f"{splits[image]!r} above. Name the same split in all rows of an image."
            )
        captions.setdefault(image, []).append(caption.strip())
        lines.setdefault(image, line)
    named = list(splits.values()) if "split" in table else None
    return captions, named, list(lines.values())


def _check_images(path, files, lines):
    """Raise UserError for a file of a table that is no image, as far as its beginning tells."""
    each = zip(files, lines, strict=True)
    for file, line in progress(each, len(files), doing="looking at images", unit="file"):
        try:
            images.shape_of(file)
        except UserError as error:
            raise UserError(f"{path}, line {line}: {error}") from error


def _rows(captions):
    """Lists of captions as one array `(images, CAPTIONS)` of strings in UTF-8."""
    rows = [
        [caption.encode() for caption in (list(each) + [""] * CAPTIONS)[:CAPTIONS]]
        for each in captions
    ]
    return np.array(rows, object).reshape(-1, CAPTIONS)


def _of_example(example):
    """The captions of an example as TFDS has them, `(CAPTIONS,)`, empty where there are fewer."""
    import tensorflow as tf

    captions = example["captions"]
    captions = (captions["text"] if isinstance(captions, dict) else captions)[:CAPTIONS]
    captions = tf.concat([captions, tf.fill([CAPTIONS - tf.size(captions)], "")], axis=0)
    return tf.ensure_shape(captions, (CAPTIONS,))


def _resized(pictures, shape):
    """Images as uint8 `(..., height, width, 3)`; their proportions are not kept."""
    import tensorflow as tf

    resized = tf.image.resize(pictures, shape[:2], antialias=True)
    return tf.cast(tf.clip_by_value(tf.round(resized), 0, 255), tf.uint8)
