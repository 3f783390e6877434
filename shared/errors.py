"""The exceptions that are meant for the person at the keyboard."""

import contextlib

LONGEST = 1000  # characters of a message, which may show what is in a file


class UserError(Exception):
    """Something the user can mend: a wrong value, a missing file, data that can't be had.

    Its message is one line that says what is wrong, with which value, and what to do next. The
    command line prints it as it stands and exits with a non-zero code; no traceback follows.
    """

    def __init__(self, message):
        super().__init__(one_line(message))


class Stopped(Exception):
    """A training that a signal asked to stop, and that has saved what it had.

    Args:
        message: one line that says where it stopped and how to go on.
        signal_number: of the signal; the command line exits with 128 more than that.
    """

    def __init__(self, message, signal_number):
        super().__init__(message)
        self.signal_number = signal_number


def one_line(text):
    """A text without line ends, and without its middle where it is too long to be read."""
    line = " ".join(str(text).split())
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 303]} … {line[-300:]}"


@contextlib.contextmanager
def errors_in_one_line():
    """Where a program has no commands of click: a `UserError` ends it with its line and code 1."""
    try:
        yield
    except UserError as error:
        raise SystemExit(f"Error: {error}") from error
