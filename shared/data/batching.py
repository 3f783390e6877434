"""Batches of sequences of like length, in an order that only seed and epoch decide."""

import functools

import numpy as np

from shared.data import shares
from shared.data.on_disk import lengths_of


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
    lengths = lengths_of(sequences)
    in_bucket = np.bincount(np.searchsorted(bucket_boundaries(lengths), lengths))
    return int(np.ceil(in_bucket / batch_size).sum())


def bucketed_batches(sequences, targets, batch_size, seed=None):
    """Batches of sequences padded to the nearest of a few lengths.

    Args:
        sequences: arrays or lists of token ids: a list, or `Sequences` on disk.
        targets: array with one target per sequence.
        batch_size: sequences per batch; the last batch of each length may be smaller.
        seed: shuffle by this seed; None keeps the order of length, shortest first.

    Returns:
        A `tf.data.Dataset` of `(ids, targets)` with ids `(batch, timesteps)`, 0 where padded;
        its cardinality is known.
    """
    import tensorflow as tf

    lengths, targets = lengths_of(sequences), np.asarray(targets)
    boundaries = bucket_boundaries(lengths)
    if seed is None:
        order = np.argsort(lengths, kind="stable")
    else:
        order = np.random.default_rng(seed).permutation(np.arange(len(lengths), dtype="int32"))
    # The sequences come in that order, and a batch when its bucket is full; the rest at the end.
    buckets, batches = np.searchsorted(boundaries, lengths[order]), []
    for bucket in range(len(boundaries)):
        arriving = np.flatnonzero(buckets == bucket)
        for begin in range(0, len(arriving), batch_size):
            members = arriving[begin : begin + batch_size]
            complete = members[-1] if len(members) == batch_size else len(order) + bucket
            batches.append((complete, order[members]))
    batches.sort(key=lambda batch: batch[0])

    def padded(places, rows):
        boundary = boundaries[np.searchsorted(boundaries, lengths[places[0]])]
        places = places[rows]
        return pad([sequences[place] for place in places], boundary), targets[places]

    ids = tf.TensorSpec((None, None), "int32")
    signature = ids, tf.TensorSpec((None,), targets.dtype)
    return made_from_places([places for _, places in batches], padded, signature)


def as_dataset(generate, count, signature):
    """A `tf.data.Dataset` of batches that Python makes one after the other, ahead of the training.

    Args:
        generate: function -> iterator over the batches, arrays as `signature` has them.
        count: how many there are.
        signature: `tf.TensorSpec`s of a batch.

    Returns:
        A `tf.data.Dataset`; its cardinality is known.
    """
    import tensorflow as tf

    dataset = tf.data.Dataset.from_generator(generate, output_signature=signature)
    return dataset.apply(tf.data.experimental.assert_cardinality(count)).prefetch(8)


def made_from_places(batches, make, signature, share=None):
    """`as_dataset` where it is known beforehand which examples make a batch.

    Args:
        batches: list of int arrays, the places of each batch's examples.
        make: function (places, rows) -> arrays as `signature` has them: of the batch that has these
            places, the examples of these rows, an index into `places`.
        signature: `tf.TensorSpec`s of a batch.
        share: the `Share` of each batch that is made, weighed as by `shares.divided`; else all.

    Returns:
        A `tf.data.Dataset`; its cardinality is known. Its function `of_share` gives that of a
        share.
    """
    import tensorflow as tf

    def generate():
        for places in batches:
            if share is None:
                yield make(places, slice(None))
            else:
                rows, real = share.rows(len(places))
                yield make(places, rows), real

    if share is None:
        dataset = as_dataset(generate, len(batches), signature)
    else:
        kinds = signature, tf.TensorSpec((None,), "bool")
        dataset = as_dataset(generate, len(batches), kinds).map(shares.weighed)
    dataset.of_share = functools.partial(made_from_places, batches, make, signature)
    return dataset


def paired_batches(sources, targets, batch_size, seed=None, pool=50):
    """Batches of pairs of sequences, both of like length within a batch.

    The pairs are shuffled, then sorted by length in pools of some batches each, and the batches
    are shuffled: little padding, and pairs of all lengths mixed over the epoch.

    Args:
        sources, targets: lists of lists of token ids, or `Sequences`, one pair for each index.
        batch_size: pairs per batch; the last batch may be smaller.
        seed: shuffle by this seed; None sorts all by length, shortest first.
        pool: how many batches to sort among themselves.

    Returns:
        List of int arrays: the places of a batch's pairs.
    """
    source_lengths, target_lengths = lengths_of(sources), lengths_of(targets)
    order, size = np.arange(len(target_lengths), dtype="int32"), len(target_lengths)
    random = None if seed is None else np.random.default_rng(seed)
    if random is not None:
        order, size = random.permutation(order), pool * batch_size
    batches = []
    for begin in range(0, len(order), size):
        pooled = order[begin : begin + size]
        pooled = pooled[np.lexsort((source_lengths[pooled], target_lengths[pooled]))]
        batches += [pooled[i : i + batch_size] for i in range(0, len(pooled), batch_size)]
    if random is not None:
        random.shuffle(batches)
    return batches


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
