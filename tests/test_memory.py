"""Freed memory stays in the process: counted in page faults, where the C library is glibc."""

import platform
import subprocess
import sys

import pytest

from shared.memory import keep_freed_memory
from tests.conftest import ROOT

# Twenty times the same 40 MiB, written to and freed: how many pages had to be found anew?
COUNT_FAULTS = """
import ctypes, resource, sys
from shared.memory import keep_freed_memory
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
if sys.argv[1] == "keep":
    assert keep_freed_memory()
def use():
    for _ in range(20):
        block = ctypes.c_void_p(libc.malloc(ctypes.c_size_t(40 * 2**20)))
        libc.memset(block, 1, ctypes.c_size_t(40 * 2**20))
        libc.free(block)
if sys.argv[2] == "in a thread":
    import threading
    worker = threading.Thread(target=use)
    worker.start()
    worker.join()
else:
    use()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library than glibc")
@pytest.mark.parametrize("where", ["in main", "in a thread"])
def test_the_same_pages_serve_again(where):
    faults = {
        how: int(
            subprocess.check_output(
                [sys.executable, "-c", COUNT_FAULTS, how, where], cwd=ROOT, text=True
            )
        )
        for how in ("keep", "leave")
    }
    once = 40 * 2**20 // 4096
    assert faults["keep"] < 2.5 * once, faults
    assert faults["leave"] > 2 * faults["keep"], faults


def test_another_c_library_is_left_alone(monkeypatch):
    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    assert keep_freed_memory() is False
