"""The one exception that is meant for the person at the keyboard."""


class UserError(Exception):
    """Something the user can mend: a wrong value, a missing file, data that can't be had.

    Its message is one line that says what is wrong, with which value, and what to do next. The
    command line prints it as it stands and exits with a non-zero code; no traceback follows.
    """
