"""`trace` and `state_gradients` against recurrences and Jacobians in float64 NumPy."""

import numpy as np
import pytest
from keras import ops

from shared.layers import GRU, LSTM, MinGRU, SimpleRNN
from tests.layers.recurrences import rounding

BATCH, TIMESTEPS, FEATURES, UNITS = 2, 7, 3, 4
pytestmark = pytest.mark.usefixtures("double_precision")
LAYERS = {
    "simple_rnn": (SimpleRNN, {}),
    "lstm": (LSTM, {}),
    "gru": (GRU, {}),
    "gru_reset_before": (GRU, {"reset_after": False}),
    "mingru": (MinGRU, {}),
}


def make(kind, dtype="float64", **arguments):
    """A layer with weights well away from zero, and inputs."""
    layer_class, own = LAYERS[kind]
    layer = layer_class(UNITS, dtype=dtype, return_sequences=True, **own, **arguments)
    layer.build((BATCH, TIMESTEPS, FEATURES))
    random = np.random.default_rng(3)
    layer.set_weights([random.normal(0, 0.6, weight.shape) for weight in layer.get_weights()])
    return layer, random.normal(size=(BATCH, TIMESTEPS, FEATURES))


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def recurrence(kind, weights, x):
    """All that `trace` should return, written out timestep by timestep."""
    u, *w, b = (np.array(weight, "float64") for weight in weights)
    w = w[0] if w else None
    h = c = np.zeros((len(x), UNITS))
    history = []
    for t in range(x.shape[1]):
        if kind == "simple_rnn":
            h = np.tanh(x[:, t] @ u + h @ w + b)
            now = {}
        elif kind == "lstm":
            i, f, g, o = np.split(x[:, t] @ u + h @ w + b, 4, axis=1)
            i, f, g, o = sigmoid(i), sigmoid(f), np.tanh(g), sigmoid(o)
            c = f * c + i * g
            h = o * np.tanh(c)
            now = {
                "cell_state": c,
                "input_gate": i,
                "forget_gate": f,
                "candidate": g,
                "output_gate": o,
            }
        elif kind == "mingru":
            z, g = np.split(x[:, t] @ u + b, 2, axis=1)
            z = sigmoid(z)
            h = (1 - z) * h + z * g
            now = {"update_gate": z, "candidate": g}
        else:
            of_input, of_state = b if kind == "gru" else (b, np.zeros_like(b))
            x_z, x_r, x_h = np.split(x[:, t] @ u + of_input, 3, axis=1)
            h_z, h_r, h_h = np.split(h @ w + of_state, 3, axis=1)
            z, r = sigmoid(x_z + h_z), sigmoid(x_r + h_r)
            h_h = r * h_h if kind == "gru" else (r * h) @ w[:, 2 * UNITS :]
            g = np.tanh(x_h + h_h)
            h = z * h + (1 - z) * g
            now = {"update_gate": z, "reset_gate": r, "candidate": g}
        history.append({"hidden_state": h, **now})
    return {name: np.stack([now[name] for now in history], axis=1) for name in history[0]}


