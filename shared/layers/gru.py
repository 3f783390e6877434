"""The gated recurrent unit: one state, and two gates that decide how much of it is rewritten.

    z_t = sigmoid(U_z x_t + W_z h_{t-1} + b_z)                update gate: how much stays
    r_t = sigmoid(U_r x_t + W_r h_{t-1} + b_r)                reset gate: how much is looked at
    g_t = tanh(U_h x_t + b_h + r_t * (W_h h_{t-1} + b'_h))    candidate
    h_t = z_t * h_{t-1} + (1 - z_t) * g_t                     hidden state, which is the output

    x_t (batch, features)     U = [U_z U_r U_h] (features, 3 * units)   `kernel`
    h_t (batch, units)        W = [W_z W_r W_h] (units, 3 * units)      `recurrent_kernel`
                              b = [b; b'] (2, 3 * units)                `bias`

Here the reset gate acts after the product, as cuDNN computes it, and every product has its own
bias (`reset_after=True`). With `reset_after=False` it acts before, as in the paper,

    g_t = tanh(U_h x_t + W_h (r_t * h_{t-1}) + b_h),

and there is one bias, (3 * units,).

K. Cho et al., "Learning phrase representations using RNN encoder-decoder for statistical
machine translation", EMNLP 2014.
"""

import keras
from keras import ops

from .bptt import GRUEquations
from .recurrent import Gates, RecurrentLayer


@keras.saving.register_keras_serializable(package="shared.layers")
class GRUCell(Gates, keras.layers.GRUCell):
    """One step of the GRU.

    Args, beside those in `recurrent.py`:
        recurrent_activation: of the two gates.
        reset_after: whether the reset gate acts after the product with W_h.
    """

    def call(self, inputs, states, training=False):
        """inputs (batch, features), states [(batch, units)] -> output, [new state]."""
        several = isinstance(states, (list, tuple))
        h = states[0] if several else states
        drop_x, drop_h = self.dropout_masks(inputs, h, training)
        x_z, x_r, x_h = self.products(inputs, self.kernel, drop_x)
        (b_z, b_r, b_h), (d_z, d_r, d_h) = self.biases()

        if self.reset_after:
            h_z, h_r, h_h = self.products(h, self.recurrent_kernel, drop_h)
        else:
            to_gates, to_candidate = ops.split(self.recurrent_kernel, [2 * self.units], axis=1)
            h_z, h_r = self.products(h, to_gates, drop_h and drop_h[:2])

        z = self.recurrent_activation(x_z + b_z + h_z + d_z)
        r = self.recurrent_activation(x_r + b_r + h_r + d_r)
        if self.reset_after:
            g = self.activation(x_h + b_h + r * (h_h + d_h))
        else:
            (h_h,) = self.products(r * h, to_candidate, drop_h and drop_h[2:])
            g = self.activation(x_h + b_h + h_h)
        h = z * h + (1 - z) * g
        self.note(update_gate=z, reset_gate=r, candidate=g)
        return h, [h] if several else h

    def biases(self):
        """The biases of z, r and g: those of the input's product, those of the state's."""
        none = (0, 0, 0)
        if not self.use_bias:
            return none, none
        if not self.reset_after:
            return ops.split(self.bias, 3), none
        return ops.split(self.bias[0], 3), ops.split(self.bias[1], 3)


@keras.saving.register_keras_serializable(package="shared.layers")
class GRU(RecurrentLayer, keras.layers.GRU):
    """The gated recurrent unit: (batch, timesteps, features) -> (batch, units).

    Takes the arguments of `keras.layers.GRU` (see `recurrent.py` and `GRUCell`) and has the same
    weights in the same order: U (features, 3 * units), W (units, 3 * units), b (2, 3 * units).

    Raises:
        ValueError: if `units` isn't positive or an argument is unknown.
    """

    cell_class = GRUCell
    cell_name = "gru_cell"
    equations = GRUEquations
    takes_use_cudnn = True

    def __init__(
        self, units, activation="tanh", recurrent_activation="sigmoid", use_bias=True, **arguments
    ):
        super().__init__(
            units,
            activation=activation,
            recurrent_activation=recurrent_activation,
            use_bias=use_bias,
            **arguments,
        )
