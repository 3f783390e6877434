"""Examples in memory and from disk: the same ones, in an order that only the seed decides."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from shared.data import examples, loading
from shared.data.examples import Examples, batches, hold
from shared.errors import UserError


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
def source(tmp_path_factory):
    builder = TinyPictures(data_dir=tmp_path_factory.mktemp("tfds"))
    builder.download_and_prepare()
    return loading.Source("tiny_pictures", "1.0.0", builder=builder)


@pytest.fixture(params=["in memory", "from disk"])
def place(request, monkeypatch):
    if request.param == "from disk":
        monkeypatch.setattr(examples, "MEMORY", 10)
    return request.param


def fit(example):
    image = tf.image.resize(example["image"], (2, 2), method="area")
    return {"image": tf.cast(image, "uint8"), "label": example["label"], "name": example["name"]}


def numbers(held, seed=None, size=7):
    """The number of every picture in the order in which the batches bring them."""
    dataset = batches(held, size, lambda batch, seed: batch["image"][:, 0, 0, 0], seed)
    found = list(dataset.as_numpy_iterator())
    assert len(found) == dataset.cardinality() == -(-held.count // size)
    return np.concatenate(found).tolist()


def test_every_example_once_and_shuffled_by_the_seed_alone(source, place):
    held = hold(source, "train", fit=fit)
    assert (held.columns is None) == (place == "from disk")
    inorder, first, again, second = (numbers(held, seed) for seed in (None, [1, 0], [1, 0], [1, 1]))
    assert first == again and first != second and first != inorder
    assert sorted(first) == sorted(second) == sorted(inorder)
    assert len(set(inorder)) == held.count == 54
    assert numbers(held) == inorder


def test_splits_are_those_of_loading(source, place):
    """The same validation examples as for the recipes that read whole columns."""
    stored = [int(e["image"][0, 0, 0]) for e in source.builder.as_dataset(split="train")]
    order = np.random.default_rng(loading.VALIDATION_SEED).permutation(60)
    expected = {"validation": order[:6], "train": order[6:]}
    for split, places in expected.items():
        found = numbers(hold(source, split, fit=fit))
        assert sorted(found) == sorted(stored[place] for place in places)
    assert sorted(numbers(hold(source, "test", fit=fit))) == list(range(20))


def test_limit(source, place):
    for split in ("train", "validation", "test"):
        every = hold(source, split, fit=fit)
        few = hold(source, split, 5, fit=fit)
        assert few.count == 5 and set(numbers(few)) <= set(numbers(every))
        assert hold(source, split, 500, fit=fit).count == every.count


def test_columns_belong_together(source):
    held = hold(source, "test", fit=fit)
    for image, label, name in zip(*held.columns.values(), strict=True):
        assert image.shape == (2, 2, 1) and (image == image[0, 0, 0]).all()
        assert label == (image[0, 0, 0] >= 10)
        assert name.decode() == f"picture {image[0, 0, 0]}"


def test_unfitted_examples_of_different_shapes_are_refused(source):
    with pytest.raises(ValueError, match="no fixed shape"):
        hold(source, "train")


def test_unknown_split(source):
    with pytest.raises(UserError, match=r"no split 'dev'\. It has: train, test"):
        hold(source, "dev", fit=fit)


def test_damaged_data(source, tmp_path):
    builder = TinyPictures(data_dir=tmp_path)
    builder.download_and_prepare()
    for file in tmp_path.rglob("*tfrecord*"):
        file.write_bytes(file.read_bytes()[:-20])
    damaged = loading.Source("tiny_pictures", "1.0.0", builder=builder)
    with pytest.raises(UserError, match="damaged or unreadable"):
        hold(damaged, "train", fit=fit)


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
