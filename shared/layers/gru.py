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

Backward, for `reset_after=True`, with the gradient dE/dh_t that arrives from the output and from
timestep t + 1, and n_t = W_h h_{t-1} + b'_h:

    dE/da_z = dE/dh_t * (h_{t-1} - g_t) * z_t (1 - z_t)
    dE/da_g = dE/dh_t * (1 - z_t) * (1 - g_t^2)
    dE/da_r = dE/da_g * n_t * r_t (1 - r_t)
    dE/dn_t = dE/da_g * r_t
    dE/dh_{t-1} = dE/dh_t * z_t + [dE/da_z dE/da_r dE/dn_t] W^T

where a_z, a_r and a_g are what the sigmoids and the tanh are taken of.

K. Cho et al., "Learning phrase representations using RNN encoder-decoder for statistical
machine translation", EMNLP 2014.
"""

import keras
from keras import ops

from .loops.equations import Equations, product, repeat, without_state_dropout
from .recurrent import Gates, RecurrentLayer


@keras.saving.register_keras_serializable(package=__package__)
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


@keras.saving.register_keras_serializable(package=__package__)
class GRU(RecurrentLayer, keras.layers.GRU):
    """The gated recurrent unit: (batch, timesteps, features) -> (batch, units).

    Takes the arguments of `keras.layers.GRU` (see `recurrent.py` and `GRUCell`) and has the same
    weights in the same order: U (features, 3 * units), W (units, 3 * units), b (2, 3 * units).

    Raises:
        ValueError: if `units` isn't positive or an argument is unknown.
    """

    cell_class = GRUCell
    cell_name = "gru_cell"
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


class GRUEquations(Equations):
    """The step for the fast loops, with the reset gate after the product; the record is
    (z, r, g, n), n the product W_h h_{t-1} + b'_h that r scales.

    sigmoid(z) = tanh(z / 2) / 2 + 1 / 2, with the inner half folded into the weights.
    """

    states, kept = 1, 4
    fused = "gru"

    @staticmethod
    def hold_for(cell):
        return (
            cell.reset_after
            and cell.activation is keras.activations.tanh
            and cell.recurrent_activation is keras.activations.sigmoid
            and without_state_dropout(cell)
        )

    @staticmethod
    def bias_shape(columns):
        return (2, columns)

    @staticmethod
    def folded(kernel, recurrent_kernel, bias):
        """Halves for z and r; their two biases in one, as both are only ever added."""
        units = recurrent_kernel.shape[0]
        scale = repeat((0.5, 0.5, 1), units, kernel)
        joint = ops.concatenate([bias[0, : 2 * units] + bias[1, : 2 * units], bias[0, 2 * units :]])
        return kernel * scale, joint * scale, recurrent_kernel * scale, bias[1, 2 * units :]

    @staticmethod
    def step(x, states, recurrent_kernel, candidate_bias):
        """x: U x_t + b (batch, 3 * units), folded."""
        (h,) = states
        x_z, x_r, x_h = ops.split(x, 3, axis=-1)
        h_z, h_r, h_h = ops.split(product(h, recurrent_kernel), 3, axis=-1)
        z = ops.tanh(x_z + h_z) * 0.5 + 0.5
        r = ops.tanh(x_r + h_r) * 0.5 + 0.5
        n = h_h + candidate_bias
        g = ops.tanh(x_h + r * n)
        return (g + z * (h - g),), ops.concatenate([z, r, g, n], axis=-1)

    @staticmethod
    def backward_step(record, before, after, gradients, recurrent_transposed):
        """-> dE/d(z, r, g, n) (batch, 4 * units), (dE/dh_{t-1},)."""
        z, r, g, n = ops.split(record, 4, axis=-1)
        (h,), (dh,) = before, gradients
        d_z = dh * (h - g) * z * (1 - z)
        d_g = dh * (1 - z) * (1 - g * g)
        d_n = d_g * r
        d_r = d_g * n * r * (1 - r)
        of_state = ops.concatenate([d_z, d_r, d_n], axis=-1)
        dz = ops.concatenate([d_z, d_r, d_g, d_n], axis=-1)
        return dz, (dh * z + ops.matmul(of_state, recurrent_transposed),)

    @staticmethod
    def parts(dz):
        """The gates' part meets both products, g's the input's, that of n the state's."""
        d_z, d_r, d_g, d_n = ops.split(dz, 4, axis=-1)
        return (
            ops.concatenate([d_z, d_r, d_g], axis=-1),
            ops.concatenate([d_z, d_r, d_n], axis=-1),
        )

    @staticmethod
    def bias_gradient(of_input, of_state):
        """Of the two rows of the bias."""
        return ops.stack([of_input, of_state])


class GRUEquationsForXLA(GRUEquations):
    """The same step with each tanh of a whole tensor.

    XLA computes the tanh of a whole tensor with vector instructions, and that of a part of one
    number by number. So the first tanh below is also taken where the candidate stands, and that
    third is dropped; and the candidate's tanh is taken of two copies side by side.
    """

    @staticmethod
    def step(x, states, recurrent_kernel, candidate_bias):
        (h,) = states
        units = h.shape[-1]
        of_state = product(h, recurrent_kernel)
        z, r, _ = ops.split(ops.tanh(x + of_state) * 0.5 + 0.5, 3, axis=-1)
        n = of_state[:, 2 * units :] + candidate_bias
        g = x[:, 2 * units :] + r * n
        g = ops.tanh(ops.concatenate([g, g], axis=-1))[:, :units]
        return (g + z * (h - g),), ops.concatenate([z, r, g, n], axis=-1)


GRUCell.equations = GRUEquations(GRUCell.call, for_xla=GRUEquationsForXLA)
