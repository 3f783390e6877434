"""Chrono initialization: the gates remember for as long as was asked, and are saved as they are."""

import keras
import numpy as np
import pytest

from shared.layers import chrono, recurrent


def bias_of(cell, units=512, timesteps=100, seed=3):
    layer = recurrent(cell, units, **chrono(cell, timesteps, seed))
    layer.build((None, None, 2))
    return layer.get_weights()[-1]


def test_times_are_uniform_up_to_the_longest_gap():
    """Of the LSTM: b_f = log u and b_i = -b_f, nothing for the candidate and the output gate."""
    b_i, b_f, b_c, b_o = np.split(bias_of("lstm"), 4)
    times = np.exp(b_f)
    assert 1 <= times.min() < 3 and 97 < times.max() <= 99
    assert abs(times.mean() - 50) < 4
    np.testing.assert_array_equal(b_i, -b_f)
    assert not b_c.any() and not b_o.any()


def test_the_gate_that_keeps_is_open_and_the_one_that_writes_is_nearly_shut():
    """In Keras's GRU the update gate keeps, in the minGRU it writes."""
    (b_z, b_r, b_h), of_state = np.split(bias_of("gru")[0], 3), bias_of("gru")[1]
    assert np.exp(b_z).max() > 97 and (b_z >= 0).all()
    assert not b_r.any() and not b_h.any() and not of_state.any()
    b_z, b_h = np.split(bias_of("mingru"), 2)
    assert np.exp(-b_z).max() > 97 and (b_z <= 0).all() and not b_h.any()


@pytest.mark.parametrize("cell", ["lstm", "gru", "mingru"])
def test_a_state_lasts_as_long_as_the_gates_say(cell):
    """With no weights but the biases, a state of ones fades to sigmoid(log u)^k in k timesteps."""
    layer = recurrent(
        cell,
        4,
        kernel_initializer="zeros",
        **({} if cell == "mingru" else {"recurrent_initializer": "zeros"}),
        **chrono(cell, 50, seed=1),
        return_state=True,
    )
    states = [np.zeros((1, 4), "float32")] * (2 if cell == "lstm" else 1)
    states[-1] = np.ones((1, 4), "float32")  # the cell state, where there is one
    (*_, last) = layer(np.zeros((1, 20, 3), "float32"), initial_state=states)
    bias = layer.get_weights()[-1]
    kept = {"lstm": bias[4:8], "gru": bias[..., :4][0] if bias.ndim > 1 else 0, "mingru": -bias[:4]}
    expected = (1 / (1 + np.exp(-kept[cell].astype("float64")))) ** 20
    np.testing.assert_allclose(keras.ops.convert_to_numpy(last)[0], expected, rtol=1e-5)


def test_seed_and_saving(tmp_path):
    np.testing.assert_array_equal(bias_of("gru", seed=5), bias_of("gru", seed=5))
    assert (bias_of("gru", seed=5) != bias_of("gru", seed=6)).any()
    network = keras.Sequential([keras.Input((None, 2)), recurrent("lstm", 4, **chrono("lstm", 9))])
    network.save(tmp_path / "a.keras")
    loaded = keras.saving.load_model(tmp_path / "a.keras")
    for found, expected in zip(loaded.get_weights(), network.get_weights(), strict=True):
        np.testing.assert_array_equal(found, expected)
    (layer,) = loaded.layers
    assert layer.cell.bias_initializer.timesteps == 9


def test_what_cant_be():
    with pytest.raises(ValueError, match="'rnn' has no gates"):
        chrono("rnn", 100)
    with pytest.raises(ValueError, match="at least 3, not 2"):
        chrono("lstm", 2)
