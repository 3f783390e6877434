"""TensorFlow's import without the lines that its C++ libraries print while they load."""

import contextlib
import os
import sys


@contextlib.contextmanager
def quiet_import():
    """Standard error closed, for whatever may be the first to import TensorFlow.

    The lines come before any log level is in force, so nothing else keeps them off. An import that
    fails still raises.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    kept, nothing = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nothing)
