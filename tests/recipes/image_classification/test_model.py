"""The network, against NumPy where possible."""

import keras
import numpy as np
import pytest

from recipes.image_classification import model
from shared.cli import CELLS
from shared.training.losses import SmoothedCrossEntropy

SHAPE = (12, 10, 1)
DRAW = np.random.default_rng(1)
PICTURES = DRAW.integers(0, 256, (4, *SHAPE), "uint8")
LABELS = np.array([0, 1, 2, 0])


def build(cell="lstm", scan="none", **more):
    keras.utils.set_random_seed(1)
    return model.build_model(SHAPE, 3, cell=cell, units=6, filters=8, scan=scan, **more)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("cell", ["none", *CELLS])
def test_one_step_of_the_cell_is_what_the_readme_says(cell, layers):
    """From a state of zero; computed from the features in NumPy."""
    network = build(cell, layers=layers)
    cells = [layer for layer in network.layers if isinstance(layer, keras.layers.RNN)]
    assert len(cells) == (0 if cell == "none" else layers)
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
    if inside:  # what its units add to the logits are the logits
        bias = network.get_layer("logits").get_weights()[1]
        expected = network.predict_on_batch(image[None])[0] - bias
        np.testing.assert_allclose(
            model.shares(network, inside).sum(axis=0), expected, rtol=1e-4, atol=1e-5
        )


@pytest.mark.parametrize("shape", [(8, 8, 1), (33, 47, 3)])
def test_other_sizes_of_pictures(shape):
    pictures = DRAW.integers(0, 256, (2, *shape), "uint8")
    network = model.build_model(shape, 5, filters=8)
    assert network.predict_on_batch(pictures).shape == (2, 5)
