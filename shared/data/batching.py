"""Batches of sequences of like length, in an order that only seed and epoch decide."""

import numpy as np


def bucket_boundaries(lengths, buckets=12, multiple=8):
    """Lengths to pad to, such that every bucket holds about as many sequences.

    Args:
        lengths: the number of timesteps of each sequence.
        buckets: how many lengths at most. Each costs a compilation, and saves padding.
        multiple: boundaries are rounded up to a multiple of this.

    Returns:
        Ascending list of ints, the last no shorter than the longest sequence.
    """
    quantiles = np.quantile(lengths, np.arange(1, buckets + 1) / buckets, method="higher")
    return sorted({int(np.ceil(q / multiple) * multiple) for q in quantiles})


def count_bucketed_batches(sequences, batch_size):
    """How many batches `bucketed_batches` makes of these sequences."""
    lengths = np.array([len(sequence) for sequence in sequences])
    in_bucket = np.bincount(np.searchsorted(bucket_boundaries(lengths), lengths))
    return int(np.ceil(in_bucket / batch_size).sum())


def bucketed_batches(sequences, targets, batch_size, seed=None):
    """Batches of sequences padded to the nearest of a few lengths.

    Args:
        sequences: list of int32 arrays of token ids.
        targets: array with one target per sequence.
        batch_size: sequences per batch; the last batch of each length may be smaller.
        seed: shuffle by this seed; None keeps the order of length, shortest first.

    Returns:
        A `tf.data.Dataset` of `(ids, targets)` with ids `(batch, timesteps)`, 0 where padded;
        its cardinality is known.
    """
    import tensorflow as tf

    lengths = np.array([len(sequence) for sequence in sequences])
    boundaries = bucket_boundaries(lengths)
    ids = tf.RaggedTensor.from_row_lengths(np.concatenate(sequences), lengths)
    targets = tf.constant(targets)

    if seed is None:
        order = np.argsort(lengths, kind="stable")
    else:
        order = np.random.default_rng(seed).permutation(len(lengths))
    batches = (
        tf.data.Dataset.from_tensor_slices(order)
        .map(lambda i: (ids[i], targets[i]))
        .bucket_by_sequence_length(
            element_length_func=lambda sequence, _: tf.size(sequence),
            # A bucket takes what is *below* its boundary, and pads to one less than it.
            bucket_boundaries=[boundary + 1 for boundary in boundaries],
            bucket_batch_sizes=[batch_size] * (len(boundaries) + 1),
            pad_to_bucket_boundary=True,
        )
        .prefetch(8)
    )
    count = count_bucketed_batches(sequences, batch_size)
    return batches.apply(tf.data.experimental.assert_cardinality(count))


def paired_batches(sources, targets, batch_size, seed=None, pool=50, multiple=4):
    """Batches of pairs of sequences, both of like length within a batch.

    The pairs are shuffled, then sorted by length in pools of some batches each, and the batches
    are shuffled: little padding, and pairs of all lengths mixed over the epoch.

    Args:
        sources, targets: lists of lists of token ids, one pair for each index.
        batch_size: pairs per batch; the last batch may be smaller.
        seed: shuffle by this seed; None sorts all by length, shortest first.
        pool: how many batches to sort among themselves.
        multiple: lengths are padded to a multiple of this.

    Returns:
        List of `(sources, targets, indices)` of a batch: int32 arrays `(batch, timesteps)`, 0 where
        padded, and the places of its pairs in the lists.
    """
    lengths = np.array([(len(t), len(s)) for s, t in zip(sources, targets, strict=True)])
    order, size = np.arange(len(lengths)), len(lengths)
    random = None if seed is None else np.random.default_rng(seed)
    if random is not None:
        order, size = random.permutation(order), pool * batch_size
    batches = []
    for begin in range(0, len(order), size):
        pooled = order[begin : begin + size]
        pooled = pooled[np.lexsort((lengths[pooled, 1], lengths[pooled, 0]))]
        batches += [pooled[i : i + batch_size] for i in range(0, len(pooled), batch_size)]
    if random is not None:
        random.shuffle(batches)
    return [
        (
            pad([sources[i] for i in batch], multiple),
            pad([targets[i] for i in batch], multiple),
            batch,
        )
        for batch in batches
    ]


def pad(sequences, multiple=1):
    """Sequences of token ids as one int32 array `(batch, timesteps)`, 0 where padded.

    Args:
        sequences: list of lists of token ids.
        multiple: the number of timesteps is rounded up to a multiple of this.
    """
    longest = max(1, *map(len, sequences))
    padded = np.zeros((len(sequences), -(-longest // multiple) * multiple), "int32")
    for row, sequence in zip(padded, sequences, strict=True):
        row[: len(sequence)] = sequence
    return padded
