"""Examples in memory and from disk: the same ones, in an order that only the seed decides."""

import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from shared.data import examples, prepared
from shared.data.examples import Examples, Stored, batches, hold
from shared.data.splits import VALIDATION_SEED
from shared.errors import UserError
from tests.conftest import ROOT


class TinyPictures(tfds.core.GeneratorBasedBuilder):
    """Grey pictures of different size, whose every pixel is their number; no validation split."""

    VERSION = tfds.core.Version("1.0.0")
    COUNT = 60

    def _info(self):
        features = {
            "image": tfds.features.Image(shape=(None, None, 1), encoding_format="png"),
            "label": tfds.features.ClassLabel(names=["low", "high"]),
            "name": tfds.features.Text(),
        }
        return self.dataset_info_from_configs(features=tfds.features.FeaturesDict(features))

    def _split_generators(self, dl_manager):
        return {"train": self._generate_examples(self.COUNT), "test": self._generate_examples(20)}

    def _generate_examples(self, count):
        for i in range(count):
            image = np.full((3 + i % 5, 4, 1), i, "uint8")
            yield i, {"image": image, "label": int(i >= count / 2), "name": f"picture {i}"}


@pytest.fixture(scope="module")
def builder(tmp_path_factory):
    builder = TinyPictures(data_dir=tmp_path_factory.mktemp("tfds"))
    builder.download_and_prepare()
    return builder


@pytest.fixture(params=["in memory", "from disk"])
def place(request, monkeypatch):
    if request.param == "from disk":
        monkeypatch.setattr(examples, "MEMORY", 10)
    return request.param


def fit(example):
    image = tf.image.resize(example["image"], (2, 2), method="area")
    return {"image": tf.cast(image, "uint8"), "label": example["label"], "name": example["name"]}


def held_of(builder, split, limit=None, fit=fit):
    return hold(prepared.stored(builder, split, limit, fit))


def numbers(held, seed=None, size=7):
    """The number of every picture in the order in which the batches bring them."""
    dataset = batches(held, size, lambda batch, seed: batch["image"][:, 0, 0, 0], seed)
    found = list(dataset.as_numpy_iterator())
    assert len(found) == dataset.cardinality() == -(-held.count // size)
    return np.concatenate(found).tolist()


def test_every_example_once_and_shuffled_by_the_seed_alone(builder, place):
    held = held_of(builder, "train")
    assert (held.columns is None) == (place == "from disk")
    inorder, first, again, second = (numbers(held, seed) for seed in (None, [1, 0], [1, 0], [1, 1]))
    assert first == again and first != second and first != inorder
    assert sorted(first) == sorted(second) == sorted(inorder)
    assert len(set(inorder)) == held.count == 54
    assert numbers(held) == inorder


def test_splits_are_those_of_loading(builder, place):
    """The same validation examples as for the recipes that read whole columns."""
    stored = [int(e["image"][0, 0, 0]) for e in builder.as_dataset(split="train")]
    order = np.random.default_rng(VALIDATION_SEED).permutation(60)
    expected = {"validation": order[:6], "train": order[6:]}
    for split, places in expected.items():
        found = numbers(held_of(builder, split))
        assert sorted(found) == sorted(stored[place] for place in places)
    assert sorted(numbers(held_of(builder, "test"))) == list(range(20))


def test_limit(builder, place):
    for split in ("train", "validation", "test"):
        every = held_of(builder, split)
        few = held_of(builder, split, 5)
        assert few.count == 5 and set(numbers(few)) <= set(numbers(every))
        assert held_of(builder, split, 500).count == every.count


def test_columns_belong_together(builder):
    held = held_of(builder, "test")
    for image, label, name in zip(*held.columns.values(), strict=True):
        assert image.shape == (2, 2, 1) and (image == image[0, 0, 0]).all()
        assert label == (image[0, 0, 0] >= 10)
        assert name.decode() == f"picture {image[0, 0, 0]}"


def test_unfitted_examples_of_different_shapes_are_refused(builder):
    with pytest.raises(ValueError, match="no fixed shape"):
        held_of(builder, "train", fit=None)


def test_damaged_data(tmp_path):
    builder = TinyPictures(data_dir=tmp_path)
    builder.download_and_prepare()
    for file in tmp_path.rglob("*tfrecord*"):
        file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(UserError, match=r"tiny_pictures.* is damaged or unreadable"):
        held_of(builder, "train")


def test_each_batch_draws_with_a_seed_of_its_own():
    held = Examples.of({"x": np.arange(20)})

    def drawn(seed):
        dataset = batches(
            held, 5, lambda _, s: tf.random.stateless_uniform((), s) if seed else s, seed
        )
        return [float(value) for value in dataset]

    first = drawn([1, 0])
    assert len(set(first)) == 4
    assert drawn([1, 0]) == first and not set(drawn([1, 1])) & set(first)


def test_without_a_seed_nothing_is_drawn():
    seeds = []
    held = Examples.of({"x": np.arange(20)})
    dataset = batches(held, 5, lambda batch, seed: seeds.append(seed) or batch["x"])
    assert np.concatenate(list(dataset)).tolist() == list(range(20))
    assert set(seeds) == {None}


def test_arrays_of_different_length_are_refused():
    with pytest.raises(ValueError, match="different length"):
        Examples.of({"x": np.arange(3), "y": np.arange(4)})


def test_examples_of_files(place):
    """Shuffled exactly, in memory or not, and what is wrong with a file comes out as one line."""

    def read(place):
        if place == 13:
            raise UserError("file 13 is damaged")
        return np.int64(3 * place)

    def example(place):
        number = tf.numpy_function(read, [place], tf.int64)
        return {"image": tf.reshape(number, (1, 1, 1))}

    held = hold(Stored.of_places(12, example))
    assert numbers(held) == list(range(0, 36, 3))
    assert sorted(numbers(held, [1, 0])) == numbers(held) != numbers(held, [1, 0])
    assert numbers(held, [1, 0]) == numbers(held, [1, 0]) != numbers(held, [1, 1])
    with pytest.raises(UserError, match=r"^file 13 is damaged$"), examples.user_errors():
        numbers(hold(Stored.of_places(14, example)))


def test_a_damaged_file_of_an_odd_name():
    def refuse(place):
        raise UserError("file 1\n2.png is damaged")

    def example(place):
        return {"number": tf.numpy_function(refuse, [place], "int64", stateful=False)}

    with pytest.raises(UserError, match=r"^file 1 2\.png is damaged$"), examples.user_errors():
        list(examples.Stored.of_places(1, example).in_order_of(None, 1))


def test_a_damaged_file_ends_the_process():
    """Also where other files are still being read in the background: it hung there."""
    code = """
import time
import numpy as np, tensorflow as tf
from shared.data import examples
from shared.errors import UserError

def read(place):
    time.sleep(0.05)
    if place == 3:
        raise UserError("file 3 is damaged")
    time.sleep(0.5)
    return np.int64(place)

def example(place):
    number = tf.numpy_function(read, [place], "int64", stateful=False)
    return {"number": tf.ensure_shape(number, ())}

examples.MEMORY = 1
held = examples.hold(examples.Stored.of_places(64, example))
with examples.user_errors():
    for batch in held.in_batches(16).prefetch(2).as_numpy_iterator():
        pass
"""
    run = [sys.executable, "-c", code]
    result = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert result.returncode == 1 and "UserError: file 3 is damaged" in result.stderr
