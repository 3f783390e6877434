"""A user's own file of text, in any of the usual encodings, read bit by bit."""

import codecs
import contextlib
from pathlib import Path

from shared.errors import UserError

BLOCK = 2**16  # characters


def read_blocks(path, newline=None):
    """The text of a file in UTF-8, or in UTF-16 with its byte-order mark, as blocks of characters.

    A byte-order mark is no part of the text.

    Args:
        path: of the file.
        newline: as for Python's `open`: None makes every kind of line end a line feed; "" leaves
            them as they are.

    Raises:
        UserError: for a file that can't be read, and with its line for what is no text.
    """
    return _checked(path, newline, lambda file: iter(lambda: file.read(BLOCK), ""))


def read_lines(path, newline=""):
    """The same text line by line, each with its end.

    Args:
        path: of the file.
        newline: as for Python's `open`: "" ends a line where any system ends one; a line feed or a
            carriage return only there.
    """
    return _checked(path, newline, iter)


def _checked(path, newline, parts_of):
    """The parts of a text file, of which each has proved to be text."""
    line = 1
    with _opened(Path(path), newline) as file:
        for part in parts_of(file):
            if "\0" in part:
                line += part[: part.index("\0")].count("\n")
                raise UserError(
                    f"{path}, line {line}: this is not text; it has a character of number 0."
                )
            line += part.count("\n")
            yield part


@contextlib.contextmanager
def _opened(path, newline):
    try:
        with open(path, "rb") as file:
            marked = file.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
        encoding = "utf-16" if marked else "utf-8-sig"
        with open(path, encoding=encoding, newline=newline) as file:
            yield file
    except OSError as error:
        raise UserError(f"Can't read {path}: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        line = _undecodable(path, encoding)
        raise UserError(
            f"{path}, line {line}: this is not UTF-8 text. Save it as UTF-8."
        ) from error


def _undecodable(path, encoding):
    """The line of the first byte that doesn't belong to a text in this encoding."""
    decoder, line, raw = codecs.getincrementaldecoder(encoding)(), 1, True
    with open(path, "rb") as file:
        while raw:
            raw = file.read(BLOCK)
            try:
                decoder.decode(raw, final=not raw)
            except UnicodeDecodeError as error:
                return line + error.object[: error.start].count(b"\n")
            line += raw.count(b"\n")
    return line
