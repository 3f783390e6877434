"""The version of a user's own files: a few letters that change where their content does."""

import hashlib
from pathlib import Path

from shared.errors import UserError
from shared.progress import progress


def fingerprint(paths, below=None, contents=None):
    """A few letters that change where one of some files does.

    Args:
        paths: of the files; their order counts.
        below: a folder. The files' names relative to it count too; without it names don't.
        contents: the files' `digests`, where they have been made already.

    Raises:
        UserError: for a file that can't be read.
    """
    found = hashlib.sha256()
    for path, content in zip(paths, contents or digests(paths), strict=True):
        if below is not None:
            found.update(
                str(Path(path).relative_to(below)).encode(errors="surrogateescape") + b"\0"
            )
        found.update(content)
    return found.hexdigest()[:16]


def digests(paths):
    """For each file some bytes that are the same for files of the same content, and no others.

    Raises:
        UserError: for a file that can't be read.
    """
    found = []
    for path in progress(paths, doing="looking for changes", unit="file"):
        try:
            with open(path, "rb") as file:
                found.append(hashlib.file_digest(file, "sha256").digest())
        except OSError as error:
            raise UserError(f"Can't read {path}: {error.strerror}.") from error
    return found
