"""Texts with a label each, from anywhere: a TFDS data set, a bundled sample, a user's own table."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np

from shared.data import loading
from shared.data.splits import split_places
from shared.data.tables import fingerprint, read_table
from shared.errors import UserError


@dataclasses.dataclass(frozen=True)
class LabelledTexts(loading.Source):
    """A `Source` of texts and labels.

    Attributes, beside those of `Source`:
        classes: what the class numbers mean, a tuple of names.
        read: function (split, limit=None) -> a list of strings, and an int32 array with the number
            of the class of each. Raises UserError for a split that isn't there, and where texts
            can't be read or their labels aren't public.
    """

    classes: tuple = ()
    read: Callable = None


def find(options, default, sample, suggestions=()):
    """Find what the options name.

    Args:
        options: `dataset`, `data_dir`, `file`, `text_column`, `label_column`, and, where it is
            only measured on, `whole`; see `of_table`.
        default: the TFDS data set that is taken where nothing is named.
        sample: the bundled sample: a module with `CLASSES`, `SIZES`, `DEFAULTS` for the options and
            `generate(split)`, which gives pairs of a text and the number of its class.
        suggestions: names of TFDS data sets that fit.

    Returns:
        A `LabelledTexts`.

    Raises:
        UserError: see `loading.find` and `tables.read_table`.
    """
    if options.file:
        name = Path(options.file).name
        if options.dataset not in (None, name):
            raise UserError(
                f"--dataset {options.dataset} and --file exclude each other: give one of them."
            )
        columns = options.text_column, options.label_column
        return of_table(options.file, *columns, whole=getattr(options, "whole", False))

    def check(name, features):
        if _text_and_label(features) is None:
            needs = "one text and one class label per example"
            raise loading.refusal(name, features, needs, suggestions)

    source = loading.find(options.dataset, default, options.data_dir, check, suggestions)
    return _of_sample(source, sample) if source.is_sample else _of_prepared(source)


def of_table(path, text_column="text", label_column="label", whole=False):
    """The texts of a table: a class for each label that stands in it, in alphabetical order.

    Args:
        path: a file as `tables.read_table` takes it.
        text_column, label_column: the columns' names.
        whole: whether a table that names no splits is the test split as a whole.

    Its column `split`, if it has one, says what each row is for. Else a tenth of the rows is drawn
    for validation and a tenth for the test; the same text is always in one split.

    Raises:
        UserError: see `tables.read_table` and `splits.split_places`; and for a table of a single
            label, unless it is whole.
    """
    table = read_table(path, (text_column, label_column), optional=("split",))
    texts, labels = table[text_column], [label.strip() for label in table[label_column]]
    classes = tuple(sorted(set(labels)))
    if len(classes) < 2 and not whole:
        raise UserError(
            f"{path}: every {label_column} is {classes[0]!r}; there must be two kinds at least."
        )
    name = Path(path).name
    if whole and "split" not in table:
        places = {"test": np.arange(len(texts))}
    else:
        places = split_places(texts, table.get("split"), where=str(path))
    numbers = np.array([classes.index(label) for label in labels], "int32")

    def read(split, limit=None):
        loading.check_split(name, split, places)
        chosen = places[split][:limit]
        return [texts[place] for place in chosen], numbers[chosen]

    return LabelledTexts(name, fingerprint(path), files=(path,), classes=classes, read=read)


def numbers_among(classes, source, labels):
    """The labels of a source as numbers of other classes, such as those of a trained network.

    Raises:
        UserError: where the source has a class that is not among them.
    """
    unknown = [name for name in source.classes if name not in classes]
    if unknown:
        raise UserError(
            f"{source.name} has the label {unknown[0]!r}, but this run was trained on "
            f"{', '.join(classes)}. Choose other data or another --run."
        )
    return np.array([classes.index(name) for name in source.classes], "int32")[labels]


def _of_sample(source, sample):
    def read(split, limit=None):
        loading.check_split("sample", split, sample.SIZES)
        texts, labels = zip(*sample.generate(split)[:limit], strict=True)
        return list(texts), np.array(labels, "int32")

    return _with(source, sample.CLASSES, read, defaults=sample.DEFAULTS)


def _of_prepared(source):
    features = source.builder.info.features
    text_name, label_name = _text_and_label(features)

    def read(split, limit=None):
        columns = loading.read(source, split, limit)
        labels = columns[label_name].astype("int32")
        if min(labels) < 0:
            raise UserError(
                f"The labels of {source.name}'s {split} split are not public; measure on another "
                "with --split validation."
            )
        return [raw.decode("utf-8", errors="replace") for raw in columns[text_name]], labels

    names = features[label_name].names
    return _with(source, ("negative", "positive") if len(names) == 2 else names, read)


def _with(source, classes, read, **more):
    fields = {field.name: getattr(source, field.name) for field in dataclasses.fields(source)}
    return LabelledTexts(**(fields | more), classes=tuple(classes), read=read)


def _text_and_label(features):
    """The names of the one text and the one label among a data set's features, or None."""
    import tensorflow_datasets as tfds

    if not isinstance(features, tfds.features.FeaturesDict):
        return None
    texts = [name for name, kind in features.items() if isinstance(kind, tfds.features.Text)]
    labels = [name for name, kind in features.items() if isinstance(kind, tfds.features.ClassLabel)]
    return (texts[0], labels[0]) if len(texts) == len(labels) == 1 else None
