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

The gradient flows through c_t by addition, scaled by f_t alone: that is why it lasts.

S. Hochreiter and J. Schmidhuber, "Long short-term memory", Neural Computation 9 (1997); the
forget gate is from F. Gers, J. Schmidhuber and F. Cummins, "Learning to forget", Neural
Computation 12 (2000).
"""

import keras
from keras import ops

from .bptt import LSTMEquations
from .recurrent import Gates, RecurrentLayer


@keras.saving.register_keras_serializable(package="shared.layers")
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


@keras.saving.register_keras_serializable(package="shared.layers")
class LSTM(RecurrentLayer, keras.layers.LSTM):
    """Long short-term memory: (batch, timesteps, features) -> (batch, units).

    Takes the arguments of `keras.layers.LSTM` (see `recurrent.py` and `LSTMCell`) and has the
    same weights in the same order: U (features, 4 * units), W (units, 4 * units), b (4 * units,).

    Raises:
        ValueError: if `units` isn't positive or an argument is unknown.
    """

    cell_class = LSTMCell
    cell_name = "lstm_cell"
    equations = LSTMEquations
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
