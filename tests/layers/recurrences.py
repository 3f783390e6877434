"""The recurrences once more, step by step in float64 NumPy: what the tests compare with."""

import numpy as np

from shared.layers.loops import on_gpu


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def simple_rnn(x, s, weights):
    """x (batch, timesteps, features), s (batch, units) -> states (batch, timesteps, units)."""
    u, w, b = weights
    states = []
    for t in range(x.shape[1]):
        s = np.tanh(x[:, t] @ u + s @ w + b)
        states.append(s)
    return np.stack(states, axis=1)


def lstm(x, h, c, weights):
    """-> hidden states and cell states, each (batch, timesteps, units)."""
    u, w, b = weights
    hidden, cells = [], []
    for t in range(x.shape[1]):
        i, f, g, o = np.split(x[:, t] @ u + h @ w + b, 4, axis=1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        hidden.append(h)
        cells.append(c)
    return np.stack(hidden, axis=1), np.stack(cells, axis=1)


def gru(x, h, weights, reset_after):
    """-> hidden states (batch, timesteps, units)."""
    u, w, b = weights
    b, d = b if reset_after else (b, np.zeros_like(b))
    u_z, u_r, u_h = np.split(u, 3, axis=1)
    w_z, w_r, w_h = np.split(w, 3, axis=1)
    b_z, b_r, b_h = np.split(b, 3)
    d_z, d_r, d_h = np.split(d, 3)
    states = []
    for t in range(x.shape[1]):
        z = sigmoid(x[:, t] @ u_z + b_z + h @ w_z + d_z)
        r = sigmoid(x[:, t] @ u_r + b_r + h @ w_r + d_r)
        inner = r * (h @ w_h + d_h) if reset_after else (r * h) @ w_h
        h = z * h + (1 - z) * np.tanh(x[:, t] @ u_h + b_h + inner)
        states.append(h)
    return np.stack(states, axis=1)


def mingru(x, h, weights):
    """-> hidden states (batch, timesteps, units)."""
    u, b = weights
    u_z, u_h = np.split(u, 2, axis=1)
    b_z, b_h = np.split(b, 2)
    states = []
    for t in range(x.shape[1]):
        z = sigmoid(x[:, t] @ u_z + b_z)
        h = (1 - z) * h + z * (x[:, t] @ u_h + b_h)
        states.append(h)
    return np.stack(states, axis=1)


def random_weights(layer, seed=0):
    """Weights of the shapes of a built layer, biases too away from zero."""
    generator = np.random.default_rng(seed)
    return [generator.normal(0, 0.4, w.shape) for w in layer.get_weights()]


def rounding(on_a_cpu):
    """How far float32 may be off: on a GPU more, as NVIDIA's kernels approximate tanh."""
    return max(on_a_cpu, 5e-5) if on_gpu() else on_a_cpu
