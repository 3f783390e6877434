"""A lock on a file that dies with the process that holds it."""

import contextlib
import datetime
import fcntl
import os
import platform
import sys

from shared.errors import UserError


@contextlib.contextmanager
def locked(path, busy, wait=False):
    """Hold a lock while the block runs; the file is gone afterwards.

    The operating system lets go of it when the process ends, however it ends. So a file that a
    killed process has left behind locks nothing.

    Args:
        path: the `Path` of the lock's own file; its folder is there.
        busy: function from the words for who holds it to what to say then.
        wait: whether to wait for it, and say so on standard error, or to refuse.

    Raises:
        UserError: where another process holds it and `wait` is False.
    """
    with _held(path, busy, wait) as file:
        try:
            since = datetime.datetime.now().astimezone().isoformat(" ", "seconds")
            file.truncate(0)
            file.write(f"process {os.getpid()} on {platform.node()} since {since}\n")
            file.flush()
            yield
        finally:
            path.unlink(missing_ok=True)  # while it is held: nobody else can hold this file


def _held(path, busy, wait):
    """The open file, once it is locked and still there."""
    while True:
        file = _open(path)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            line = busy(file.read().strip() or "another process")
            if not wait:
                file.close()
                raise UserError(line) from error
            print(line, file=sys.stderr, flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        if _still_there(path, file):
            return file
        file.close()  # whoever held it has just removed it


def _open(path):
    try:
        return open(os.open(path, os.O_RDWR | os.O_CREAT, 0o666), "r+", encoding="utf-8")
    except OSError as error:
        raise UserError(f"Can't write {path}: {error.strerror}.") from error


def _still_there(path, file):
    try:
        return os.path.samestat(os.stat(path), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False
