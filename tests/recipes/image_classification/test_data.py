"""What the recipe makes of pictures: their variations, their shape, and what guessing costs."""

from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from recipes.image_classification import data, sample
from recipes.image_classification.data import vary
from shared.data import examples
from shared.data.sources import Source

SHAPE = (12, 10, 1)
DRAW = np.random.default_rng(1)
PICTURES = DRAW.integers(0, 256, (4, *SHAPE), "uint8")


def chosen(**more):
    """The options of a small training on the sample."""
    options = {"dataset": "sample", "data_dir": None, "folder": None, "limit": 100, "seed": 1}
    options |= {"image_size": None, "shift": 1, "flip": True, "erase": 0.1, "batch_size": 16}
    return SimpleNamespace(**options | {"label_smoothing": 0.1} | more)


@pytest.mark.parametrize("place", ["in memory", "from disk"])
def test_a_training_knows_its_steps_and_what_guessing_costs(place, monkeypatch, tmp_path):
    options = chosen()
    if place == "from disk":
        for number, picture in enumerate(sample.generate("train")[0][:100, ..., 0]):
            folder = tmp_path / sample.CLASSES[number % 6]
            folder.mkdir(exist_ok=True)
            Image.fromarray(picture).save(folder / f"{number}.png")
        options = chosen(dataset=None, folder=str(tmp_path))
        monkeypatch.setattr(examples, "MEMORY", 10)
    source = data.find(options)
    training = data.load(source, options)
    labels = np.concatenate([labels for _, labels in training.validation])
    assert len(labels) == {"in memory": 100, "from disk": 10}[place]
    count = {"in memory": 100, "from disk": 80}[place]
    for epoch in range(2):
        batches = list(training.batches(epoch))
        assert len(batches) == training.steps
        images, labels = (np.concatenate(column) for column in zip(*batches, strict=True))
        assert images.shape == (count, *sample.SHAPE) and images.dtype == np.uint8
    counts = np.bincount(labels, minlength=6)
    shares = 0.9 * counts / count + 0.1 / 6
    assert training.guessing == pytest.approx(-(shares * np.log(shares)).sum())
    assert training.names == data.Names(list(source.classes))


def test_each_epoch_has_an_order_and_variations_of_its_own():
    options = chosen(limit=40)
    training = data.load(data.find(options), options)
    first, again, second = (
        np.concatenate([images for images, _ in training.batches(epoch)]) for epoch in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert not {picture.tobytes() for picture in first} <= {each.tobytes() for each in second}


@pytest.mark.parametrize(
    "shape, size, expected",
    [
        ((28, 20, 1), None, (28, 20, 1)),
        ((28, 20, 1), 16, (16, 16, 1)),
        ((28, 65, 3), None, (64, 64, 3)),
        ((None, None, 3), None, (64, 64, 3)),
        ((None, 20, 3), 96, (96, 96, 3)),
    ],
)
def test_the_shape_to_train_with(shape, size, expected):
    source = Source("x", "1", ("train",), None, shape=shape)
    assert data.shape_of(source, chosen(image_size=size)) == expected


def test_mirroring_is_off_where_it_may_change_the_label():
    assert {"mnist", "emnist", "svhn_cropped"}.isdisjoint(data.MIRRORED)
    assert {"fashion_mnist", "cifar10"} <= set(data.MIRRORED)
    assert data.find(chosen()).defaults["flip"]


def test_a_folder_of_digits_is_not_mirrored_whatever_its_name(tmp_path):
    for name in "bd":
        (tmp_path / "cifar10" / name).mkdir(parents=True)
        for shade in range(2):
            picture = Image.new("L", (9, 9), 9 * shade + ord(name))
            picture.save(tmp_path / "cifar10" / name / f"{shade}.png")
    source = data.find(chosen(folder=str(tmp_path / "cifar10"), dataset=None))
    assert source.name == "cifar10" and "flip" not in source.defaults


def seeded(number):
    return tf.constant([number, 0])


def test_without_options_pictures_stay_as_they_are():
    found = vary(tf.constant(PICTURES), seeded(1))
    assert found.dtype == "uint8"
    np.testing.assert_array_equal(found, PICTURES)


def test_every_shift_and_mirror_image_and_no_other():
    """Against all variations there are of one picture, made by slicing; about equally often."""
    picture, shift = PICTURES[0], 2
    height, width, _ = SHAPE
    padded = np.pad(picture, [(shift, shift), (shift, shift), (0, 0)])
    possible = {}
    for top in range(2 * shift + 1):
        for left in range(2 * shift + 1):
            crop = padded[top : top + height, left : left + width]
            possible[crop.tobytes()] = (top, left, False)
            possible[crop[:, ::-1].tobytes()] = (top, left, True)
    many = np.repeat(picture[None], 5000, axis=0)
    found = [possible[each.tobytes()] for each in vary(many, seeded(1), shift, True).numpy()]
    counts = np.unique(found, axis=0, return_counts=True)[1]
    assert len(counts) == 50
    assert counts.min() > 60 and counts.max() < 145, "100 are expected of each"
    unmirrored = [possible[each.tobytes()] for each in vary(many, seeded(1), shift).numpy()]
    assert not any(mirrored for *_, mirrored in unmirrored)


def test_erasing_blackens_one_rectangle_of_a_share_of_the_pictures():
    height, width, _ = SHAPE
    bright = np.full((2000, *SHAPE), 200, "uint8")
    found = vary(bright, seeded(1), erase=0.3).numpy()
    assert set(np.unique(found)) == {0, 200}
    black = found[..., 0] == 0
    erased = black.any(axis=(1, 2))
    assert 0.25 < erased.mean() < 0.35
    covered = np.zeros((height, width), int)
    for mask in black[erased]:
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        assert mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all(), "a rectangle"
        assert mask.sum() == len(rows) * len(columns) <= height // 2 * (width // 2)
        covered += mask
    assert covered.min() > 0, "every place is erased at times"


def test_variations_follow_from_the_seed():
    def varied(number):
        return vary(PICTURES, seeded(number), shift=2, flip=True, erase=0.5).numpy()

    np.testing.assert_array_equal(varied(1), varied(1))
    assert (varied(1) != varied(2)).any()


@pytest.mark.parametrize("shape", [(8, 8, 1), (33, 47, 3)])
def test_variations_of_other_sizes(shape):
    pictures = DRAW.integers(0, 256, (2, *shape), "uint8")
    assert vary(pictures, seeded(1), 2, True, 0.9).shape == (2, *shape)
