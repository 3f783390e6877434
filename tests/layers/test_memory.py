"""Freed memory stays in the process from the first recurrent layer on, or not where declined.

Counted in page faults, where the C library is glibc.
"""

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from shared.layers import loops
from shared.layers.loops.memory import DECLINE, keep_freed_memory

ROOT = Path(__file__).parents[2]

# Twenty times the same 40 MiB, written to and freed, by the main thread and then by another: how
# many pages had to be found anew each time?
COUNT_FAULTS = """
import ctypes, resource, threading
import numpy
from shared.layers import SimpleRNN
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
SimpleRNN(1)(numpy.zeros((1, 1, 1), "float32"))
def count():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
def use():
    before = count()
    for _ in range(20):
        block = ctypes.c_void_p(libc.malloc(ctypes.c_size_t(40 * 2**20)))
        libc.memset(block, 1, ctypes.c_size_t(40 * 2**20))
        libc.free(block)
    print(count() - before)
use()
worker = threading.Thread(target=use)
worker.start()
worker.join()
"""
ONCE = 40 * 2**20 // 4096


def faults(**environment):
    environment = {**os.environ, **environment}
    command = [sys.executable, "-c", COUNT_FAULTS]
    printed = subprocess.check_output(command, cwd=ROOT, env=environment, text=True)
    return [int(line) for line in printed.splitlines()[-2:]]


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library than glibc")
@pytest.mark.skipif(loops.on_gpu(), reason="done on a CPU alone")
def test_the_same_pages_serve_again():
    assert max(faults()) < 2.5 * ONCE
    assert min(faults(**{DECLINE: "0"})) > 5 * ONCE


def test_another_c_library_is_left_alone(monkeypatch):
    keep_freed_memory.cache_clear()
    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    assert keep_freed_memory() is False
    keep_freed_memory.cache_clear()
