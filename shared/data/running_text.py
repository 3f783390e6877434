"""Texts without labels, from anywhere: a TFDS data set, a bundled sample, a user's own file.

`read(split, limit)` of these sources gives the text in parts: an iterator over strings. What an
example is, a character or a word, is for the recipe to say: together they hold `limit` of them or
more, where the split has so many.
"""

from shared.data import prepared, sources
from shared.data.fingerprints import fingerprint
from shared.data.text_files import read_blocks
from shared.errors import UserError

PARTS = {"train": (0.0, 0.9), "validation": (0.9, 0.95), "test": (0.95, 1.0)}  # of a file
SHORTEST = 1000  # characters of a file to train on


def find(options, default, sample, suggestions=()):
    """Find what the options name; see `sources.find`.

    Args:
        options: `dataset`, `data_dir` and `file`; and, where files are only measured on, `whole`.
        default: the TFDS data set that is taken where nothing is named.
        sample: the bundled sample: a module with `SIZES`, `DEFAULTS` for the options and
            `generate(split)`, which gives the text.
        suggestions: names of TFDS data sets that fit.
    """
    return sources.find(
        options,
        default,
        suggestions,
        needs="a text",
        fits=text_feature,
        of_prepared=of_prepared,
        of_sample=lambda: of_sample(sample),
        of_files=of_file,
    )


def of_prepared(name, builder):
    """The texts of a TFDS data set, joined by a blank line."""
    text_name = text_feature(builder.info.features)

    def read(split, limit=None):
        texts = prepared.read(builder, split, limit)[text_name]  # N texts hold N words, or more
        if not any(map(str.strip, texts)):
            raise UserError(
                f"The {split} split of {name} holds no text; choose another with --split, or "
                "another --dataset."
            )
        return (f"\n\n{text}" if place else text for place, text in enumerate(texts))

    return sources.prepared_source(name, builder, read)


def of_sample(sample):
    """The text of a recipe's sample."""

    def read(split, limit=None):
        return iter([sample.generate(split)])

    return sources.sample_source(sample, read)


def of_file(options):
    """The text of a file, with line ends as Unix has them, cut in three without shuffling.

    The first 90 % are to train with, the next 5 % for validation, the last 5 % to test. A file that
    is `whole` is the test split.

    Raises:
        UserError: see `text_files.read_blocks`; and for a file of too little text.
    """
    path, whole = options.file, getattr(options, "whole", False)
    length, first, last = 0, None, 0  # of the whole text, and where it begins and ends without the
    for block in read_blocks(path):  # white space around it
        if block.strip():
            last = length + len(block.rstrip())
            first = length + len(block) - len(block.lstrip()) if first is None else first
        length += len(block)
    found, least = last - (first or 0), 1 if whole else SHORTEST
    if found < least:
        raise UserError(f"{path} has {found:,} characters of text; it needs {least:,} or more.")
    parts = {"test": (0.0, 1.0)} if whole else PARTS

    def read(split, limit=None):
        begin, end = (round(part * length) for part in parts[split])
        for block in read_blocks(path):
            yield block[max(0, begin) : max(0, end)]
            begin, end = begin - len(block), end - len(block)
            if end <= 0:
                break

    return sources.files_source([path], fingerprint([path]), parts, read)


def text_feature(features):
    """The name of the one text among a data set's features (or the one named text), or None."""
    import tensorflow_datasets as tfds

    if not isinstance(features, tfds.features.FeaturesDict):
        return None
    texts = [name for name, kind in features.items() if isinstance(kind, tfds.features.Text)]
    return texts[0] if len(texts) == 1 else "text" if "text" in texts else None
