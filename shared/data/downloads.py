"""Downloaded files, checked against the sums that were published for them."""

import hashlib

from shared.errors import UserError


def check_md5(path, address, published):
    """Raise UserError where a downloaded file isn't the one that was published.

    For sums that TFDS's own checksum files, which want SHA-256, can't hold.

    Args:
        path: the file, a `pathlib` or TFDS path.
        address: where it came from.
        published: its MD5, in hexadecimal digits.
    """
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "md5").hexdigest()
    if found != published:
        raise UserError(
            f"{address} is not the file that is known: its MD5 is {found}, not {published}. Delete "
            f"{path} and try again."
        )
