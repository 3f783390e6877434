"""Batches by length: every sequence once, in an order that only the seed decides."""

import numpy as np
import pytest
import tensorflow as tf

from shared.data.batching import bucket_boundaries, bucketed_batches, pad, paired_batches


@pytest.fixture(scope="module")
def sequences():
    """500 sequences of skewed length; each consists of its own number, so that it is recognized."""
    generator = np.random.default_rng(3)
    lengths = np.ceil(generator.gamma(2.0, 40.0, 500)).astype(int)
    return [np.full(length, i + 1, "int32") for i, length in enumerate(lengths)]


def test_every_sequence_comes_once_whole_and_with_its_target(sequences):
    seen = []
    batches = bucketed_batches(sequences, np.arange(len(sequences)), batch_size=32, seed=1)
    for ids, targets in batches.as_numpy_iterator():
        for row, target in zip(ids, targets, strict=True):
            length = len(sequences[target])
            np.testing.assert_array_equal(row[:length], target + 1)
            np.testing.assert_array_equal(row[length:], 0)
            seen.append(target)
    assert sorted(seen) == list(range(len(sequences)))


@pytest.mark.parametrize("seed", [None, [5, 2]])
def test_batches_come_as_tensorflow_makes_them_of_a_stream(sequences, seed):
    """The order in which published networks were trained, which `tf.data` decided."""
    lengths = [len(sequence) for sequence in sequences]
    boundaries = bucket_boundaries(lengths)
    order = np.argsort(lengths, kind="stable")
    if seed is not None:
        order = np.random.default_rng(seed).permutation(500)
    ragged = tf.ragged.constant([sequence.tolist() for sequence in sequences])
    stream = tf.data.Dataset.from_tensor_slices(order).map(lambda i: (ragged[i], i))
    expected = stream.bucket_by_sequence_length(
        lambda sequence, _: tf.size(sequence),
        [boundary + 1 for boundary in boundaries],
        [16] * (len(boundaries) + 1),
        pad_to_bucket_boundary=True,
    )
    found = bucketed_batches(sequences, np.arange(500), 16, seed)
    for batch, same in zip(found, expected, strict=True):
        np.testing.assert_array_equal(batch[0], same[0])
        np.testing.assert_array_equal(batch[1], same[1])


def test_few_lengths_and_little_padding(sequences):
    shapes = [
        ids.shape for ids, _ in bucketed_batches(sequences, np.arange(500), 32).as_numpy_iterator()
    ]
    assert len({timesteps for _, timesteps in shapes}) <= 12
    slots = sum(rows * timesteps for rows, timesteps in shapes)
    assert slots < 1.25 * sum(map(len, sequences))


def test_the_number_of_batches_is_known_beforehand(sequences):
    for seed in (None, 1, 2):
        batches = bucketed_batches(sequences, np.arange(500), batch_size=32, seed=seed)
        assert len(list(batches)) == len(batches)


def test_the_order_follows_from_the_seed_alone(sequences):
    def order(seed):
        batches = bucketed_batches(sequences, np.arange(500), batch_size=32, seed=seed)
        return np.concatenate([targets for _, targets in batches.as_numpy_iterator()])

    np.testing.assert_array_equal(order([1, 0]), order([1, 0]))
    assert (order([1, 0]) != order([1, 1])).mean() > 0.9, "another epoch, another order"
    assert (order([1, 0]) != order([2, 0])).mean() > 0.9, "another seed, another order"


def test_boundaries_hold_about_as_many_sequences_each():
    boundaries = bucket_boundaries(np.arange(1, 1201), buckets=12)
    assert boundaries == [104, 208, 304, 408, 504, 608, 704, 808, 904, 1008, 1104, 1200]
    assert bucket_boundaries([5, 5, 5]) == [8]


@pytest.fixture(scope="module")
def pairs():
    """300 pairs of skewed length, each of its own number; the target is about as long."""
    generator = np.random.default_rng(4)
    lengths = np.ceil(generator.gamma(4.0, 4.0, 300)).astype(int)
    sources = [[i + 1] * int(length) for i, length in enumerate(lengths)]
    targets = [
        [i + 1] * max(1, int(length + generator.integers(-3, 4)))
        for i, length in enumerate(lengths)
    ]
    return sources, targets


@pytest.mark.parametrize("seed", [None, [1, 2]])
def test_every_pair_comes_once(pairs, seed):
    batches = paired_batches(*pairs, batch_size=32, seed=seed, pool=3)
    assert [len(places) for places in batches if len(places) != 32] == [300 % 32]
    assert sorted(np.concatenate(batches)) == list(range(300))


def test_pairs_are_padded_little_and_shuffled(pairs):
    batches = paired_batches(*pairs, batch_size=32, seed=1, pool=5)
    padded = sum(pad([side[i] for i in places]).size for side in pairs for places in batches)
    needed = sum(len(sequence) for side in pairs for sequence in side)
    as_they_come = sum(
        pad(side[i : i + 32]).size for side in pairs for i in range(0, len(side), 32)
    )
    assert padded - needed < 0.4 * (as_they_come - needed)

    def longest(batches):
        return [max(len(pairs[1][i]) for i in places) for places in batches]

    lengths, ordered = longest(batches), longest(paired_batches(*pairs, batch_size=32))
    assert lengths != sorted(lengths), "the batches must not come shortest first"
    assert ordered == sorted(ordered)


def test_pairs_in_an_order_that_only_the_seed_decides(pairs):
    def order(seed):
        return [places.tolist() for places in paired_batches(*pairs, 32, seed)]

    assert order([1, 0]) == order([1, 0]) != order([1, 1])


def test_padding_to_a_multiple():
    assert pad([[1, 2], [3]]).tolist() == [[1, 2], [3, 0]]
    assert pad([[1, 2, 3], []], multiple=4).tolist() == [[1, 2, 3, 0], [0, 0, 0, 0]]
