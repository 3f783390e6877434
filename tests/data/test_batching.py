"""Batches by length: every sequence once, in an order that only the seed decides."""

import numpy as np
import pytest

from shared.data.batching import bucket_boundaries, bucketed_batches


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
