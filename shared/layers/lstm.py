"""Long short-term memory: a cell that keeps, and gates that decide what enters, stays and leaves.

    i_t = sigmoid(U_i x_t + W_i h_{t-1} + b_i)    input gate: how much of the candidate enters
    f_t = sigmoid(U_f x_t + W_f h_{t-1} + b_f)    forget gate: how much of the cell stays
    g_t = tanh(U_c x_t + W_c h_{t-1} + b_c)       candidate
    c_t = f_t * c_{t-1} + i_t * g_t               cell state
    o_t = sigmoid(U_o x_t + W_o h_{t-1} + b_o)    output gate: how much of the cell is shown
    h_t = o_t * tanh(c_t)                         hidden state, which is the output

    x_t (batch, features)         U = [U_i U_f U_c U_o] (features, 4 * units)   `kernel`
    h_t, c_t (batch, units)       W = [W_i W_f W_c W_o] (units, 4 * units)      `recurrent_kernel`
                                  b = [b_i b_f b_c b_o] (4 * units,)            `bias`

Backward, with the gradients dE/dh_t and dE/dc_t that arrive from the output and from timestep
t + 1; the second is joined by what reaches c_t through h_t:

    dE/dc_t += dE/dh_t * o_t * (1 - tanh(c_t)^2)
    dE/df_t = dE/dc_t * c_{t-1}      dE/di_t = dE/dc_t * g_t      dE/dg_t = dE/dc_t * i_t
    dE/do_t = dE/dh_t * tanh(c_t)
    dE/dz_t = each of these times the derivative of its gate, s (1 - s) or 1 - g^2
    dE/dc_{t-1} = dE/dc_t * f_t      dE/dh_{t-1} = dE/dz_t W^T

The gradient flows from c_t to c_{t-1} scaled by f_t alone: that is why it lasts.

S. Hochreiter and J. Schmidhuber, "Long short-term memory", Neural Computation 9 (1997); the
forget gate is from F. Gers, J. Schmidhuber and F. Cummins, "Learning to forget", Neural
Computation 12 (2000).
"""

import keras
from keras import ops

from .loops.equations import Equations, product, repeat, without_state_dropout
from .recurrent import Gates, RecurrentLayer


@keras.saving.register_keras_serializable(package=__package__)
class LSTMCell(Gates, keras.layers.LSTMCell):
    """One step of the LSTM.

    Args, beside those in `recurrent.py`:
        recurrent_activation: of the three gates.
        unit_forget_bias: whether b_f starts at 1, so that the cell keeps until it learns to
            forget (Jozefowicz et al. 2015).
    """

    def call(self, inputs, states, training=False):
        """inputs (batch, features), states [h, c], each (batch, units) -> h, [h, c]."""
        h, c = states
        drop_x, drop_h = self.dropout_masks(inputs, h, training)
        x_i, x_f, x_c, x_o = self.products(inputs, self.kernel, drop_x)
        h_i, h_f, h_c, h_o = self.products(h, self.recurrent_kernel, drop_h)
        b_i, b_f, b_c, b_o = ops.split(self.bias, 4) if self.use_bias else (0, 0, 0, 0)

        i = self.recurrent_activation(x_i + h_i + b_i)
        f = self.recurrent_activation(x_f + h_f + b_f)
        g = self.activation(x_c + h_c + b_c)
        c = f * c + i * g
        o = self.recurrent_activation(x_o + h_o + b_o)
        h = o * self.activation(c)
        self.note(input_gate=i, forget_gate=f, candidate=g, output_gate=o)
        return h, [h, c]


@keras.saving.register_keras_serializable(package=__package__)
class LSTM(RecurrentLayer, keras.layers.LSTM):
    """Long short-term memory: (batch, timesteps, features) -> (batch, units).

    Takes the arguments of `keras.layers.LSTM` (see `recurrent.py` and `LSTMCell`) and has the
    same weights in the same order: U (features, 4 * units), W (units, 4 * units), b (4 * units,).

    Raises:
        ValueError: if `units` isn't positive or an argument is unknown.
    """

    cell_class = LSTMCell
    cell_name = "lstm_cell"
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


class LSTMEquations(Equations):
    """The step for the fast loops; the record is (i, f, g, o).

    One tanh serves all gates, because sigmoid(z) = tanh(z / 2) / 2 + 1 / 2; the inner half is
    folded into the weights before the loop.
    """

    states, kept = 2, 4
    fused = "lstm"

    @staticmethod
    def hold_for(cell):
        return (
            cell.activation is keras.activations.tanh
            and cell.recurrent_activation is keras.activations.sigmoid
            and without_state_dropout(cell)
        )

    @staticmethod
    def folded(kernel, recurrent_kernel, bias):
        """Halves for i, f and o."""
        scale = repeat((0.5, 0.5, 1, 0.5), recurrent_kernel.shape[0], kernel)
        return kernel * scale, bias * scale, recurrent_kernel * scale

    @staticmethod
    def step(x, states, recurrent_kernel):
        """x: U x_t + b (batch, 4 * units), folded."""
        h, c = states
        scale = repeat((0.5, 0.5, 1, 0.5), h.shape[-1], h)
        shift = repeat((0.5, 0.5, 0, 0.5), h.shape[-1], h)
        gates = ops.tanh(x + product(h, recurrent_kernel)) * scale + shift
        i, f, g, o = ops.split(gates, 4, axis=-1)
        c = f * c + i * g
        return (o * ops.tanh(c), c), gates

    @staticmethod
    def backward_step(record, before, after, gradients, recurrent_transposed):
        """-> dE/dz (batch, 4 * units), (dE/dh_{t-1}, dE/dc_{t-1})."""
        i, f, g, o = ops.split(record, 4, axis=-1)
        (_, c_before), (_, c), (dh, dc) = before, after, gradients
        shown = ops.tanh(c)
        dc = dc + dh * o * (1 - shown * shown)
        di, df, dg, do = dc * g, dc * c_before, dc * i, dh * shown
        dz = [di * i * (1 - i), df * f * (1 - f), dg * (1 - g * g), do * o * (1 - o)]
        dz = ops.concatenate(dz, axis=-1)
        return dz, (ops.matmul(dz, recurrent_transposed), dc * f)


class LSTMEquationsForXLA(LSTMEquations):
    """The same backward step for all four gates at once.

    XLA computes it with vector instructions in this form, and number by number in the plain one.
    """

    @staticmethod
    def backward_step(record, before, after, gradients, recurrent_transposed):
        i, f, g, o = ops.split(record, 4, axis=-1)
        (_, c_before), (_, c), (dh, dc) = before, after, gradients
        units = c.shape[-1]
        shown = ops.tanh(c)
        dc = dc + dh * o * (1 - shown * shown)
        # The gradients of i, f, g and o are `arriving` times `factors`; the derivatives of the
        # gates are s (1 - s) for the three sigmoids and g (0 - g) + 1 for the candidate.
        arriving = ops.concatenate([dc, dc, dc, dh], axis=-1)
        factors = ops.concatenate([g, c_before, i, shown], axis=-1)
        derivatives = record * (repeat((1, 1, 0, 1), units, c) - record)
        dz = arriving * factors * (derivatives + repeat((0, 0, 1, 0), units, c))
        return dz, (ops.matmul(dz, recurrent_transposed), dc * f)


LSTMCell.equations = LSTMEquations(LSTMCell.call, for_xla=LSTMEquationsForXLA)