@pytest.mark.parametrize("kind", LAYERS)
def test_trace_equals_the_recurrence(kind):
    layer, x = make(kind)
    traced, expected = layer.trace(x), recurrence(kind, layer.get_weights(), x)
    assert set(traced) == set(expected)
    for name in expected:
        assert traced[name].shape == (BATCH, TIMESTEPS, UNITS)
        np.testing.assert_allclose(traced[name], expected[name], rtol=0, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize("kind", LAYERS)
def test_trace_shows_what_the_layer_itself_computes(kind, dtype):
    layer, x = make(kind, dtype=dtype)
    x = x.astype("float32")
    outputs = ops.convert_to_numpy(ops.cast(layer(x), "float32"))
    tolerance = rounding(1e-6) if dtype == "float32" else 3e-2
    np.testing.assert_allclose(layer.trace(x)["hidden_state"], outputs, atol=tolerance)


@pytest.mark.parametrize("kind", LAYERS)
def test_trace_follows_initial_state_direction_and_mask(kind):
    layer, x = make(kind, go_backwards=True)
    mask = np.array([[1, 1, 1, 1, 1, 0, 0], [0, 1, 1, 0, 1, 1, 1]], bool)
    first = [0.3 * np.ones((BATCH, UNITS))] * (2 if kind == "lstm" else 1)
    outputs = layer(x, initial_state=[ops.convert_to_tensor(s) for s in first], mask=mask)
    traced = layer.trace(x, initial_state=first, mask=mask)
    passed_over = ~mask[:, ::-1]
    before_the_first = np.logical_and.accumulate(passed_over, axis=1)  # there Keras puts out zeros
    np.testing.assert_allclose(
        traced["hidden_state"][~before_the_first],
        ops.convert_to_numpy(outputs)[~before_the_first],
        rtol=0,
        atol=1e-12,
    )
    assert np.all(traced["hidden_state"][before_the_first] == 0.3)
    for name, values in traced.items():
        if name not in ("hidden_state", "cell_state"):
            assert np.all(values[passed_over] == 0) and np.all(values[~passed_over] != 0)


def jacobian(kind, weights, x_t, state):
    """ds_t/ds_{t-1} of one example by central differences; s is h, or for the LSTM [h, c]."""

    def step(s):
        u, *w, b = weights
        w = w[0] if w else None
        if kind == "mingru":
            z, g = np.split(x_t @ u + b, 2)
            return (1 - sigmoid(z)) * s + sigmoid(z) * g
        if kind == "simple_rnn":
            return np.tanh(x_t @ u + s @ w + b)
        if kind == "lstm":
            h, c = np.split(s, 2)
            i, f, g, o = np.split(x_t @ u + h @ w + b, 4)
            c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
            return np.concatenate([sigmoid(o) * np.tanh(c), c])
        x_z, x_r, x_h = np.split(x_t @ u + b[0], 3)
        h_z, h_r, h_h = np.split(s @ w + b[1], 3)
        z = sigmoid(x_z + h_z)
        return z * s + (1 - z) * np.tanh(x_h + sigmoid(x_r + h_r) * h_h)

    small = 1e-6
    columns = [
        (step(state + small * unit) - step(state - small * unit)) / (2 * small)
        for unit in np.eye(len(state))
    ]
    return np.stack(columns, axis=1)


@pytest.mark.parametrize("timestep", [-1, 3])
@pytest.mark.parametrize("kind", ["simple_rnn", "lstm", "gru", "mingru"])
def test_state_gradients_are_the_product_of_jacobians(kind, timestep):
    layer, x = make(kind)
    weights = [np.array(weight, "float64") for weight in layer.get_weights()]
    direction = np.random.default_rng(4).normal(size=UNITS)
    found = layer.state_gradients(
        x, loss=lambda hidden: ops.matmul(hidden, direction[:, None]), timestep=timestep
    )
    traced = layer.trace(x)
    states = traced["hidden_state"]
    if kind == "lstm":
        states = np.concatenate([states, traced["cell_state"]], axis=-1)
    last = range(TIMESTEPS)[timestep]
    for b in range(BATCH):
        gradient = np.zeros(states.shape[-1])
        gradient[:UNITS] = direction
        for k in range(last, -1, -1):
            norms = [np.linalg.norm(part) for part in np.split(gradient, len(gradient) // UNITS)]
            assert found["hidden_state"][b, k] == pytest.approx(norms[0], rel=1e-7, abs=1e-12)
            if kind == "lstm":
                assert found["cell_state"][b, k] == pytest.approx(norms[1], rel=1e-7, abs=1e-12)
            gradient = gradient @ jacobian(kind, weights, x[b, k], states[b, k - 1]) if k else None
    assert all(np.all(norms[:, last + 1 :] == 0) for norms in found.values())


def test_a_small_recurrent_matrix_forgets_and_a_kept_cell_does_not():
    """The norms show the vanishing gradient, and what the LSTM does about it."""
    simple, x = make("simple_rnn")
    u, w, b = simple.get_weights()
    simple.set_weights([u, 0.3 * w / np.linalg.norm(w, 2), b])
    vanishing = simple.state_gradients(x)["hidden_state"]
    assert np.all(vanishing[:, :-1] < 0.31 * vanishing[:, 1:])

    lstm, _ = make("lstm")
    u, w, b = lstm.get_weights()
    b[UNITS : 2 * UNITS] = 40  # the forget gate stays open
    lstm.set_weights([u, 0 * w, b])
    kept = lstm.state_gradients(x)["cell_state"]
    np.testing.assert_allclose(kept[:, :-1], kept[:, [-2]].repeat(TIMESTEPS - 1, 1), rtol=1e-12)


def test_passing_over_a_timestep_keeps_the_gradient():
    layer, x = make("gru")
    mask = np.ones((BATCH, TIMESTEPS), bool)
    mask[:, 3] = False
    norms = layer.state_gradients(x, mask=mask)["hidden_state"]
    np.testing.assert_allclose(norms[:, 2], norms[:, 3], rtol=1e-12)


def test_errors_say_what_to_do():
    layer, x = make("lstm")
    with pytest.raises(ValueError, match="batch, timesteps, features"):
        layer.trace(x[0])
    with pytest.raises(IndexError):
        layer.state_gradients(x, timestep=TIMESTEPS)
