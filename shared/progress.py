"""Progress of what takes longer than two seconds, where somebody is looking."""

from tqdm import tqdm


def progress(iterable=None, total=None, *, doing, unit):
    """A bar on standard error, from the second second on; nothing where that is no terminal.

    Args:
        iterable: what is gone through, and handed on; None where `update` is called instead.
        total: how many there are, where the iterable doesn't tell.
        doing: what is being done, one word or two before the bar.
        unit: what is counted.

    Returns:
        A `tqdm` bar: to be iterated over, or a context manager with `update(count)`.
    """
    return tqdm(
        iterable, desc=doing, total=total, unit=unit, delay=2, disable=None, dynamic_ncols=True
    )
