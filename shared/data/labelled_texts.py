"""Texts with a label each, from anywhere: a TFDS data set, a bundled sample, a user's own table.

`read(split, limit)` of these sources gives `Texts`, and an int32 array with the number of the class
of each.
"""

import sys

import numpy as np

from shared.data import prepared, sources
from shared.data.fingerprints import fingerprint
from shared.data.on_disk import Texts
from shared.data.splits import check_trained, split_places
from shared.data.tables import read_table
from shared.errors import UserError


def find(options, default, sample, suggestions=()):
    """Find what the options name; see `sources.find`.

    Args:
        options: `dataset`, `data_dir`, `file`, `text_column` and `label_column`; and, where files
            are only measured on, `whole`.
        default: the TFDS data set that is taken where nothing is named.
        sample: the bundled sample: a module with `CLASSES`, `SIZES`, `DEFAULTS` for the options and
            `generate(split)`, which gives pairs of a text and the number of its class.
        suggestions: names of TFDS data sets that fit.
    """
    return sources.find(
        options,
        default,
        suggestions,
        needs="one text and one class label per example",
        fits=text_and_label,
        of_prepared=of_prepared,
        of_sample=lambda: of_sample(sample),
        of_files=of_table,
    )


def of_prepared(name, builder):
    """The texts of a TFDS data set. Two classes are called negative and positive."""
    text_name, label_name = text_and_label(builder.info.features)

    def read(split, limit=None):
        columns = prepared.read(builder, split, limit)
        labels = columns[label_name].astype("int32")
        if min(labels) < 0:
            raise prepared.not_public(name, split)
        return columns[text_name], labels

    names = builder.info.features[label_name].names
    classes = ("negative", "positive") if len(names) == 2 else tuple(names)
    return sources.prepared_source(name, builder, read, classes=classes)


def of_sample(sample):
    """The texts of a recipe's sample."""

    def read(split, limit=None):
        texts, labels = zip(*sample.generate(split)[:limit], strict=True)
        return Texts(texts), np.array(labels, "int32")

    return sources.sample_source(sample, read, classes=tuple(sample.CLASSES))


def of_table(options):
    """The texts of a table: a class for each label that stands in it, in alphabetical order.

    Its column `split`, if it has one, says what each row is for. Else a tenth of the rows is drawn
    for validation and a tenth for the test; the same text is always in one split. A table that is
    `whole` and names no splits is the test split.

    Raises:
        UserError: see `tables.read_table` and `splits.split_places`; and, unless it is whole, for
            a table of a single label, or with a label that is not among those for training.
    """
    path, whole = options.file, getattr(options, "whole", False)
    columns = options.text_column, options.label_column
    table = read_table(path, columns, optional=("split",), large=columns[:1])
    texts = table[options.text_column]
    labels = [sys.intern(label.strip()) for label in table[options.label_column]]
    classes = tuple(sorted(set(labels)))
    if len(classes) < 2 and not whole:
        raise UserError(
            f"{path}: every {options.label_column} is {classes[0]!r}; there must be two kinds at "
            "least."
        )
    named = table.get("split")
    places = split_places(texts, named, whole, str(path), table.lines)
    if named and not whole:
        check_trained(labels, named, str(path), lines=table.lines)
    number = {name: place for place, name in enumerate(classes)}
    numbers = np.array([number[label] for label in labels], "int32")

    def read(split, limit=None):
        chosen = places[split][:limit]
        return texts[chosen], numbers[chosen]

    return sources.files_source([path], fingerprint([path]), places, read, classes=classes)


def text_and_label(features):
    """The names of the one text and the one label among a data set's features, or None."""
    import tensorflow_datasets as tfds

    if not isinstance(features, tfds.features.FeaturesDict):
        return None
    texts = [name for name, kind in features.items() if isinstance(kind, tfds.features.Text)]
    labels = [name for name, kind in features.items() if isinstance(kind, tfds.features.ClassLabel)]
    return (texts[0], labels[0]) if len(texts) == len(labels) == 1 else None
