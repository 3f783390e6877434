"""The GRU against its recurrence in float64 NumPy, with the reset gate before and after."""

import numpy as np
import pytest
from keras import ops

from shared.layers import GRU
from tests.layers import recurrences

pytestmark = pytest.mark.usefixtures("double_precision")


@pytest.mark.parametrize("reset_after", [True, False])
def test_hidden_state(reset_after):
    generator = np.random.default_rng(0)
    x = generator.normal(size=(3, 9, 5))
    h = generator.normal(size=(3, 4))
    layer = GRU(
        4, return_sequences=True, return_state=True, reset_after=reset_after, dtype="float64"
    )
    layer.build(x.shape)
    layer.set_weights(recurrences.random_weights(layer))
    outputs, last = layer(x, initial_state=[h])
    hidden = recurrences.gru(x, h, recurrences.random_weights(layer), reset_after)
    np.testing.assert_allclose(ops.convert_to_numpy(outputs), hidden, atol=1e-12)
    np.testing.assert_allclose(ops.convert_to_numpy(last), hidden[:, -1], atol=1e-12)
