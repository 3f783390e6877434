"""Cells as a textbook reader would first write them: one product per gate and input.

They run inside `keras.layers.RNN` and are what a hand-written fast layer has to beat to be worth
its lines; with large states they are a strong opponent.
"""

import keras
from keras import ops


class _NaiveCell(keras.layers.Layer):
    """Weights U (features, units), W (units, units) and b (units,) for each gate by name."""

    gates = ()
    states = 1

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.state_size = [units] * self.states

    def build(self, input_shape):
        self.of_gate = {
            gate: (
                self.add_weight((input_shape[-1], self.units), name=f"u_{gate}"),
                self.add_weight((self.units, self.units), "orthogonal", name=f"w_{gate}"),
                self.add_weight((self.units,), "zeros", name=f"b_{gate}"),
            )
            for gate in self.gates
        }

    def sum_into(self, gate, x, h):
        """U x + W h + b, (batch, units)."""
        u, w, b = self.of_gate[gate]
        return ops.matmul(x, u) + ops.matmul(h, w) + b


class NaiveSimpleRNNCell(_NaiveCell):
    gates = ("hidden",)

    def call(self, x, states):
        h = ops.tanh(self.sum_into("hidden", x, states[0]))
        return h, [h]


class NaiveLSTMCell(_NaiveCell):
    gates = ("input", "forget", "candidate", "output")
    states = 2

    def call(self, x, states):
        h, c = states
        i = ops.sigmoid(self.sum_into("input", x, h))
        f = ops.sigmoid(self.sum_into("forget", x, h))
        g = ops.tanh(self.sum_into("candidate", x, h))
        o = ops.sigmoid(self.sum_into("output", x, h))
        c = f * c + i * g
        h = o * ops.tanh(c)
        return h, [h, c]


class NaiveGRUCell(_NaiveCell):
    gates = ("update", "reset", "candidate")

    def call(self, x, states):
        (h,) = states
        z = ops.sigmoid(self.sum_into("update", x, h))
        r = ops.sigmoid(self.sum_into("reset", x, h))
        candidate = ops.tanh(self.sum_into("candidate", x, r * h))
        h = z * h + (1 - z) * candidate
        return h, [h]


CELLS = {"SimpleRNN": NaiveSimpleRNNCell, "LSTM": NaiveLSTMCell, "GRU": NaiveGRUCell}
