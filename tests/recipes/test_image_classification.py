"""The image recipe's network and its variations of pictures, against NumPy where possible."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from recipes.image_classification import model
from recipes.image_classification.data import vary
from shared.cli import CELLS
from shared.training.losses import SmoothedCrossEntropy

SHAPE = (12, 10, 1)
DRAW = np.random.default_rng(1)
PICTURES = DRAW.integers(0, 256, (4, *SHAPE), "uint8")
LABELS = np.array([0, 1, 2, 0])


def build(cell="lstm", scan="none", **more):
    keras.utils.set_random_seed(1)
    return model.build_model(SHAPE, 3, cell, units=6, filters=8, scan=scan, **more)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


@pytest.mark.parametrize("depth", [1, 2])
@pytest.mark.parametrize("cell", ["none", *CELLS])
def test_one_step_of_the_cell_is_what_the_readme_says(cell, depth):
    """From a state of zero; computed from the features in NumPy."""
    network = build(cell, depth=depth)
    cells = [layer for layer in network.layers if isinstance(layer, keras.layers.RNN)]
    assert len(cells) == (0 if cell == "none" else depth)
    for layer in cells:  # biases of zero would hide one that is not added
        layer.set_weights([DRAW.normal(0, 0.5, w.shape) for w in layer.get_weights()])
    features = keras.Model(network.inputs, network.get_layer("features").output)
    x = features.predict_on_batch(PICTURES)
    for layer in cells:
        kernel, *_, bias = layer.get_weights()
        if cell == "mingru":
            z, g = np.split(x @ kernel + bias, 2, axis=-1)
            x = sigmoid(z) * g
        elif cell == "rnn":
            x = np.tanh(x @ kernel + bias)
        elif cell == "lstm":
            i, _, g, o = np.split(x @ kernel + bias, 4, axis=-1)
            x = sigmoid(o) * np.tanh(sigmoid(i) * np.tanh(g))
        else:
            z, r, c = np.split(x @ kernel + bias[0], 3, axis=-1)
            bz, br, bc = np.split(bias[1], 3)
            x = (1 - sigmoid(z + bz)) * np.tanh(c + sigmoid(r + br) * bc)
    kernel, bias = network.get_layer("logits").get_weights()
    np.testing.assert_allclose(network.predict_on_batch(PICTURES), x @ kernel + bias, atol=1e-4)


@pytest.mark.parametrize(
    "cell, scan",
    [(cell, "none") for cell in ("none", *CELLS)]
    + [("rnn", "rows"), ("lstm", "rows"), ("gru", "pixels")],
)
def test_one_training_step_changes_every_weight_that_can_learn(cell, scan):
    """All but the weights of the previous state, which is zero where there is only one step."""
    network = build(cell, scan, dropout=0.0)
    network.compile("sgd", SmoothedCrossEntropy(0.1))
    before = network.get_weights()
    network.train_on_batch(PICTURES, LABELS)
    for weight, old, new in zip(network.weights, before, network.get_weights(), strict=True):
        learns = scan != "none" or "recurrent_kernel" not in weight.path
        assert (old != new).any() == learns, weight.path


def test_scans_read_from_the_top_left():
    pictures = DRAW.integers(0, 256, (2, 3, 4, 2)).astype("float32")
    rows = model.in_sequence(pictures, "rows")
    assert rows.shape == (2, 3, 8)
    np.testing.assert_array_equal(rows[1, 2], pictures[1, 2].ravel())
    pixels = model.in_sequence(pictures, "pixels")
    assert pixels.shape == (2, 12, 2)
    np.testing.assert_array_equal(pixels[1, 6], pictures[1, 1, 2])


def test_probabilities_and_those_of_the_mirror_image():
    network = build()
    logits = network.predict_on_batch(PICTURES)
    plain = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    found = model.with_probabilities(network).predict_on_batch(PICTURES)
    np.testing.assert_allclose(found, plain, rtol=1e-4)

    both = model.with_probabilities(network, mirror=True)
    mirrored = model.with_probabilities(network).predict_on_batch(PICTURES[:, :, ::-1])
    assert abs(plain - mirrored).max() > 1e-4, "otherwise this tests nothing"
    expected = (plain + mirrored) / 2
    np.testing.assert_allclose(both.predict_on_batch(PICTURES), expected, rtol=1e-4)


def test_confusions_and_the_worst_mistakes():
    """A network that answers by the top left pixel, as sure as the next one is bright."""
    pictures = np.zeros((90, 2, 1, 1), "uint8")
    pictures[:, 0, 0, 0] = DRAW.integers(0, 3, 90)
    pictures[:, 1, 0, 0] = DRAW.permutation(90)
    labels = DRAW.integers(0, 3, 90)

    class Fake:
        output_shape = (None, 3)

        def predict_on_batch(self, images):
            sure = 0.5 + images[:, 1, 0] / 200
            said = np.eye(3)[images[:, 0, 0, 0]]
            return said * sure + (1 - said) * (1 - sure) / 2

    dataset = tf.data.Dataset.from_tensor_slices((pictures, labels)).batch(20)
    matrix, mistakes = model.confusions(Fake(), dataset, worst=5)
    said = pictures[:, 0, 0, 0]
    for label in range(3):
        for answer in range(3):
            assert matrix[label, answer] == ((labels == label) & (said == answer)).sum()
    wrong = sorted(np.flatnonzero(said != labels), key=lambda i: -int(pictures[i, 1, 0, 0]))[:5]
    for (probability, answer, label, image), i in zip(mistakes, wrong, strict=True):
        np.testing.assert_array_equal(image, pictures[i])
        assert (answer, label) == (said[i], labels[i])
        assert probability == pytest.approx(0.5 + pictures[i, 1, 0, 0] / 200)


@pytest.mark.parametrize("cell, scan", [("none", "none"), ("lstm", "none"), ("gru", "rows")])
def test_saliency_is_the_slope_of_the_logit(cell, scan):
    network = build(cell, scan)
    image = PICTURES[0]
    saliency, inside = model.explain(network, image)
    assert saliency.shape == SHAPE
    answer = network.predict_on_batch(image[None])[0].argmax()
    brightest = np.argsort(-abs(saliency).ravel())[:5]
    for place in brightest:
        moved = np.repeat(image[None].astype("float32"), 2, axis=0).reshape(2, -1)
        moved[:, place] += (-0.5, 0.5)
        below, above = network.predict_on_batch(moved.reshape(2, *SHAPE))[:, answer]
        assert above - below == pytest.approx(saliency.ravel()[place], rel=0.1, abs=2e-6)
    steps = {"none": 1, "rows": SHAPE[0]}[scan]
    assert {values.shape for values in inside.values()} == ({(steps, 6)} if inside else set())
    assert bool(inside) == (cell != "none")


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
def test_other_sizes_of_pictures(shape):
    pictures = DRAW.integers(0, 256, (2, *shape), "uint8")
    assert vary(pictures, seeded(1), 2, True, 0.9).shape == (2, *shape)
    network = model.build_model(shape, 5, filters=8)
    assert network.predict_on_batch(pictures).shape == (2, 5)
