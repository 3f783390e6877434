"""Numbers and texts that lie in a temporary file, and are read from there when they are asked for.

    ids = Sequences(numbered(texts), size=20_000)
    ids[7]                    one sequence, an array
    ids[[3, 7, 1]]            those three, still on disk; so are ids[:100]

So texts may be larger than memory, which holds only sixteen bytes for each. The file has no name:
the system takes it back when nothing refers to it any more or the process ends, in whatever way.
"""

import contextlib
import copy
import itertools
import os
import tempfile
from array import array
from collections.abc import Sequence

import numpy as np

from shared.errors import UserError

LARGE = "/var/tmp"  # on many systems /tmp lies in memory
BUFFER = 2**17  # numbers that are read, and bytes that are written at once
TOGETHER = 4096  # items of a part


class Numbers:
    """A long array of one dimension, which grows at its end and is read in slices.

    Args:
        parts: iterable of what it begins with: arrays or lists of ints, at least 0 and below
            `size`.
        size: how many different numbers there are.

    Raises:
        UserError: here and in `extend` and `flush`, where there is no room for them.
    """

    def __init__(self, parts, size):
        self._size, self._dtype = size, np.min_scalar_type(size - 1)
        self._length = 0
        self._unwritten = bytearray()
        self._folder = _folder()
        with self._room():
            self._file = tempfile.TemporaryFile(dir=self._folder, buffering=0)  # noqa: SIM115
        for part in parts:
            self.extend(part)
        self.flush()

    def __len__(self):
        return self._length

    def extend(self, values):
        """Append some numbers: an array, or what can become one."""
        values = np.asarray(values, self._dtype)
        self._unwritten += values.tobytes()
        self._length += len(values)
        if len(self._unwritten) >= BUFFER:
            self.flush()

    def flush(self):
        """Write what is in memory yet."""
        left, self._unwritten = memoryview(self._unwritten), bytearray()
        with self._room():
            while left:
                left = left[self._file.write(left) :]

    def __getitem__(self, part):
        """The array of a slice, whose step must be 1."""
        if self._unwritten:
            self.flush()
        begin, end, _ = part.indices(self._length)
        size = self._dtype.itemsize
        # A memory map's pages would count as memory of this process.
        raw = os.pread(self._file.fileno(), size * max(0, end - begin), size * begin)
        return np.frombuffer(raw, self._dtype)

    def counts(self):
        """How often each number occurs: an int array, whose index is the number."""
        parts = (self[begin : begin + BUFFER] for begin in range(0, len(self), BUFFER))
        return sum(np.bincount(part, minlength=self._size) for part in parts)

    @contextlib.contextmanager
    def _room(self):
        """Say what helps where the file can't be written."""
        try:
            yield
        except OSError as error:
            raise UserError(
                f"Can't write a temporary file in {self._folder}: {error.strerror}. Make some room "
                "there, or set TMPDIR to another folder."
            ) from error


class Sequences(Sequence):
    """Arrays of numbers, each of any length.

    Indexed by an int it gives an array; by a slice or several places those sequences, without a
    copy of them.

    Args:
        sequences: iterable of arrays or lists of ints, at least 0 and below `size`.
        size: how many different numbers there are.

    Raises:
        UserError: where there is no room for them.
    """

    def __init__(self, sequences, size):
        self._numbers = Numbers([], size)
        self._begins, self._lengths = array("q"), array("q")
        for sequence in sequences:
            self.append(sequence)
        self._numbers.flush()

    def append(self, sequence):
        """Put one more at the end; of those that were chosen from others there is no end."""
        self._begins.append(len(self._numbers))
        self._lengths.append(len(sequence))
        self._numbers.extend(sequence)

    @property
    def lengths(self):
        """How many numbers each sequence has, an int array."""
        return np.array(self._lengths)

    def __len__(self):
        return len(self._lengths)

    def __getitem__(self, place):
        if isinstance(place, (int, np.integer)):
            begin = self._begins[place]
            return self._numbers[begin : begin + self._lengths[place]]
        chosen = copy.copy(self)
        chosen._begins = np.array(self._begins)[place]
        chosen._lengths = np.array(self._lengths)[place]
        return chosen


class Texts(Sequences):
    """Strings; see `Sequences`."""

    def __init__(self, texts=()):
        super().__init__(texts, size=256)

    def append(self, text):
        super().append(np.frombuffer(text.encode(), "uint8"))

    def __getitem__(self, place):
        found = super().__getitem__(place)
        return found.tobytes().decode() if isinstance(found, np.ndarray) else found


def lengths_of(sequences):
    """The length of each of some sequences, on disk or in memory: an int array."""
    if isinstance(sequences, Sequences):
        return sequences.lengths
    return np.array([len(sequence) for sequence in sequences])


def in_parts(items):
    """Lists of some thousands of items at a time, such as of `Sequences`, in their order."""
    items = iter(items)
    while part := list(itertools.islice(items, TOGETHER)):
        yield part


def _folder():
    """Where TMPDIR says, else where the system has room for large temporary files."""
    if "TMPDIR" not in os.environ and os.access(LARGE, os.W_OK):
        return LARGE
    return tempfile.gettempdir()
