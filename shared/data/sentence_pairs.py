"""Sentences and their translations, from anywhere: TFDS, a bundled sample, a user's own files.

`read(split, limit)` of these sources gives `Texts` twice: the sentences that are read, and their
translations. `languages` names both; it is empty where files don't tell.
"""

import dataclasses
import itertools
from pathlib import Path

from shared.data import prepared, sources, tables
from shared.data.fingerprints import fingerprint
from shared.data.on_disk import Texts
from shared.data.splits import split_places
from shared.data.text_files import read_blocks, read_lines
from shared.errors import UserError


def find(options, default, sample, suggestions=()):
    """Find what the options name; see `sources.find`.

    Args:
        options: `dataset`, `data_dir`; `file`, a list of one table or two texts; `reverse`, whether
            to translate in the other direction; and, where files are only measured on, `whole`.
        default: the TFDS data set that is taken where nothing is named.
        sample: the bundled sample: a module with `LANGUAGES`, `SIZES`, `DEFAULTS` for the options
            and `generate(split)`, which gives pairs of sentences.
        suggestions: names of TFDS data sets that fit.
    """
    source = sources.find(
        options,
        default,
        suggestions,
        needs="a TFDS Translation, one sentence in two languages",
        fits=is_translation,
        of_prepared=of_prepared,
        of_sample=lambda: of_sample(sample),
        of_files=of_files,
    )
    return _reversed(source) if options.reverse else source


def of_prepared(name, builder):
    """The sentences of a TFDS data set, in the direction in which it says it is used."""
    features = builder.info.features
    languages = tuple(builder.info.supervised_keys or features.languages)

    def read(split, limit=None):
        columns = prepared.read(builder, split, limit)
        return tuple(Texts(map(str.strip, columns[language])) for language in languages)

    return sources.prepared_source(name, builder, read, languages=languages)


def of_sample(sample):
    """The sentences of a recipe's sample."""

    def read(split, limit=None):
        sides = zip(*sample.generate(split)[:limit], strict=True)
        return tuple(Texts(map(str.strip, side)) for side in sides)

    return sources.sample_source(sample, read, languages=tuple(sample.LANGUAGES))


def of_files(options):
    """The sentences of a table with two columns, or of two text files, line by line.

    The names of a table's columns are the languages, the first one that of the sentences. Its
    column `split`, if it has one, says what each row is for. Of two text files the ends of their
    names are the languages where they differ, as in `a.de` and `a.en`; pairs of which a side is
    empty are left out.

    Where no splits are named, a tenth of the pairs is drawn for validation and a tenth for the
    test; the same sentence, as it is read, is always in one split. Files that are `whole` and name
    no splits are the test split.

    Raises:
        UserError: see `tables.read_table` and `splits.split_places`; for a table of other columns,
            and for text files that are not equally long, or without a pair.
    """
    paths = [Path(path) for path in options.file]
    where = " to ".join(map(str, paths))
    if len(paths) > 2:
        raise UserError(f"--file is given {len(paths)} times. Give one table, or two text files.")
    if len(set(paths)) < len(paths):
        raise UserError(f"--file names {paths[0]} twice. Give one table, or two text files.")
    read_files = _of_table if len(paths) == 1 else _of_texts
    sides, languages, named, lines = read_files(*paths)
    groups = sides[1 if options.reverse else 0]
    places = split_places(groups, named, getattr(options, "whole", False), where, lines)

    def read(split, limit=None):
        return tuple(side[places[split][:limit]] for side in sides)

    return sources.files_source(paths, fingerprint(paths), places, read, languages=languages)


def check_languages(source, languages):
    """Raise UserError where a source's languages are not those that a network was trained on.

    Args:
        source: a `Source` of sentences.
        languages: of the sentences and of their translations; empty where they are not known.
    """
    if source.languages and languages and tuple(source.languages) != tuple(languages):
        raise UserError(
            f"{source.name} goes from {' to '.join(source.languages)}, but this run was trained "
            f"from {' to '.join(languages)}. Choose other data or another --run."
        )


def is_translation(features):
    """Whether a data set's features are one sentence in several languages."""
    import tensorflow_datasets as tfds

    return isinstance(features, tfds.features.Translation)


def _reversed(source):
    """The same source in the other direction."""

    def read(split, limit=None):
        return source.reader(split, limit)[::-1]

    return dataclasses.replace(source, reader=read, languages=source.languages[::-1])


def _of_table(path):
    """Both sides of a table, the languages, and of each pair its split, if named, and its line."""
    if path.suffix.lower() not in tables.KINDS:
        raise UserError(
            f"{path} is not a table ({', '.join(tables.KINDS)}). Give its translations as well: "
            "--file SOURCE --file TARGET, two texts line by line."
        )
    columns = tables.column_names(path)
    languages = tuple(name for name in columns if name != "split")
    if columns and (len(languages) != 2 or not all(languages)):
        raise UserError(
            f"{path} has the columns {', '.join(columns)}. Give it two, named after the languages, "
            "the one that is read first; and, if you like, split."
        )
    table = tables.read_table(path, languages, optional=("split",), large=languages)
    sides = [Texts(map(str.strip, table.pop(name))) for name in languages]
    return sides, languages, table.get("split"), table.lines


def _of_texts(*paths):
    """Both sides of two text files, the languages, and None for splits and lines."""
    for path in paths:
        if path.suffix.lower() in tables.KINDS:
            raise UserError(f"{path} is a table, which holds both languages: give one --file.")
    sides, counts = (Texts(), Texts()), [0, 0]
    for pair in itertools.zip_longest(*map(_lines, paths)):
        for i, text in enumerate(pair):
            counts[i] += text is not None
        if all(pair):
            for side, text in zip(sides, pair, strict=True):
                side.append(text)
    if counts[0] != counts[1]:
        raise UserError(
            f"{paths[0]} has {counts[0]:,} lines and {paths[1]} {counts[1]:,}: line by line, one "
            "must translate the other."
        )
    if not len(sides[0]):
        raise UserError(f"{paths[0]} and {paths[1]} have no line with text on both sides.")
    ends = tuple(path.suffix.lower().removeprefix(".") for path in paths)
    return sides, ends if ends[0] != ends[1] and all(ends) else (), None, None


def _lines(path):
    """The lines of a text file without the white space around them.

    Only a line feed ends a line here, though Python knows many other signs; on old Macs it was a
    carriage return.
    """
    of_a_mac = not any("\n" in block for block in read_blocks(path, newline=""))
    empty = True
    for line in read_lines(path, newline="\r" if of_a_mac else "\n"):
        line = line.strip()
        empty = empty and not line
        yield line
    if empty:
        raise UserError(f"{path} is empty; give one sentence per line.")
