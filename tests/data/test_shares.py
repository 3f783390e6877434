"""Each of several workers prepares its rows of every batch, the ones that one process prepares."""

import contextlib
import importlib

import numpy as np
import pytest
import tensorflow as tf

from shared.data import batching, examples
from shared.data.shares import Share, divided, drawn

RECIPES = {
    "captioning": [],
    "frame_labeling": [],
    "image_classification": ["--flip", "--shift", "3", "--erase", "0.5"],
    "long_memory": ["--task", "copying", "--timesteps", "20"],
    "sentiment": [],
    "translation": ["--vocabulary-size", "400", "--subword-dropout", "0.1"],
}
EXAMPLES, BATCH = 37, 16


class Loaded(Exception):
    """Ends a training when its data is there."""


@pytest.fixture(scope="module", params=RECIPES)
def loaded(request, tmp_path_factory):
    """A recipe's name, and the data that it trains on."""
    found, name = [], request.param
    main = importlib.import_module(f"recipes.{name}.__main__")
    load = main.data.load

    def load_and_end(*arguments):
        found.append(load(*arguments))
        raise Loaded

    arguments = ["train", "--dataset", "sample", "--limit", str(EXAMPLES), *RECIPES[name]]
    arguments += ["--batch-size", str(BATCH), "--run", str(tmp_path_factory.mktemp("run") / "run")]
    with pytest.MonkeyPatch.context() as patch, contextlib.suppress(Loaded):
        patch.setattr(main.data, "load", load_and_end)
        main.recipe(arguments, standalone_mode=False)
    return name, found[0]


def arrays_of(batch):
    return [np.asarray(column) for column in tf.nest.flatten(batch)]


@pytest.mark.parametrize("devices, workers", [(2, 2), (6, 3)])
@pytest.mark.parametrize("split", ["training", "validation"])
def test_shares_are_the_batches_of_one_process(loaded, split, devices, workers):
    """Bit for bit, also what is drawn; those that fill a batch weigh nothing."""
    _, data = loaded
    dataset = data.batches(1) if split == "training" else data.validation
    whole = list(divided(dataset, Share(0, 1, devices)))
    parts = [list(divided(dataset, Share(n, workers, devices))) for n in range(workers)]
    assert len(whole) == len(dataset) and {len(part) for part in parts} == {len(whole)}
    for batch, *of_workers in zip(whole, *parts, strict=True):
        for column, *pieces in zip(
            arrays_of(batch), *(arrays_of(part) for part in of_workers), strict=True
        ):
            assert len({piece.shape for piece in pieces}) == 1
            np.testing.assert_array_equal(np.concatenate(pieces), column)


def test_a_worker_prepares_its_own_rows_alone(loaded, monkeypatch):
    """What reads, pads and varies examples is given half as many."""
    name, data = loaded
    if name == "long_memory":
        pytest.skip("copying draws its examples one after the other, the others' too")
    sizes = [len(arrays_of(batch)[0]) for batch in data.batches(0)]
    prepared, sides = [], 2 if name == "translation" else 1
    pad, in_batches = batching.pad, examples.Examples.in_batches

    def padded(sequences, *more):
        prepared.append(len(sequences))
        return pad(sequences, *more)

    def counted(self, batch_size, seed, share):
        def count(part, whole, rows, real):
            size = tf.shape(next(iter(part.values())))[0]
            size = tf.numpy_function(lambda size: prepared.append(size) or size, [size], tf.int32)
            with tf.control_dependencies([size]):
                return part, tf.identity(whole), rows, real

        batches = in_batches(self, batch_size, seed, share)
        return batches if share is None else batches.map(count)

    monkeypatch.setattr(batching, "pad", padded)
    monkeypatch.setattr(importlib.import_module("recipes.translation.data"), "pad", padded)
    monkeypatch.setattr(examples.Examples, "in_batches", counted)
    list(divided(data.batches(0), Share(0, 2, 2)))
    assert sorted(prepared) == sorted([-(-size // 2) for size in sizes] * sides)


@pytest.mark.parametrize("memory", [2**30, 10])
@pytest.mark.parametrize("size", [1, 4, 10])
@pytest.mark.parametrize("begun", [0, 1])
def test_shares_wherever_the_examples_lie(memory, size, begun, monkeypatch):
    """In memory or on disk; also batches of one, and the rest of an epoch that had begun."""
    monkeypatch.setattr(examples, "MEMORY", memory)
    numbers = tf.range(10, dtype="float32")
    held = examples.hold(examples.Stored.of_places(10, lambda place: {"x": numbers[place]}))
    assert (held.columns is None) == (memory == 10)

    def prepare(batch, seed):
        def draw(seed, count):
            return tf.random.stateless_uniform((count,), seed)

        return batch["x"], batch["x"] + drawn(draw, seed, len(batch["x"]))

    dataset = examples.batches(held, size, prepare, seed=[1, 0])
    whole, *parts = (
        list(divided(dataset, share).skip(begun).as_numpy_iterator())
        for share in (Share(0, 1, 4), Share(0, 2, 4), Share(1, 2, 4))
    )
    assert len(whole) == len(parts[0]) == len(parts[1]) == -(-10 // size) - begun
    for batch, one, other in zip(whole, *parts, strict=True):
        for column, *pieces in zip(batch, one, other, strict=True):
            np.testing.assert_array_equal(np.concatenate(pieces), column)
