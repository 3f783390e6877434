"""A lock on a file that dies with the process that holds it."""

import contextlib
import datetime
import fcntl
import os
import platform

from shared.errors import UserError


@contextlib.contextmanager
def locked(path, what, remedy):
    """Hold a lock while the block runs; the file is gone afterwards.

    The operating system lets go of it when the process ends, however it ends. So a file that a
    killed process has left behind locks nothing.

    Args:
        path: the `Path` of the lock's own file; its folder is there.
        what: what is locked, for the message.
        remedy: what to do where another process holds it, the message's last sentence.

    Raises:
        UserError: where another process holds it; the message says which one.
    """
    with _open(path) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = file.read().strip() or "another process"
            raise UserError(f"{what} is in use by {holder}. {remedy}") from error
        if not _still_there(path, file):  # it was let go of just now, and its file removed
            raise UserError(f"{what} was in use until just now. Try again.")
        try:
            since = datetime.datetime.now().astimezone().isoformat(" ", "seconds")
            file.truncate(0)
            file.write(f"process {os.getpid()} on {platform.node()} since {since}\n")
            file.flush()
            yield
        finally:
            path.unlink(missing_ok=True)  # while it is held: nobody else can hold this file


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
