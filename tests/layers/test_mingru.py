"""MinGRU against its recurrence in float64 NumPy, and in every circumstance of a layer."""

import keras
import numpy as np
import pytest
from keras import ops

from shared.layers import Bidirectional, MinGRU, MinGRUCell
from tests.layers import recurrences

pytestmark = pytest.mark.usefixtures("double_precision")
BATCH, TIMESTEPS, FEATURES, UNITS = 3, 9, 5, 4
X = np.random.default_rng(0).normal(size=(BATCH, TIMESTEPS, FEATURES))
FIRST = np.random.default_rng(1).normal(size=(BATCH, UNITS))


def make(**arguments):
    layer = MinGRU(UNITS, dtype="float64", **arguments)
    layer.build(X.shape)
    layer.set_weights(recurrences.random_weights(layer))
    return layer


def expected(layer, x=X, h=FIRST):
    return recurrences.mingru(x, h, layer.get_weights())


def assert_close(found, numbers):
    np.testing.assert_allclose(ops.convert_to_numpy(found), numbers, rtol=0, atol=1e-12)


def test_hidden_state():
    layer = make(return_sequences=True, return_state=True)
    outputs, last = layer(X, initial_state=FIRST)
    assert_close(outputs, expected(layer))
    assert_close(last, expected(layer)[:, -1])


def test_weights():
    layer = make()
    assert [(w.name, w.shape) for w in layer.weights] == [
        ("kernel", (FEATURES, 2 * UNITS)),
        ("bias", (2 * UNITS,)),
    ]


def test_without_bias_and_backwards():
    layer = make(use_bias=False, go_backwards=True)
    (kernel,) = layer.get_weights()
    weights = kernel, np.zeros(2 * UNITS)
    assert_close(
        layer(X, initial_state=FIRST), recurrences.mingru(X[:, ::-1], FIRST, weights)[:, -1]
    )


def test_a_mask_keeps_the_state():
    mask = np.ones((BATCH, TIMESTEPS), bool)
    mask[:, 3] = mask[0, 5:] = False
    layer = make()
    states = [
        recurrences.mingru(X[[row]][:, mask[row]], FIRST[[row]], layer.get_weights())[:, -1]
        for row in range(BATCH)
    ]
    assert_close(layer(X, initial_state=FIRST, mask=mask), np.concatenate(states))


def test_both_directions():
    both = Bidirectional(MinGRU(UNITS, dtype="float64"), dtype="float64")
    both.build(X.shape)
    both.set_weights(recurrences.random_weights(both))
    nothing = np.zeros((BATCH, UNITS))
    forward = expected(both.forward_layer, h=nothing)[:, -1]
    backward = expected(both.backward_layer, X[:, ::-1], nothing)[:, -1]
    assert_close(both(X), np.concatenate([forward, backward], axis=-1))


def test_dropout_is_one_choice_for_all_timesteps():
    layer = make(dropout=0.5, seed=3, return_sequences=True)
    ones = np.ones_like(X)
    outputs = ops.convert_to_numpy(layer(ones, training=True))
    kernel, bias = layer.get_weights()
    possible = [
        recurrences.mingru(ones[:1] * mask, np.zeros((1, UNITS)), (kernel, bias))[0]
        for mask in 2.0 * (np.arange(2**FEATURES)[:, None] >> np.arange(FEATURES) & 1)
    ]
    for row in outputs:
        assert min(np.abs(row - one).max() for one in possible) < 1e-6
    assert_close(layer(ones), expected(layer, ones, np.zeros((BATCH, UNITS))))


def test_config_makes_an_equal_layer():
    layer = make(kernel_regularizer="l2", bias_constraint="max_norm", dropout=0.2, name="reader")
    config = layer.get_config()
    assert MinGRU.from_config(config).get_config() == config
    assert config["kernel_regularizer"] and config["dropout"] == 0.2
    assert not [name for name in config if "recurrent" in name or name == "activation"]
    cell = MinGRUCell.from_config(layer.cell.get_config())
    assert cell.get_config() == layer.cell.get_config()


@pytest.mark.parametrize("argument", ["activation", "recurrent_dropout", "use_cudnn", "flavour"])
def test_what_it_has_not_is_refused(argument):
    with pytest.raises((ValueError, TypeError), match=argument):
        MinGRU(UNITS, **{argument: "tanh"})


def test_units_below_one_are_refused():
    with pytest.raises(ValueError, match="units"):
        MinGRU(0)


def test_cells_stack():
    cells = [MinGRUCell(UNITS, dtype="float64") for _ in range(2)]
    cell = keras.layers.StackedRNNCells(cells, dtype="float64")
    stacked = keras.layers.RNN(cell, return_sequences=True, dtype="float64")
    stacked.build(X.shape)
    weights = recurrences.random_weights(stacked)
    stacked.set_weights(weights)
    nothing = np.zeros((BATCH, UNITS))
    below = recurrences.mingru(X, nothing, weights[:2])
    assert_close(stacked(X), recurrences.mingru(below, nothing, weights[2:]))
