"""The network: padding changes nothing, every weight learns, and the evidence adds up."""

import keras
import numpy as np
import pytest

from recipes.sentiment import model
from shared.cli import CELLS

WORDS = np.array([[3, 4, 5, 6], [7, 8, 0, 0], [1, 0, 0, 0]], "int32")


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("layers", [1, 2])
def test_further_padding_changes_nothing(cell, layers):
    keras.utils.set_random_seed(1)
    network = model.build_model(20, cell=cell, units=6, layers=layers)
    network.compile(
        "sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"]
    )
    labels = np.array([1, 0, 1])
    padded = np.pad(WORDS, [(0, 0), (0, 9)])
    np.testing.assert_allclose(
        network.predict_on_batch(WORDS), network.predict_on_batch(padded), atol=1e-6
    )
    for ours, expected in zip(
        network.evaluate(padded, labels, verbose=0),
        network.evaluate(WORDS, labels, verbose=0),
        strict=True,
    ):
        assert ours == pytest.approx(expected, abs=1e-6)
    # One text alone gives what it gave in the batch.
    alone = network.predict_on_batch(WORDS[1:2, :2])
    np.testing.assert_allclose(alone, network.predict_on_batch(WORDS)[1:2], atol=1e-6)


@pytest.mark.parametrize("cell", CELLS)
def test_one_step_changes_every_weight(cell):
    keras.utils.set_random_seed(1)
    network = model.build_model(20, cell=cell, units=6, layers=2, dropout=0.0)
    network.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    before = network.get_weights()
    network.train_on_batch(WORDS, np.array([1, 0, 1]))
    for weight, old, new in zip(network.weights, before, network.get_weights(), strict=True):
        assert (old != new).any(), weight.path


def test_probabilities_add_up_to_one_and_follow_the_logits():
    network = model.build_model(20, classes=3, units=6)
    logits = network.predict_on_batch(WORDS)
    probabilities = model.with_probabilities(network).predict_on_batch(WORDS)
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(probabilities, expected, rtol=1e-5)


@pytest.mark.parametrize("cell", CELLS)
def test_evidence_of_the_words_adds_up_to_the_logits(cell):
    keras.utils.set_random_seed(1)
    network = model.build_model(20, cell=cell, units=6, layers=2)
    evidence, inside = model.explain(network, WORDS[0])
    logits = network.predict_on_batch(WORDS[:1])[0]
    bias = network.get_layer("logits").get_weights()[1]
    np.testing.assert_allclose(evidence.sum(axis=0) + bias, logits, atol=1e-5)
    assert {values.shape for values in inside.values()} == {(4, 6)}


@pytest.mark.parametrize("cell", CELLS)
def test_what_the_units_add_to_the_logits_is_what_the_maximum_holds(cell):
    """With the other direction's share, read from the text backwards, it is all of the logits."""
    keras.utils.set_random_seed(1)
    network = model.build_model(20, classes=3, cell=cell, units=6)
    _, inside = model.explain(network, WORDS[0])
    found = model.shares(network, inside)
    states = keras.Model(network.input, network.layers[-4].output).predict_on_batch(WORDS[:1])[0]
    kernel, bias = network.get_layer("logits").get_weights()
    backward = states.max(axis=0).astype("float64")[6:] @ kernel[6:]
    logits = network.predict_on_batch(WORDS[:1])[0]
    np.testing.assert_allclose(found.sum(axis=0) + backward + bias, logits, atol=1e-5)
    assert model.shares(model.build_model(20, units=6, layers=2), inside) is None
