"""Downloads of TFDS, which are what was published, or are deleted."""

import contextlib
import glob
import hashlib
import json
import shutil
from pathlib import Path

from shared.errors import UserError

STALLED = 60.0  # seconds without a byte, after which a download is given up


def check_md5(path, address, published):
    """Delete a downloaded file that isn't the one that was published, and raise UserError.

    For sums that TFDS's own checksum files, which want SHA-256, can't hold.

    Args:
        path: the file, a `pathlib` or TFDS path.
        address: where it came from.
        published: its MD5, in hexadecimal digits.
    """
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "md5").hexdigest()
    if found != published:
        path.unlink()
        raise UserError(
            f"{address} is not the file that is known: its MD5 is {found}, not {published}. It is "
            "deleted; try again."
        )


def prepare_anew(builder):
    """Download and prepare a data set, in the place of what there may be of it.

    Where that fails, nothing is left that is half done or damaged.

    Args:
        builder: of TFDS; nobody else must be preparing its data set.

    Raises:
        Exception: what TFDS raises.
    """
    import tensorflow_datasets as tfds

    _tidy(builder)
    # Without it TFDS takes a folder that lacks files for a whole one.
    anew = tfds.download.DownloadConfig(download_mode=tfds.GenerateMode.REUSE_CACHE_IF_EXISTS)
    try:
        with _given_up_when_stalled():
            builder.download_and_prepare(download_config=anew)
    except Exception as error:
        # Where neither the network nor the disk failed, it may be a download that is damaged.
        known = isinstance(error, (UserError, OSError, tfds.download.DownloadError))
        _tidy(builder, distrusted=not known)
        raise


def _tidy(builder, distrusted=False):
    """Delete what a try to prepare a data set left behind: halves, and damaged downloads.

    TFDS notes a download's checksum in a file beside it, and takes the download from then on
    without looking at it again. So each of them is held against that checksum here.

    Args:
        builder: of TFDS.
        distrusted: whether to delete also the downloads for which no checksum is published.
    """
    downloads, version = Path(builder.data_dir_root, "downloads"), Path(builder.data_dir)
    own, unpacked = downloads / builder.name, downloads / "extracted"
    left = [*own.rglob("*.tmp.*"), *version.parent.glob(f"incomplete.*_{version.name}")]
    published = getattr(builder, "url_infos", None) or {}
    # Older versions of TFDS put the downloads of all data sets into one folder.
    for note in [*own.rglob("*.INFO"), *downloads.glob("*.INFO")]:
        file, noted = note.with_suffix(""), _noted(note)
        if own not in note.parents and builder.name not in noted.get("dataset_names", ()):
            continue
        left += unpacked.glob(f"incomplete.*.{glob.escape(file.name)}")
        vouched = not distrusted or not published.keys().isdisjoint(noted.get("urls", ()))
        if not (vouched and _sha256(file) == noted.get("url_info", {}).get("checksum")):
            left += [file, note, *unpacked.glob(f"*.{glob.escape(file.name)}")]
    for path in left:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


@contextlib.contextmanager
def _given_up_when_stalled():
    """Let requests that have no time limit, which are those of TFDS, fail where nothing comes."""
    from requests.adapters import HTTPAdapter

    send = HTTPAdapter.send

    def limited(adapter, request, **how):
        return send(adapter, request, **{**how, "timeout": how.get("timeout") or STALLED})

    HTTPAdapter.send = limited
    try:
        yield
    finally:
        HTTPAdapter.send = send


def _noted(note):
    """What TFDS has noted of a download; nothing where the note is damaged."""
    try:
        noted = json.loads(note.read_bytes())
    except ValueError:
        return {}
    return noted if isinstance(noted, dict) else {}


def _sha256(path):
    """The checksum of a file; empty where there is none."""
    if not path.is_file():
        return ""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
