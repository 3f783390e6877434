"""Numbers and texts that lie in a temporary file, and are read from there when they are asked for.

    ids = Sequences(numbered(texts), size=20_000)
    ids[7]                    one sequence, an array
    ids[[3, 7, 1]]            those three, still on disk; so are ids[:100]

So texts may be larger than memory, which holds only a few bytes for each. The file has no name: the
system takes it back when nothing refers to it any more or the process ends, in whatever way.
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
BUFFER = 2**17  # bytes that are written at once, and numbers that are counted
GROUP = 64  # sequences of which only the first one's place in the file is kept in memory
TOGETHER = 512  # sequences that are read at once where they lie side by side
MOST = 2**22  # bytes of them at most


class _File:
    """A temporary file, which grows at its end; its length is in bytes."""

    def __init__(self):
        self._length, self._unwritten = 0, bytearray()
        self._folder = _folder()
        with self._room():
            self._file = tempfile.TemporaryFile(dir=self._folder, buffering=0)  # noqa: SIM115

    def __len__(self):
        return self._length

    def append(self, raw):
        self._unwritten += raw
        self._length += len(raw)
        if len(self._unwritten) >= BUFFER:
            self.flush()

    def flush(self):
        """Write what was only in memory."""
        left, self._unwritten = memoryview(self._unwritten), bytearray()
        with self._room():
            while left:
                left = left[self._file.write(left) :]

    def read(self, begin, end):
        if self._unwritten:
            self.flush()
        # A memory map's pages would count as memory of this process.
        return os.pread(self._file.fileno(), end - begin, begin)

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


class Numbers:
    """A long array of one dimension, which is read in slices.

    Args:
        parts: iterable of its parts: arrays or lists of ints, at least 0 and below `size`.
        size: how many different numbers there are.

    Raises:
        UserError: where there is no room for them.
    """

    def __init__(self, parts, size):
        self._size, self._dtype = size, np.min_scalar_type(size - 1)
        self._file = _File()
        for part in parts:
            self._file.append(np.asarray(part, self._dtype).tobytes())
        self._file.flush()

    def __len__(self):
        return len(self._file) // self._dtype.itemsize

    def __getitem__(self, part):
        """The array of a slice, whose step must be 1."""
        begin, end, _ = part.indices(len(self))
        size = self._dtype.itemsize
        return np.frombuffer(self._file.read(size * begin, size * max(begin, end)), self._dtype)

    def counts(self):
        """How often each number occurs: an int array, whose index is the number."""
        parts = (self[begin : begin + BUFFER] for begin in range(0, len(self), BUFFER))
        return sum(np.bincount(part, minlength=self._size) for part in parts)


class Sequences(Sequence):
    """Arrays of numbers, each of any length.

    Indexed by an int it gives an array; by a slice or several places those sequences, without a
    copy of them. In memory there are four bytes for each, and four more for each that was chosen:
    a text of short sentences has millions.

    Args:
        sequences: iterable of arrays or lists of ints, at least 0 and below `size`.
        size: how many different numbers there are.

    Raises:
        UserError: where there is no room for them.
    """

    def __init__(self, sequences, size):
        self._dtype = np.min_scalar_type(size - 1)
        self._file = _File()
        self._sizes = array("I")  # of each in bytes
        self._begins = array("q")  # of every `GROUP`th in the file
        self._places = None  # of those that were chosen
        for sequence in sequences:
            self.append(sequence)
        self._file.flush()

    def append(self, sequence):
        """Put one more at the end; of those that were chosen from others there is no end."""
        raw = self._to_bytes(sequence)
        if len(self._sizes) % GROUP == 0:
            self._begins.append(len(self._file))
        self._sizes.append(len(raw))
        self._file.append(raw)

    @property
    def lengths(self):
        """How many numbers each sequence has, an int32 array."""
        lengths = (np.array(self._sizes) // self._dtype.itemsize).astype("int32")
        return lengths if self._places is None else lengths[self._places]

    def __len__(self):
        return len(self._sizes if self._places is None else self._places)

    def __getitem__(self, place):
        if isinstance(place, (int, np.integer)):
            place = range(len(self))[place]
            return self._read(place if self._places is None else int(self._places[place]))
        chosen = copy.copy(self)
        among = np.arange(len(self), dtype="int32") if self._places is None else self._places
        chosen._places = among[place]
        return chosen

    def __iter__(self):
        for first in range(0, len(self), TOGETHER):
            end = min(first + TOGETHER, len(self))
            places = range(first, end) if self._places is None else self._places[first:end].tolist()
            low, high = min(places), max(places) + 1
            sizes = self._sizes[low:high] if high - low <= 2 * TOGETHER else ()
            if 0 < sum(sizes) <= MOST:
                begin = self._begin(low)
                raw = self._file.read(begin, begin + sum(sizes))
                ends = list(itertools.accumulate(sizes, initial=0))
                for place in places:
                    yield self._from_bytes(raw[ends[place - low] : ends[place - low + 1]])
            else:
                yield from map(self._read, places)

    def _read(self, place):
        begin = self._begin(place)
        return self._from_bytes(self._file.read(begin, begin + self._sizes[place]))

    def _begin(self, place):
        group = place // GROUP
        return self._begins[group] + sum(self._sizes[GROUP * group : place])

    def _to_bytes(self, sequence):
        return np.asarray(sequence, self._dtype).tobytes()

    def _from_bytes(self, raw):
        return np.frombuffer(raw, self._dtype)


class Texts(Sequences):
    """Strings; see `Sequences`."""

    def __init__(self, texts=()):
        super().__init__(texts, size=256)

    def _to_bytes(self, text):
        return text.encode()

    def _from_bytes(self, raw):
        return raw.decode()


def lengths_of(sequences):
    """The length of each of some sequences, on disk or in memory: an int array."""
    if isinstance(sequences, Sequences):
        return sequences.lengths
    return np.array([len(sequence) for sequence in sequences])


def in_parts(items):
    """Lists of some hundreds of items at a time, such as of `Sequences`, in their order."""
    items = iter(items)
    while part := list(itertools.islice(items, TOGETHER)):
        yield part


def _folder():
    """Where TMPDIR says, else where the system has room for large temporary files."""
    if "TMPDIR" not in os.environ and os.access(LARGE, os.W_OK):
        return LARGE
    return tempfile.gettempdir()
