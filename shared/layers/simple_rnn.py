"""The simple recurrent network: the state is a function of the input and of the last state.

    s_t = f(U x_t + W s_{t-1} + b)

    x_t (batch, features)     U (features, units)   the weights called `kernel`
    s_t (batch, units)        W (units, units)      `recurrent_kernel`
                              b (units,)            `bias`

Backward, with the gradient dE/ds_t that arrives from the output and from timestep t + 1:

    dE/dz_t = dE/ds_t * f'(z_t)       z_t is what f is taken of, and tanh'(z_t) = 1 - s_t^2
    dE/ds_{t-1} = dE/dz_t W^T

J. L. Elman, "Finding structure in time", Cognitive Science 14 (1990).
"""

import keras
from keras import ops

from .loops.equations import Equations, product
from .recurrent import RecurrentLayer


@keras.saving.register_keras_serializable(package=__package__)
class SimpleRNNCell(keras.layers.SimpleRNNCell):
    """One step of the simple recurrent network; arguments as in `recurrent.py`."""

    def call(self, inputs, states, training=False):
        """inputs (batch, features), states [(batch, units)] -> output, [new state]."""
        several = isinstance(states, (list, tuple))
        s = states[0] if several else states
        dropped_inputs = self.get_dropout_mask(inputs)
        dropped_state = self.get_recurrent_dropout_mask(s)
        if training and dropped_inputs is not None:
            inputs = inputs * dropped_inputs
        if training and dropped_state is not None:
            s = s * dropped_state

        z = ops.matmul(inputs, self.kernel) + ops.matmul(s, self.recurrent_kernel)
        if self.bias is not None:
            z = z + self.bias
        s = self.activation(z)
        return s, [s] if several else s


@keras.saving.register_keras_serializable(package=__package__)
class SimpleRNN(RecurrentLayer, keras.layers.SimpleRNN):
    """The simple recurrent network: (batch, timesteps, features) -> (batch, units).

    Takes the arguments of `keras.layers.SimpleRNN` (see `recurrent.py`) and has the same weights
    in the same order: U (features, units), W (units, units), b (units,).

    Raises:
        ValueError: if `units` isn't positive or an argument is unknown.
    """

    cell_class = SimpleRNNCell
    cell_name = "simple_rnn_cell"

    def __init__(self, units, activation="tanh", use_bias=True, **arguments):
        super().__init__(units, activation=activation, use_bias=use_bias, **arguments)


class SimpleRNNEquations(Equations):
    """The step for the fast loops; the state itself is all the record there is."""

    fused = "rnn_tanh"

    @staticmethod
    def step(x, states, recurrent_kernel):
        """x: U x_t + b (batch, units)."""
        (s,) = states
        return (ops.tanh(x + product(s, recurrent_kernel)),), None

    @staticmethod
    def backward_step(record, before, after, gradients, recurrent_transposed):
        """-> dE/dz (batch, units), (dE/ds_{t-1},)."""
        (s,), (ds,) = after, gradients
        dz = ds * (1 - s * s)
        return dz, (ops.matmul(dz, recurrent_transposed),)


SimpleRNNCell.equations = SimpleRNNEquations(SimpleRNNCell.call)
