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
    in_bucket = np.bincount(np.searchsorted(boundaries, lengths))
    return batches.apply(
        tf.data.experimental.assert_cardinality(int(np.ceil(in_bucket / batch_size).sum()))
    )


def epoch_seed(seed, epoch):
    """A seed for the order of one epoch, so that a resumed run sees what it would have seen.

    Args:
        seed: the run's seed.
        epoch: from 0.
    """
    return [seed, epoch]
