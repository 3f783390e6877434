"""A long text in batches, for truncated back-propagation through time."""

import itertools

import numpy as np

from shared.data.batching import as_dataset

TOGETHER = 32  # windows that are read from disk at once


def windows(ids, streams, timesteps, begin=0):
    """Batches that go on where the one before ended, row by row.

    The text is cut into `streams` parts of equal length, side by side, and these into windows:

        The quick b  rown fox j  umps over    first row of three batches
         the lazy d  og. And wh  at then?     second row

    What is left over, fewer tokens than there are streams, is not used.

    Args:
        ids: int32 array of token ids, or `Numbers` on disk. All but the last are inputs; all but
            the first are targets, each of the id before it.
        streams: rows of each batch.
        timesteps: the longest window; all are as long as that, or nearly.
        begin: the place of the first token; the ids are then a ring, that is, those before this
            place follow those at the end.

    Returns:
        A `tf.data.Dataset` of pairs (inputs, targets), int32, each `(streams, timesteps)`.
    """
    import tensorflow as tf

    length, count = (len(ids) - 1) // streams, count_windows(ids, streams, timesteps)
    ends = [length * (i + 1) // count for i in range(-1, count)]

    def generate():
        for first in range(0, count, TOGETHER):
            starts = ends[first : first + TOGETHER + 1]
            width = 1 + starts[-1] - starts[0]
            rows = np.empty((streams, width), "int32")
            for number, row in enumerate(rows):
                place = (begin + number * length + starts[0]) % len(ids)
                read = ids[place : place + width]
                row[: len(read)], row[len(read) :] = read, ids[: width - len(read)]
            for start, end in itertools.pairwise(np.array(starts) - starts[0]):
                yield rows[:, start:end], rows[:, start + 1 : end + 1]

    side = tf.TensorSpec((streams, None), "int32")
    return as_dataset(generate, count, (side, side))


def count_windows(ids, streams, timesteps):
    """How many batches `windows` makes."""
    return -(-((len(ids) - 1) // streams) // timesteps)
