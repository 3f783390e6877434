"""The simple recurrent network against its recurrence in float64 NumPy."""

import numpy as np
import pytest
from keras import ops

from shared.layers import SimpleRNN
from tests.layers import recurrences

pytestmark = pytest.mark.usefixtures("double_precision")


def test_state():
    generator = np.random.default_rng(0)
    x = generator.normal(size=(3, 9, 5))
    s = generator.normal(size=(3, 4))
    layer = SimpleRNN(4, return_sequences=True, return_state=True, dtype="float64")
    layer.build(x.shape)
    layer.set_weights(recurrences.random_weights(layer))
    outputs, last = layer(x, initial_state=s)
    states = recurrences.simple_rnn(x, s, recurrences.random_weights(layer))
    np.testing.assert_allclose(ops.convert_to_numpy(outputs), states, atol=1e-12)
    np.testing.assert_allclose(ops.convert_to_numpy(last), states[:, -1], atol=1e-12)
