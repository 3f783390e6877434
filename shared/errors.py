"""The exceptions that are meant for the person at the keyboard."""


class UserError(Exception):
    """Something the user can mend: a wrong value, a missing file, data that can't be had.

    Its message is one line that says what is wrong, with which value, and what to do next. The
    command line prints it as it stands and exits with a non-zero code; no traceback follows.
    """


class Stopped(Exception):
    """A training that a signal asked to stop, and that has saved what it had.

    Args:
        message: one line that says where it stopped and how to go on.
        signal_number: of the signal; the command line exits with 128 more than that.
    """

    def __init__(self, message, signal_number):
        super().__init__(message)
        self.signal_number = signal_number
