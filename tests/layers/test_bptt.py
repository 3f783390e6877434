"""Back-propagation through time as the textbook writes it, for the simple recurrent network.

    s_t = tanh(U x_t + W s_{t-1} + b),    E = sum over t of E_t(s_t)

    dE_t/dW = sum over k = 1..t of  dE_t/ds_t  (prod over j = k+1..t of ds_j/ds_{j-1})  ds_k/dW

where ds_k/dW takes s_{k-1} as a constant; likewise for U and b. The sum is written out below in
float64, Jacobian by Jacobian, and compared with what automatic differentiation of Keras's layer
finds, and with the gradient of ours.
"""

import keras
import numpy as np
import pytest
from keras import ops

from shared.layers import SimpleRNN, loops
from tests.layers.test_same_as_keras import gradient_of

BATCH, TIMESTEPS, FEATURES, UNITS = 3, 9, 4, 5
TIMES = [[TIMESTEPS], [4], range(1, TIMESTEPS + 1)]
pytestmark = pytest.mark.usefixtures("double_precision")


def problem():
    """Inputs, weights U, W, b, and a direction d_t for each timestep: E_t = d_t · s_t."""
    random = np.random.default_rng(5)
    x = random.normal(size=(BATCH, TIMESTEPS, FEATURES))
    weights = [
        random.normal(0, 0.5, size=(FEATURES, UNITS)),
        random.normal(0, 0.5, size=(UNITS, UNITS)),
        random.normal(0, 0.5, size=UNITS),
    ]
    return x, weights, random.normal(size=(BATCH, TIMESTEPS, UNITS))


def textbook_gradients(x, weights, d, t):
    """dE_t/dU, dE_t/dW and dE_t/db of one example: x (timesteps, features), d (timesteps, units).

    As in the code of the layers, states are rows: s_t = tanh(x_t U + s_{t-1} W + b).
    """
    u, w, b = weights
    s = [np.zeros(UNITS)]  # s[k] is the state after k timesteps
    for x_k in x:
        s.append(np.tanh(x_k @ u + s[-1] @ w + b))

    def slope(k):
        """ds_k/dz_k, where z_k is what tanh is taken of: a diagonal matrix."""
        return np.diag(1 - s[k] ** 2)

    def step_jacobian(j):
        """ds_j/ds_{j-1}: row a, column b is how unit a of s_j follows unit b of s_{j-1}."""
        return slope(j) @ w.T

    total = [np.zeros_like(weight) for weight in weights]
    for k in range(1, t + 1):
        product = np.eye(UNITS)
        for j in range(k + 1, t + 1):
            product = step_jacobian(j) @ product
        of_state = d[t - 1] @ product @ slope(k)  # dE_t/dz_k
        # z_k = x_k U + s_{k-1} W + b, so unit a of z_k follows column a of U and W alone.
        total[0] += np.outer(x[k - 1], of_state)
        total[1] += np.outer(s[k - 1], of_state)
        total[2] += of_state
    return total


def textbook_total(timesteps):
    """The gradients of the sum of E_t over examples and over these timesteps."""
    x, weights, d = problem()
    total = [np.zeros_like(weight) for weight in weights]
    for example in range(BATCH):
        for t in timesteps:
            for sum_, term in zip(
                total, textbook_gradients(x[example], weights, d[example], t), strict=True
            ):
                sum_ += term
    return total


def found_by(layer, timesteps):
    """The gradients of the same sum, as the backend finds them through the layer."""
    x, weights, d = problem()
    if not layer.built:
        layer.build(x.shape)
    layer.set_weights(weights)
    counted = np.zeros_like(d)
    counted[:, [t - 1 for t in timesteps]] = d[:, [t - 1 for t in timesteps]]

    def error(sources):
        return ops.sum(layer(sources[0]) * ops.convert_to_tensor(counted))

    return gradient_of(error, [x], layer.trainable_variables)[1:]


def assert_textbook(layer, timesteps):
    for found, expected in zip(found_by(layer, timesteps), textbook_total(timesteps), strict=True):
        assert found.dtype == np.float64
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("timesteps", TIMES)
def test_automatic_differentiation_finds_the_sum_of_the_textbook(timesteps):
    assert_textbook(
        keras.layers.SimpleRNN(UNITS, return_sequences=True, dtype="float64"), timesteps
    )


@pytest.mark.parametrize("timesteps", TIMES)
@pytest.mark.parametrize("loop", loops.LOOPS)
def test_our_gradients_are_the_sum_of_the_textbook(loop, timesteps):
    layer = SimpleRNN(UNITS, return_sequences=True, dtype="float64", loop=loop)
    layer.build((BATCH, TIMESTEPS, FEATURES))
    try:
        loops.choose_loop(layer)
    except ValueError as error:
        pytest.skip(str(error))
    assert_textbook(layer, timesteps)


def test_every_earlier_timestep_counts():
    """Were the sum cut off after two terms, it would be told: the test above can fail."""
    x, weights, d = problem()
    whole = textbook_gradients(x[0], weights, d[0], TIMESTEPS)
    last_two = textbook_gradients(x[0, -2:], weights, d[0, -2:], 2)
    assert np.abs(whole[1] - last_two[1]).max() > 1e-3
