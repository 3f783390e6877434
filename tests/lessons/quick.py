"""Networks that have learned nothing, for tests of what lessons draw: trained once for all."""

import fcntl
import os

import numpy as np

from lessons import networks


def book(tmp_path_factory, *names):
    """The folder of a book whose networks of these names are there, trained for a moment only."""
    base = tmp_path_factory.getbasetemp()
    # Workers of pytest-xdist have a folder each; the one above it is that of all.
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "book"
    folder.mkdir(exist_ok=True)
    with open(folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for name in names:
            networks.trained(folder, name, networks.QUICK)
    return folder


def lstm(sequence, weights):
    """The LSTM of the textbook in float64: what `trace` tells, each `(timesteps, units)`.

    Args:
        sequence: array `(timesteps, features)`.
        weights: U, W and b, as Keras has them.
    """
    U, W, b = (each.astype("float64") for each in weights)
    h = c = np.zeros(len(W))
    steps = []
    for x in sequence.astype("float64"):
        i, f, g, o = np.split(x @ U + h @ W + b, 4)
        i, f, o = (1 / (1 + np.exp(-gate)) for gate in (i, f, o))
        g = np.tanh(g)
        c = f * c + i * g
        h = o * np.tanh(c)
        steps.append((h, c, i, f, g, o))
    names = ("hidden_state", "cell_state", "input_gate", "forget_gate", "candidate", "output_gate")
    return dict(zip(names, np.stack(steps, axis=1), strict=True))


def softmax(logits):
    weights = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return weights / weights.sum(axis=-1, keepdims=True)
