"""A user's own examples in a table: CSV, TSV or JSON lines.

    text,label,split
    "Great, and short.",good,train
    Not my thing.,bad,test

The first line of a CSV or TSV file names the columns; a JSON-lines file has one object per line.
Text is UTF-8, or UTF-16 with its byte-order mark.
"""

import codecs
import csv
import hashlib
import io
import json
from pathlib import Path

from tqdm import tqdm

from shared.errors import UserError

KINDS = {".csv": ",", ".tsv": "\t", ".jsonl": None, ".ndjson": None, ".json": None}
LONGEST_CELL = 2**30  # characters; the csv module's own limit is too short for a long text


def read_table(path, columns, optional=()):
    """Read some columns of a table.

    Args:
        path: a file whose name ends in .csv, .tsv, .jsonl, .ndjson or .json.
        columns: names of the columns that must be there, with something in every row.
        optional: names of columns that may be missing; their cells must not be empty either.

    Returns:
        Dictionary name -> list of strings, as the rows come. Optional columns only where they are.

    Raises:
        UserError: for a file that can't be read, is of another kind or encoding, lacks a column or
            a row, or has a row with an empty, missing or surplus cell: the file, and the line.
    """
    path = Path(path)
    if path.suffix.lower() not in KINDS:
        raise UserError(
            f"{path} is no table that can be read here: its name must end in {', '.join(KINDS)}."
        )
    text = _decoded(path)
    delimiter = KINDS[path.suffix.lower()]
    rows = _json_rows(path, text) if delimiter is None else _csv_rows(path, text, delimiter)
    found = {}
    for line, row in tqdm(rows, desc=f"reading {path.name}", unit="row", delay=2):
        if not found:
            found = {name: [] for name in (*columns, *(n for n in optional if n in row))}
            _check_names(path, columns, row)
        for name, cells in found.items():
            cell = row.get(name)
            if cell is None or not str(cell).strip():
                raise UserError(f"{path}, line {line}: the {name} is missing.")
            cells.append(str(cell))
    if not found:
        raise UserError(f"{path} has no rows; give one example per line.")
    return found


def fingerprint(*paths):
    """A few letters that change where the content of a file does.

    Raises:
        UserError: for a file that can't be read.
    """
    found = hashlib.sha256()
    for path in paths:
        try:
            with open(path, "rb") as file:
                found.update(hashlib.file_digest(file, "sha256").digest())
        except OSError as error:
            raise UserError(f"Can't read {path}: {error.strerror}.") from error
    return found.hexdigest()[:16]


def _decoded(path):
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise UserError(f"Can't read {path}: {error.strerror}.") from error
    encoding = "utf-16" if raw[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "utf-8-sig"
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise UserError(
            f"{path}, line {line}: this is not UTF-8 text. Save it as UTF-8."
        ) from error
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise UserError(f"{path}, line {line}: this is not text; it has a character of number 0.")
    return text


def _csv_rows(path, text, delimiter):
    """(line, dictionary) of each row but the first, which names the columns."""
    csv.field_size_limit(LONGEST_CELL)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        names = [name.strip() for name in next(reader, [])]
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise UserError(f"{path}, line 1: two columns are called {min(twice)!r}.")
        begin = reader.line_num + 1  # a quoted cell may hold line ends
        for cells in reader:
            if cells:  # an empty line is none
                if len(cells) != len(names):
                    raise UserError(
                        f"{path}, line {begin}: {len(cells)} cells, but {len(names)} columns. A "
                        f"cell that holds {delimiter!r} or a line end must stand in quotes."
                    )
                yield begin, dict(zip(names, cells, strict=True))
            begin = reader.line_num + 1
    except csv.Error as error:
        raise UserError(f"{path}, line {reader.line_num}: {error}. Check the quotes.") from error


def _json_rows(path, text):
    """(line, dictionary) of each line."""
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise UserError(f"{path}, line {number}: this is not JSON ({error}).") from error
        if not isinstance(row, dict):
            raise UserError(
                f"{path}, line {number}: this is no JSON object, as every line must be."
            )
        for name, value in row.items():
            if isinstance(value, (dict, list)):
                raise UserError(f"{path}, line {number}: {name} is neither a text nor a number.")
        yield number, row


def _check_names(path, columns, row):
    for name in columns:
        if name not in row:
            semicolons = any(";" in found for found in row)
            hint = " Separate cells with commas, not semicolons." if semicolons else ""
            raise UserError(f"{path} has no column {name!r}. It has: {', '.join(row)}.{hint}")
