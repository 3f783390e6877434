"""Files that are either whole or not there: written under a temporary name, then renamed."""

import contextlib
import hashlib
import json
import os
import re
import time
import uuid
from pathlib import Path

from shared.errors import UserError

TEMPORARY = re.compile(r"\.[0-9a-f]{8}-(.+)")  # the names that `replacing` makes
HOUR = 3600  # seconds


@contextlib.contextmanager
def replacing(path):
    """Give a temporary path beside `path`; on success rename it to `path`, else remove it.

    The temporary name keeps the ending of `path`, since libraries choose the format by it. A
    reader sees the old file or the new one, never half of one, even if the process is killed.

    Raises:
        UserError: where the folder can't be written to.
    """
    path = Path(path)
    temporary = path.with_name(f".{uuid.uuid4().hex[:8]}-{path.name}")
    try:
        yield temporary
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise UserError(f"Can't write {path}: {error.strerror or error}.") from error
    finally:
        temporary.unlink(missing_ok=True)


def remove_temporaries(folder, spared):
    """Remove what killed processes have left of `replacing` in a folder.

    Args:
        folder: the `Path`.
        spared: function from the name of a file to whether another process may be writing it just
            now; then what is to become that file is removed only where it is older than an hour.
    """
    for path in folder.glob(".*"):
        found = TEMPORARY.match(path.name)
        with contextlib.suppress(OSError):
            if found and (not spared(found[1]) or time.time() - path.stat().st_mtime > HOUR):
                path.unlink()


def digest(content):
    """What tells one content, bytes, from every other: its size and SHA-256."""
    return {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def write_bytes(path, content):
    """Write `content` to `path`, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def write_text(path, text):
    """Write `text` to `path` as UTF-8, whole or not at all."""
    write_bytes(path, text.encode())


def write_json(path, value):
    """Write `value` to `path` as indented JSON, whole or not at all."""
    write_text(path, json_text(value) + "\n")


def json_text(value):
    """`value` as indented JSON that can be written as UTF-8."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    if not text.isascii() and text.encode(errors="ignore").decode() != text:
        text = json.dumps(value, indent=2)  # a file name that is no text, say, in escapes
    return text


def read_json(path):
    """Read a JSON file.

    Raises:
        UserError: where the file is absent, unreadable or not JSON.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"Can't read {path}: {error.strerror or error}.") from error
    except (ValueError, RecursionError) as error:  # the latter where it is nested too deeply
        raise UserError(f"{path} is damaged: it is not valid JSON ({error}).") from error
