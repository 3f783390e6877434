"""The drawn shapes: no picture in two splits, and no way to tell them apart by single pixels."""

import numpy as np
import pytest

from recipes.image_classification import data, sample


def columns(split):
    images, labels = sample.generate(split)
    return images.reshape(len(images), -1) / 255, labels


def test_splits_are_balanced_and_share_no_picture():
    seen = {}
    for split, size in sample.SIZES.items():
        images, labels = sample.generate(split)
        assert images.shape == (size, *sample.SHAPE) and images.dtype == np.uint8
        counts = np.bincount(labels, minlength=len(sample.CLASSES))
        assert counts.max() - counts.min() <= 1
        seen[split] = {image.tobytes() for image in images}
        assert len(seen[split]) == size
    assert not seen["train"] & seen["test"] and not seen["train"] & seen["validation"]
    assert not seen["validation"] & seen["test"]


def test_the_same_in_every_process():
    images, _ = sample.generate("test")
    # Means, since another NumPy may round a drawn number differently.
    assert images.mean() == pytest.approx(128, abs=12)
    sample.generate.cache_clear()
    np.testing.assert_array_equal(sample.generate("test")[0], images)


def test_a_linear_model_fails():
    """Least squares from pixels to labels, and the nearest mean picture: hardly above chance."""
    (train, train_labels), (test, test_labels) = columns("train"), columns("test")
    mean = train.mean(axis=0)
    wanted = np.eye(len(sample.CLASSES))[train_labels]
    ridge = (train - mean).T @ (train - mean) + 30 * np.eye(train.shape[1])
    weights = np.linalg.solve(ridge, (train - mean).T @ wanted)
    linear = ((test - mean) @ weights).argmax(axis=1)
    centres = np.stack([train[train_labels == i].mean(axis=0) for i in range(len(wanted[0]))])
    nearest = ((test[:, None] - centres) ** 2).sum(axis=-1).argmin(axis=1)
    assert (linear == test_labels).mean() < 0.3
    assert (nearest == test_labels).mean() < 0.3
    assert sample.SMOKE["at_least"] >= 0.9, "what the network must reach is far above"


@pytest.mark.parametrize("name", sample.CLASSES)
def test_shapes_stay_inside_and_turn(name):
    """The area of a shape hangs on its radius alone, not on its angle."""
    areas = [sample.outline(name, np.array([14.0, 14.0]), 9.0, turn).sum() for turn in (0, 0.4, 1)]
    assert max(areas) / min(areas) < 1.05
    edge = sample.outline(name, np.array([9.5, 9.5]), 9.0, 0.3)
    assert edge.sum() > 0 and edge[:, 20:].sum() == edge[20:].sum() == 0


def test_written_inputs_are_read_as_they_were_drawn(tmp_path):
    paths = sample.write_inputs(tmp_path / "new")
    assert [path.stem for path in paths] == list(sample.CLASSES)
    found = np.stack([data.read_file(path, sample.SHAPE) for path in paths])
    draw = np.random.default_rng(7)
    np.testing.assert_array_equal(found, [sample.picture(i, draw) for i in range(len(paths))])
    assert (data.read_file(paths[0], sample.SHAPE, invert=True) == 255 - found[0]).all()
