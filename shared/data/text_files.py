"""A user's own file of text, in any of the usual encodings."""

import codecs
from pathlib import Path

from shared.errors import UserError


def read_text(path):
    """The text of a file in UTF-8, or in UTF-16 with its byte-order mark; line ends as they are.

    A byte-order mark is no part of the text.

    Raises:
        UserError: for a file that can't be read, and with its line for what is no text.
    """
    path = Path(path)
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
