"""A long text in batches, for truncated back-propagation through time."""


def windows(ids, streams, timesteps):
    """Batches that go on where the one before ended, row by row.

    The text is cut into `streams` parts of equal length, side by side, and these into windows:

        The quick b  rown fox j  umps over    first row of three batches
         the lazy d  og. And wh  at then?     second row

    What is left over, fewer tokens than there are streams, is not used.

    Args:
        ids: int32 array of token ids. All but the last are inputs; all but the first are targets,
            each of the id before it.
        streams: rows of each batch.
        timesteps: the longest window; all are as long as that, or nearly.

    Returns:
        A `tf.data.Dataset` of pairs (inputs, targets), int32, each `(streams, timesteps)`.
    """
    import tensorflow as tf

    length, count = (len(ids) - 1) // streams, count_windows(ids, streams, timesteps)
    inputs, targets = (
        tf.constant(side[: streams * length].reshape(streams, length))
        for side in (ids[:-1], ids[1:])
    )
    ends = tf.constant([length * (i + 1) // count for i in range(-1, count)])

    def window(i):
        begin, end = ends[i], ends[i + 1]
        return inputs[:, begin:end], targets[:, begin:end]

    return tf.data.Dataset.range(count).map(window).prefetch(4)


def count_windows(ids, streams, timesteps):
    """How many batches `windows` makes."""
    return -(-((len(ids) - 1) // streams) // timesteps)
