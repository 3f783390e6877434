"""A user's own examples in a table: CSV, TSV or JSON lines.

    text,label,split
    "Great, and short.",good,train
    Not my thing.,bad,test

The first line of a CSV or TSV file names the columns; a JSON-lines file has one object per line.
Text is UTF-8, or UTF-16 with its byte-order mark.
"""

import csv
import json
import sys
from array import array
from collections import Counter
from pathlib import Path

from shared.data.on_disk import Texts
from shared.data.text_files import read_lines
from shared.errors import UserError
from shared.progress import progress

KINDS = {".csv": ",", ".tsv": "\t", ".jsonl": None, ".ndjson": None, ".json": None}
LONGEST_CELL = 2**30  # characters; the csv module's own limit is too short for a long text


class Table(dict):
    """The columns of a table: name -> sequence of strings, as the rows come.

    Attributes:
        lines: in which line of the file each row begins, for what is wrong with it.
    """

    lines = ()


def read_table(path, columns, optional=(), large=()):
    """Read some columns of a table.

    Args:
        path: a file whose name ends in .csv, .tsv, .jsonl, .ndjson or .json.
        columns: names of the columns that must be there, with something in every row.
        optional: names of columns that may be missing; their cells must not be empty either.
        large: those of `columns` that may be larger than memory: they are `Texts`, not lists.

    Returns:
        A `Table`. Optional columns only where they are.

    Raises:
        UserError: for a file that can't be read, is of another kind or encoding, lacks a column or
            a row, or has a row with an empty, missing or surplus cell: the file, and the line.
    """
    path = Path(path)
    found, lines = Table(), array("q")
    names = (*columns, *optional)
    for name in columns:
        if names.count(name) > 1:
            raise UserError(
                f"{path}: the column {name!r} is asked for twice. {', '.join(names)}: each must be "
                "another column."
            )
    for line, row in progress(_rows(path), doing=f"reading {path.name}", unit="row"):
        if not found:
            found.update({name: Texts() if name in large else [] for name in columns})
            found.update({name: [] for name in optional if name in row})
            _check_names(path, columns, row)
        lines.append(line)
        for name in optional:
            if name in row and name not in found:
                raise UserError(
                    f"{path}, line {line}: here is a {name}, and in line {lines[0]} there is none. "
                    "Give one in every line, or in none."
                )
        for name, cells in found.items():
            cell = row.get(name)
            if cell is None or not str(cell).strip():
                raise UserError(f"{path}, line {line}: the {name} is missing.")
            # In memory, cells of the same content are one string.
            cells.append(str(cell) if name in large else sys.intern(str(cell)))
    if not found:
        raise UserError(f"{path} has no rows; give one example per line.")
    found.lines = lines
    return found


def column_names(path):
    """The names of a table's columns in their order; see `read_table`.

    Of JSON lines, those of the first line; of a table without rows there are none.
    """
    _, row = next(_rows(Path(path)), (0, {}))
    return list(row)


def _rows(path):
    """(line, dictionary) of each row of a table of either kind."""
    if path.suffix.lower() not in KINDS:
        raise UserError(
            f"{path} is no table that can be read here: its name must end in {', '.join(KINDS)}."
        )
    delimiter = KINDS[path.suffix.lower()]
    return _json_rows(path) if delimiter is None else _csv_rows(path, delimiter)


def _csv_rows(path, delimiter):
    """(line, dictionary) of each row but the first, which names the columns."""
    csv.field_size_limit(LONGEST_CELL)
    reader = csv.reader(read_lines(path), delimiter=delimiter, strict=True)
    begin = 1
    try:
        header = next(filter(None, reader), [])
        again = [header, ["\ufeff" + "".join(header[:1]), *header[1:]]]  # of files put together
        names = [_plain(name) for name in header]
        twice = [name for name, count in Counter(names).items() if count > 1]
        if twice:
            line = reader.line_num
            raise UserError(f"{path}, line {line}: two columns are called {min(twice)!r}.")
        begin = reader.line_num + 1  # a quoted cell may hold line ends
        for cells in reader:
            if cells:  # an empty line is none
                if len(cells) != len(names):
                    raise UserError(
                        f"{path}, line {begin}: {len(cells)} cells, but {len(names)} columns. A "
                        f"cell that holds {delimiter!r} or a line end must stand in quotes."
                    )
                if cells in again:
                    raise UserError(
                        f"{path}, line {begin}: the names of the columns stand here again. Take "
                        "the line away."
                    )
                yield begin, dict(zip(names, cells, strict=True))
            begin = reader.line_num + 1
    except csv.Error as error:
        raise UserError(f"{path}, line {begin}: {error}. Check the quotes.") from error


def _json_rows(path):
    """(line, dictionary) of each line."""
    for number, line in enumerate(read_lines(path, "\n"), start=1):
        line = line.removesuffix("\n")
        if not line.strip():
            continue
        try:
            row = json.loads(line, object_pairs_hook=_object, parse_constant=_no_number)
        except (ValueError, RecursionError) as error:
            raise UserError(f"{path}, line {number}: this is not JSON ({error}).") from error
        if not isinstance(row, dict):
            raise UserError(
                f"{path}, line {number}: this is no JSON object, as every line must be."
            )
        for name, value in row.items():
            if isinstance(value, (dict, list)):
                raise UserError(f"{path}, line {number}: {name} is neither a text nor a number.")
            if isinstance(value, str) and value.encode(errors="ignore").decode() != value:
                raise UserError(f"{path}, line {number}: {name} has half a character (\\ud800).")
            if isinstance(value, str) and "\0" in value:
                raise UserError(f"{path}, line {number}: {name} has a character of number 0.")
        yield number, row


def _plain(name):
    """The name of a column without space or byte-order mark; `Split` and `SPLIT` are `split`."""
    name = name.replace("\ufeff", "").strip()
    return "split" if name.lower() == "split" else name


def _object(pairs):
    """The dictionary of a JSON object whose names are all different."""
    found = {_plain(name): value for name, value in pairs}
    if len(found) < len(pairs):
        raise ValueError("two of its names are the same")
    return found


def _no_number(word):
    raise ValueError(f"{word} is no number")


def _check_names(path, columns, row):
    for name in columns:
        if name not in row:
            semicolons = any(";" in found for found in row)
            hint = " Separate cells with commas, not semicolons." if semicolons else ""
            raise UserError(f"{path} has no column {name!r}. It has: {', '.join(row)}.{hint}")
