"""Numbers and texts on disk: as they were in memory, and nothing is left of them."""

import errno
import gc
import itertools
import os
import resource
import subprocess
import sys

import numpy as np
import pytest

from shared.data import on_disk
from shared.data.batching import bucketed_batches, paired_batches
from shared.data.on_disk import Numbers, Sequences, Texts, in_parts, lengths_of
from shared.errors import UserError
from tests.conftest import ROOT, environment

STRINGS = ["", "Ärger", "这部电影 😀", "x" * 200_000, "a\0\nb"]


@pytest.fixture(scope="module")
def in_memory():
    generator = np.random.default_rng(3)
    lengths = np.ceil(generator.gamma(2.0, 40.0, 500)).astype(int)
    return [generator.integers(1, 300, length).astype("int32") for length in lengths]


def same(found, expected):
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("size", [7, 256, 257, 70_000])
def test_numbers_are_read_as_they_were_written(size):
    expected = np.random.default_rng(size).integers(size, size=300_000)
    found = Numbers([expected[:10], [], expected[10:200_000], expected[200_000:]], size)
    assert len(found) == 300_000
    for part in (slice(None), slice(5, 9), slice(299_999, 400_000), slice(9, 5), slice(-3, None)):
        np.testing.assert_array_equal(found[part], expected[part])
    np.testing.assert_array_equal(found.counts(), np.bincount(expected, minlength=size))


def test_sequences_are_indexed_as_lists_and_arrays_are(in_memory):
    stored = Sequences(in_memory, size=300)
    same(stored, in_memory)
    same([stored[-1], stored[np.int64(7)]], [in_memory[-1], in_memory[7]])
    same(stored[10:20], in_memory[10:20])
    far_apart = np.array([499, 0, 250])
    same(stored[far_apart], [in_memory[place] for place in far_apart])
    same(stored[np.array([7, 3, 7])][1:], [in_memory[3], in_memory[7]])
    same(list(itertools.chain(*in_parts(stored))), in_memory)
    np.testing.assert_array_equal(lengths_of(stored), lengths_of(in_memory))
    with pytest.raises(IndexError):
        stored[500]


def test_texts_come_back_as_they_were():
    stored = Texts(STRINGS)
    assert list(stored) == STRINGS
    stored.append("more")
    assert stored[5] == "more" and list(stored[[5, 0, 2]]) == ["more", "", STRINGS[2]]


@pytest.mark.parametrize("seed", [None, [1, 2]])
def test_batches_are_those_of_sequences_in_memory(in_memory, seed):
    stored, targets = Sequences(in_memory, size=300), np.arange(500)
    pairs = [bucketed_batches(each, targets, 32, seed) for each in (stored, in_memory)]
    for batch, expected in zip(*pairs, strict=True):
        same(batch, expected)
    pairs = [paired_batches(each, each[::-1], 32, seed) for each in (stored, in_memory)]
    same(*pairs)


def open_files():
    """The files without a name that this process has open."""
    links = (f"/proc/self/fd/{name}" for name in os.listdir("/proc/self/fd"))
    return sum("(deleted)" in os.readlink(link) for link in links if os.path.islink(link))


def test_nothing_is_left_when_nothing_refers_to_them(tmp_path, monkeypatch):
    monkeypatch.setattr(on_disk, "_folder", lambda: tmp_path)
    gc.collect()
    before = open_files()
    part = Texts(STRINGS)[1:3]
    assert open_files() == before + 1 and not list(tmp_path.iterdir())
    assert list(part) == STRINGS[1:3]
    del part
    assert open_files() == before


@pytest.mark.parametrize(
    "end", ["pass", "1 / 0", "os.kill(os.getpid(), 15)", "os.kill(os.getpid(), 9)"]
)
def test_nothing_is_left_however_the_process_ends(end, tmp_path):
    code = (
        "import os; from shared.data.on_disk import Texts\n"
        f"texts = Texts(['x' * 1_000_000]); assert texts[0]; print('done', flush=True); {end}"
    )
    where = {**environment(), "TMPDIR": str(tmp_path)}
    process = subprocess.run(
        [sys.executable, "-c", code], env=where, cwd=ROOT, capture_output=True, text=True
    )
    assert process.stdout == "done\n" and (process.returncode == 0) == (end == "pass")
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(on_disk, "_folder", lambda: tmp_path)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, limits[1]))
    try:
        with pytest.raises(UserError) as refused:
            Sequences(([1] * 1000 for _ in range(2000)), size=9)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert str(refused.value) == (
        f"Can't write a temporary file in {tmp_path}: {os.strerror(errno.EFBIG)}. Make some room "
        "there, or set TMPDIR to another folder."
    )


def test_where_temporary_files_go(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    assert on_disk._folder() == str(tmp_path)
    monkeypatch.delenv("TMPDIR")
    assert on_disk._folder() == on_disk.LARGE
    monkeypatch.setattr(on_disk, "LARGE", str(tmp_path / "none"))
    assert os.path.isdir(on_disk._folder())
