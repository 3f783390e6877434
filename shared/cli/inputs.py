"""What `predict` and `inspect` are asked about: arguments, or lines of standard input."""

import os
import sys

from shared.errors import UserError


def read_texts(inputs, empty_lines=False):
    """The texts to predict from: the arguments themselves, or with `-` the lines of stdin.

    Bytes that are not UTF-8 become the replacement character, so that any input can be answered.

    Args:
        inputs: the command's arguments.
        empty_lines: take empty lines of standard input as they are, where each line of the answer
            belongs to one of them.

    Raises:
        UserError: for a text that is empty or only white space.
    """
    texts = []
    for number, text in enumerate(inputs, start=1):
        if text == "-":
            for line_number, line in enumerate(sys.stdin.buffer, start=1):
                where = f"line {line_number} of standard input"
                texts.append(_readable(line, where, empty_lines))
        else:
            texts.append(_readable(os.fsencode(text), f"input {number}"))
    if not texts:
        raise UserError("Standard input is empty; give one text per line.")
    return texts


def _readable(raw, where, may_be_empty=False):
    text = raw.decode("utf-8", errors="replace").replace("\0", " ").strip()
    if not text and not may_be_empty:
        raise UserError(f"The text of {where} is empty; give at least one word.")
    return text


def read_paths(inputs):
    """The files to predict from: the arguments themselves, or with `-` one per line of stdin.

    Whether they can be read shows when they are.

    Raises:
        UserError: where standard input names none, or an argument is empty.
    """
    paths = []
    for number, path in enumerate(inputs, start=1):
        if path == "-":
            lines = [os.fsdecode(line.rstrip(b"\r\n")) for line in sys.stdin.buffer]
            paths += [line for line in lines if line.strip()]
        elif not path:
            raise UserError(f"Input {number} is empty; name a file.")
        else:
            paths.append(path)
    if not paths:
        raise UserError("Standard input is empty; give one file name per line.")
    for path in paths:
        if "\0" in path:  # which no system takes in a name
            raise UserError(f"{path!r} is no file name. Give one file name per line.")
    return paths
