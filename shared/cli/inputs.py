"""What `predict` and `inspect` are asked about: arguments, or lines of standard input."""

import os
import queue
import sys
import threading
import time
from typing import NamedTuple

import click

from shared.errors import UserError

from .screens import in_one_line, print_prediction

TEXTS, FILES = 4096, 64  # inputs that are answered together, at most
TOGETHER = 2**20  # bytes of such inputs
LONGEST = 16 * 2**20  # bytes of a line; what is longer is refused rather than kept in memory
CHUNK = 2**16  # bytes that are read at once
AHEAD = 16  # chunks that are read before they are asked for


class Input(NamedTuple):
    """One input as it came."""

    raw: bytes  # of a line that is too long, only its beginning
    name: str  # what errors call it
    of_stdin: bool
    too_long: bool = False


def read_texts(options, at_most=TEXTS, empty_lines=False, decode=None):
    """The texts to predict from, as they come; with `-` the lines of standard input.

    Bytes that are not UTF-8 become the replacement character, so that any input can be answered.
    One that can't be is reported in its turn, as `_report` says, and the others are answered.

    Args:
        options: the namespace of `predict`.
        at_most: how many texts to answer together. More are quicker where those of like length
            share a batch; but the first has its answer only when the last has.
        empty_lines: take empty lines of standard input as they are, where each line of the answer
            belongs to one of them.
        decode: function from a text to what the network takes of it; see `read_paths`.

    Yields:
        Lists of strings, or with `decode` of `(text, what decode returned)`: what has come since
        the list before. Where nothing has, it waits for the next one.

    Raises:
        UserError: where standard input is closed, can't be read or holds nothing.
        click.exceptions.Exit: at the end, with 1, where an input could not be answered.
    """

    def check(given):
        text = _text(given, empty_lines)
        return (text, decode(text)) if decode else text

    return _good_ones(options, _inputs(options.inputs), check, at_most, "text")


def read_paths(options, decode):
    """The files to predict from, as their names come; with `-` one per line of standard input.

    Args:
        options: the namespace of `predict`.
        decode: function from a path to what is in the file. An error of the user that it raises
            is reported as one of this input.

    Yields:
        Lists of `(path, what decode returned)`, at most `FILES`; see `read_texts`.

    Raises:
        As `read_texts`.
    """

    def check(given):
        path = _path(given)
        return path, decode(path)

    return _good_ones(options, _without_blank_lines(options.inputs), check, FILES, "file name")


def read_text(given):
    """The one text that `inspect` shows: its argument, or with `-` the line of standard input.

    Raises:
        UserError: where it is empty, too long, or not one.
    """
    return _text(_only(_inputs([given]), "text"))


def read_path(given):
    """The one file that `inspect` shows; see `read_text`."""
    return _path(_only(_without_blank_lines([given]), "file name"))


def read_all():
    """All of standard input as one text.

    Raises:
        UserError: where it is closed or can't be read.
    """
    try:
        return _stdin().read().decode("utf-8", errors="replace")
    except OSError as error:
        raise _unreadable(error) from error


def _good_ones(options, inputs, check, at_most, kind):
    """Lists of what `check` returns; the inputs that it refuses are reported in between."""
    errors = "replace" if kind == "text" else "surrogateescape"  # a file's name may be any bytes
    some, size, any_came, all_good = [], 0, False, True
    for given in inputs:
        refusal = None
        if given is not None:
            any_came = True
            size += len(given.raw)
            try:
                some.append(check(given))
            except UserError as error:
                refusal = error
        enough = given is None or refusal or len(some) == at_most or size >= TOGETHER
        if some and enough:
            yield some
            some, size = [], 0
        if refusal:
            _report(options, given.raw.decode("utf-8", errors=errors), refusal)
            all_good = False
    if some:
        yield some
    if not any_came:
        raise _nothing(kind)
    if not all_good:
        raise click.exceptions.Exit(1)


