"""Where examples come from: public data, a recipe's bundled sample, or a user's own files.

    source = labelled_texts.find(options, DEFAULT, sample, FITTING)
    texts, labels = source.read("train", limit)

There is a module for each kind of examples (`labelled_texts`, `labelled_images`, ...). It says what
`read` gives, and makes the same `Source` of prepared data, of the sample and of files, so that
nobody who has one needs to know which it is.
"""

import dataclasses
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from shared.data import prepared
from shared.errors import UserError


@dataclasses.dataclass(frozen=True)
class Source:
    """Where a run's examples come from.

    Attributes:
        name: as TFDS writes it, `"sample"`, or the name of the user's file or folder.
        version: of the data set, `"bundled"`, or a fingerprint of the content of the user's files.
        splits: the names of the splits that it has.
        reader: what `read` calls.
        classes: what the class numbers mean, names in their order; empty for data without classes.
        languages: of the sentences and of their translations; empty for data without them.
        shape: of a picture or frame, `(height, width, channels)`, None where they differ; empty
            for data without pictures.
        files: the paths of the user's own files.
        defaults: options whose defaults are others here than in the recipe: name -> value.
        notice: the line that every screen and file of the run shows; empty unless the sample
            stands in for a public data set that could not be had.
    """

    name: str
    version: str
    splits: tuple
    reader: Callable
    classes: tuple = ()
    languages: tuple = ()
    shape: tuple = ()
    files: tuple = ()
    defaults: Mapping = dataclasses.field(default_factory=dict)
    notice: str = ""

    def read(self, split, limit=None, *how):
        """The first `limit` examples of a split, all if None.

        `how` stands for further arguments, such as the shape of a picture; each kind's module says
        which it takes.

        Raises:
            UserError: for a split that isn't there, and for data that can't be read.
        """
        if split not in self.splits:
            raise UserError(
                f"{self.name} has no split {split!r}. It has: {', '.join(self.splits)}. Choose one "
                "of them with --split."
            )
        return self.reader(split, limit, *how)

    def describe(self):
        """What `config.json` keeps of it."""
        described = {"name": self.name, "version": self.version}
        if self.files:
            described["files"] = list(self.files)
        return {**described, "notice": self.notice} if self.notice else described


def find(options, default, suggestions, *, needs, fits, of_prepared, of_sample, of_files):
    """Find what the options name: the user's own files, a data set, or the recipe's default.

    A data set that is not prepared is downloaded. Where it can't be had and nothing was named, the
    sample stands in for it, and `notice` says so.

    Args:
        options: `file` or `folder`, whichever the recipe has; `dataset`, a TFDS name, `"sample"` or
            None; `data_dir`, where TFDS keeps its data, None for `TFDS_DATA_DIR`, then for TFDS's
            own folder; and `notice`, that of a run on the sample that is continued.
        default: the recipe's public data set.
        suggestions: names of TFDS data sets to offer where a name is unknown or doesn't fit.
        needs: what the examples must have, as in "this recipe needs ...".
        fits: function from the features of a TFDS data set to whether they have it.
        of_prepared: function name, TFDS builder -> `Source`.
        of_sample: function -> `Source`.
        of_files: function options -> `Source`.

    Returns:
        A `Source`.

    Raises:
        UserError: unknown name, features that don't fit, a named data set that can't be had, or
            files that can't be read.
    """
    for option in ("file", "folder"):
        if getattr(options, option, None):
            if options.dataset:
                raise UserError(
                    f"--dataset {options.dataset} and --{option} exclude each other: give one of "
                    "them."
                )
            return of_files(options)
    if options.dataset == "sample":
        return dataclasses.replace(of_sample(), notice=getattr(options, "notice", ""))
    name = options.dataset or default
    builder = prepared.open_builder(name, options.data_dir, suggestions)
    features = builder.info.features
    if not fits(features):
        found = ", ".join(features) if hasattr(features, "keys") else type(features).__name__
        raise UserError(
            f"The data set {name!r} does not fit: this recipe needs {needs}, and it has {found}. "
            f"Among those that fit: {', '.join(suggestions)}."
        )
    reason = prepared.prepare(builder)
    if reason is None:
        return of_prepared(name, builder)
    if options.dataset is None:
        notice = f"SAMPLE DATA, not {name}: {reason}. These are not its results."
        return dataclasses.replace(of_sample(), notice=notice)
    raise UserError(
        f"The data set {name!r} can't be had: {reason}. Point TFDS_DATA_DIR (or --data-dir) to a "
        "folder where it is prepared, or use --dataset sample."
    )


def prepared_source(name, builder, reader, **more):
    """The `Source` of a prepared TFDS data set; `more` are its further fields."""
    version, splits = str(builder.version), prepared.splits_of(builder)
    return Source(name, version, splits, reader, **more)


def sample_source(sample, reader, **more):
    """The `Source` of a recipe's sample module, which has `SIZES` of its splits and `DEFAULTS`."""
    return Source(
        "sample", "bundled", tuple(sample.SIZES), reader, defaults=sample.DEFAULTS, **more
    )


def files_source(paths, version, splits, reader, **more):
    """The `Source` of a user's own files.

    Args:
        paths: of the files or the folder that the user named.
        version: a fingerprint of the content.
        splits: names of the splits.
        reader: see `Source`.
        more: its further fields.
    """
    names = (os.fsencode(Path(path).resolve().name) for path in paths)
    name = " to ".join(name.decode(errors="replace") for name in names)  # for every screen and file
    return Source(name, version, tuple(splits), reader, files=tuple(map(str, paths)), **more)


def numbers_among(classes, source):
    """What the class numbers of a source are among other classes, such as those of a network.

    Returns:
        int32 array: place, the number in the source; value, the number in `classes`.

    Raises:
        UserError: where the source has a class that is not among them.
    """
    unknown = [name for name in source.classes if name not in classes]
    if unknown:
        raise UserError(
            f"{source.name} has the label {unknown[0]!r}, but this run was trained on "
            f"{', '.join(classes)}. Choose other data or another --run."
        )
    return np.array([list(classes).index(name) for name in source.classes], "int32")
