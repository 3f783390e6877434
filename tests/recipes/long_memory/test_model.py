"""The network: how its cells begin, and that each of the tasks can be read."""

import keras
import numpy as np
import pytest

from recipes.long_memory import model
from shared.cli import CELLS
from shared.evaluation.gradients import reach


@pytest.mark.parametrize("cell", CELLS)
def test_the_last_state_is_what_is_read(cell):
    """A float64 product of the cell's last state with the answer's weights gives the answer."""
    keras.utils.set_random_seed(1)
    network = model.build_model(5, vocabulary_size=9, cell=cell, units=4, layers=2, remember=20)
    words = np.random.default_rng(1).integers(1, 9, (3, 7)).astype("int32")
    kernel, bias = network.get_layer("answer").get_weights()
    states = keras.Model(network.input, network.layers[-2].output).predict_on_batch(words)
    assert states.shape == (3, 4)
    expected = states.astype("float64") @ kernel + bias
    np.testing.assert_allclose(network.predict_on_batch(words), expected, rtol=1e-5, atol=1e-6)


def test_an_answer_at_every_step_for_copying():
    network = model.build_model(9, vocabulary_size=10, every_step=True, units=4)
    assert network.predict_on_batch(np.zeros((2, 30), "int32")).shape == (2, 30, 9)


def test_gates_begin_as_asked():
    """Those of all layers remember over the whole sequence, or begin as in Keras."""
    network = model.build_model(1, features=2, units=256, layers=2, remember=600)
    for layer in network.layers[1:3]:
        forget = layer.get_weights()[-1][256:512]
        assert 500 < np.exp(forget).max() < 600
    plain = model.build_model(1, features=2, units=256)
    assert (plain.layers[1].get_weights()[-1][256:512] == 1).all()


def test_the_identity_network_begins_as_a_copy_of_its_state():
    """Le et al. 2015: a state without negative numbers stays as it is until something comes in."""
    network = model.build_model(1, features=2, cell="rnn", units=6, identity=True)
    layer = network.layers[1]
    state = np.arange(6, dtype="float32")[None]
    last = layer(np.zeros((1, 50, 2), "float32"), initial_state=[state])
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(last), state)
    assert abs(layer.get_weights()[0]).max() < 0.01
    gated = model.build_model(1, features=2, cell="gru", units=6, identity=True)
    assert gated.layers[1].cell.activation is keras.activations.tanh, "only the simple RNN has it"


@pytest.mark.parametrize("cell", CELLS)
def test_explain_is_the_trace_of_the_first_layer(cell):
    network = model.build_model(5, vocabulary_size=9, cell=cell, units=4, layers=2)
    words = np.array([1, 5, 8, 2], "int32")
    inside = model.explain(network, words)
    first = network.layers[2]
    states = keras.Model(network.input, first.output).predict_on_batch(words[None])[0]
    np.testing.assert_allclose(inside["hidden_state"], states, rtol=1e-5, atol=1e-6)
    assert ("cell_state" in inside) == (cell == "lstm")
    numbers = model.build_model(1, features=3, cell=cell, units=4)
    assert model.explain(numbers, np.zeros((6, 3), "float32"))["hidden_state"].shape == (6, 4)


def test_gradients_of_the_error_against_products_of_jacobians():
    """dE_T/ds_k of the cross entropy, written out for the simple RNN in float64 NumPy."""
    keras.utils.set_random_seed(2)
    network = model.build_model(5, vocabulary_size=9, cell="rnn", units=4)
    network.set_weights([2 * weights for weights in network.get_weights()])
    words = np.random.default_rng(3).integers(1, 9, (3, 6)).astype("int32")
    answers = np.array([4, 0, 2])
    (measured,) = reach(network, words, model.error_of(network, answers)).values()
    found = measured["hidden_state"]

    vectors, kernel, recurrent_kernel, bias, of_answer, answer_bias = (
        weights.astype("float64") for weights in network.get_weights()
    )
    norms = np.zeros((3, 6))
    for row in range(3):
        states = [np.zeros(4)]
        for word in words[row]:
            states.append(np.tanh(vectors[word] @ kernel + states[-1] @ recurrent_kernel + bias))
        logits = states[-1] @ of_answer + answer_bias
        probabilities = np.exp(logits) / np.exp(logits).sum()
        gradient = of_answer @ (probabilities - np.eye(5)[answers[row]])
        for distance in range(6):
            norms[row, distance] = np.linalg.norm(gradient)
            gradient = recurrent_kernel @ ((1 - states[-1 - distance] ** 2) * gradient)
    np.testing.assert_allclose(found, norms.mean(axis=0), rtol=1e-5)

    largest, bounds = model.bound(network, found)
    assert largest == pytest.approx(np.linalg.svd(recurrent_kernel)[1][0], rel=1e-6)
    np.testing.assert_allclose(bounds, found[0] * largest ** np.arange(len(bounds)), rtol=1e-6)
    assert (found[: len(bounds)] <= bounds * (1 + 1e-6)).all() and len(bounds) > 2


def test_the_error_of_a_sum():
    network = model.build_model(1, features=2, cell="gru", units=4)
    kernel, bias = network.get_layer("answer").get_weights()
    state = np.array([[0.1, -0.2, 0.3, 0.4]], "float32")
    error = model.error_of(network, np.array([[0.7]]))(keras.ops.convert_to_tensor(state))
    assert float(error[0]) == pytest.approx(
        float((state @ kernel + bias - 0.7)[0, 0] ** 2), rel=1e-5
    )


@pytest.mark.parametrize("cell", CELLS)
def test_what_the_units_add_to_the_answer_is_the_answer(cell):
    keras.utils.set_random_seed(1)
    network = model.build_model(5, vocabulary_size=9, cell=cell, units=4, remember=20)
    words = np.random.default_rng(1).integers(1, 9, 7).astype("int32")
    found = model.shares(network, model.explain(network, words))
    bias = network.get_layer("answer").get_weights()[1]
    logits = network.predict_on_batch(words[None])[0]
    np.testing.assert_allclose(found.sum(axis=0) + bias, logits, rtol=1e-5, atol=1e-6)
    two = model.build_model(5, vocabulary_size=9, cell=cell, units=4, layers=2)
    assert model.shares(two, model.explain(two, words)) is None
