"""What the C library does with memory that the process has freed."""

import ctypes
import functools
import os
import platform

# Parameters of mallopt, from glibc's malloc.h.
TRIM_THRESHOLD, TOP_PAD, MMAP_MAX = -1, -2, -4

DECLINE = "KEEP_FREED_MEMORY"  # the environment variable, "0" to decline


@functools.cache
def keep_freed_memory():
    """Have the C library keep memory that was freed, for what comes next.

    A training step on the CPU allocates and frees the same large arrays as the one before it. By
    default glibc hands each of them back to the operating system, which must then find it anew,
    page by page, and fill it with zeros: in the translation recipe that was half of every step. Now
    the process stays as large as it was at its largest moment, and does so only once.

    The first recurrent layer that runs on a CPU calls this. It applies to the whole process and
    can't be undone; to decline, set the environment variable KEEP_FREED_MEMORY=0 before. Does
    nothing where the C library isn't glibc.

    Returns:
        Whether freed memory is now kept.
    """
    if os.environ.get(DECLINE) == "0" or platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    wanted = ((MMAP_MAX, 0), (TRIM_THRESHOLD, 2**31 - 1), (TOP_PAD, 64 * 2**20))
    return all([mallopt(parameter, value) for parameter, value in wanted])
