"""The LSTM against its recurrence in float64 NumPy."""

import numpy as np
import pytest
from keras import ops

from shared.layers import LSTM, LSTMCell
from tests.layers import recurrences

pytestmark = pytest.mark.usefixtures("double_precision")


def test_hidden_and_cell_state():
    generator = np.random.default_rng(0)
    x = generator.normal(size=(3, 9, 5))
    h, c = generator.normal(size=(2, 3, 4))
    layer = LSTM(4, return_sequences=True, return_state=True, dtype="float64")
    layer.build(x.shape)
    layer.set_weights(recurrences.random_weights(layer))
    outputs, last_h, last_c = layer(x, initial_state=[h, c])
    hidden, cells = recurrences.lstm(x, h, c, recurrences.random_weights(layer))
    np.testing.assert_allclose(ops.convert_to_numpy(outputs), hidden, atol=1e-12)
    np.testing.assert_allclose(ops.convert_to_numpy(last_h), hidden[:, -1], atol=1e-12)
    np.testing.assert_allclose(ops.convert_to_numpy(last_c), cells[:, -1], atol=1e-12)


def test_forget_gate_starts_open():
    cell = LSTMCell(3)
    cell.build((None, 2))
    assert cell.get_weights()[2].tolist() == [0] * 3 + [1] * 3 + [0] * 6
    cell = LSTMCell(3, unit_forget_bias=False)
    cell.build((None, 2))
    assert not cell.get_weights()[2].any()