def _report(options, given, error):
    """Say on standard error what is wrong; with --json, an object stands for the answer as well."""
    if options.as_json:
        print_prediction(True, {"input": given, "error": str(error)})
    click.ClickException(in_one_line(error)).show()


def _text(given, may_be_empty=False):
    _check_length(given)
    text = given.raw.decode("utf-8", errors="replace").replace("\0", " ").strip()
    if not text and not (may_be_empty and given.of_stdin):
        raise UserError(f"The text of {given.name} is empty; give at least one word.")
    return text


def _path(given):
    _check_length(given)
    path = os.fsdecode(given.raw)
    if not path:
        raise UserError(f"The name of {given.name} is empty; name a file.")
    if "\0" in path:  # which no system takes in a name
        raise UserError(f"{path!r} is no file name. Give one file name per line.")
    return path


def _check_length(given):
    if given.too_long:
        raise UserError(f"More than {LONGEST:,} bytes stand in {given.name}. Give shorter lines.")


def _only(inputs, kind):
    given = [each for each in inputs if each is not None]
    if not given:
        raise _nothing(kind)
    if len(given) > 1:
        raise UserError(f"Standard input has {len(given)} lines; give one {kind}.")
    return given[0]


def _nothing(kind):
    return UserError(f"Standard input is empty; give one {kind} per line.")


def _without_blank_lines(inputs):
    for given in _inputs(inputs):
        if given is None or not given.of_stdin:
            yield given
        elif given.raw.strip():
            yield given._replace(raw=given.raw.removesuffix(b"\r"))


def _inputs(arguments):
    """Each `Input`, and None where the next one hasn't come yet."""
    for number, argument in enumerate(arguments, start=1):
        if argument != "-":
            yield Input(os.fsencode(argument), f"input {number}", of_stdin=False)
            continue
        number = 0
        for line, too_long in _lines(_chunks()):
            if line is None:
                yield None
                continue
            number += 1
            yield Input(line, f"line {number} of standard input", True, too_long)


def _lines(chunks):
    """The lines in chunks of bytes, and None where a chunk is: `(line, whether it is too long)`.

    One that is too long is handed on as soon as it is; what follows of it is passed over.
    """
    pieces, size = [], 0  # of the line that has not ended
    for chunk in chunks:
        if chunk is None:
            yield None, False
            continue
        for number, piece in enumerate(chunk.split(b"\n")):
            if number:  # there was a line end before it
                if size <= LONGEST:
                    yield b"".join(pieces), False
                pieces, size = [], 0
            before, size = size, size + len(piece)
            if size <= LONGEST:
                pieces.append(piece)
            elif before <= LONGEST:
                yield b"".join([*pieces, piece])[:80], True
                pieces = []
    if 0 < size <= LONGEST:
        yield b"".join(pieces), False


def _chunks():
    """What is read from standard input, and None where nothing has come yet.

    A thread waits for it, so that the others can be answered meanwhile. It reads below the buffer
    of `sys.stdin`, whose lock it would hold while it waits: Python can't end then.
    """
    come = queue.Queue(AHEAD)
    threading.Thread(target=_read_into, args=(come, _stdin()), daemon=True).start()
    while True:
        try:
            chunk = come.get_nowait()
        except queue.Empty:
            yield None
            chunk = come.get()
        if isinstance(chunk, OSError):
            raise _unreadable(chunk)
        if not chunk:
            return
        yield chunk


def _read_into(come, stdin):
    chunk = None
    while chunk != b"":
        try:
            chunk = stdin.read(CHUNK)
        except OSError as error:
            come.put(error)
            return
        if chunk is None:  # whoever opened it doesn't want readers to wait
            time.sleep(0.05)
        else:
            come.put(chunk)


def _stdin():
    if sys.stdin is None:
        raise UserError("Standard input is closed; send it a file, or give the input itself.")
    return getattr(sys.stdin.buffer, "raw", sys.stdin.buffer)


def _unreadable(error):
    return UserError(f"Can't read standard input: {error.strerror}. Send it a file of lines.")
