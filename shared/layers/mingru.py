"""The minimal gated recurrent unit: a GRU whose gate and candidate don't look at the state.

    z_t = sigmoid(U_z x_t + b_z)                 update gate: how much is rewritten
    g_t = U_h x_t + b_h                          candidate
    h_t = (1 - z_t) * h_{t-1} + z_t * g_t        hidden state, which is the output

    x_t (batch, features)     U = [U_z U_h] (features, 2 * units)   `kernel`
    h_t (batch, units)        b = [b_z b_h] (2 * units,)            `bias`

There is no W: no unit hears of another one's state, and h_t is a weighted mean of the candidates
so far. All products are with the input and none is left inside the loop. What the state can't do
within one layer (count, or read an input in the light of what came before), a stack of layers can
to some degree.

Backward, with the gradient dE/dh_t that arrives from the output and from timestep t + 1:

    dE/da_t = dE/dh_t * (g_t - h_{t-1}) * z_t (1 - z_t)     a_t is what the sigmoid is taken of
    dE/dg_t = dE/dh_t * z_t
    dE/dh_{t-1} = dE/dh_t * (1 - z_t)

L. Feng, F. Tung, M. O. Ahmed, Y. Bengio and H. Hajimirsadeghi, "Were RNNs all we needed?",
arXiv:2410.01201 (2024). This is their minGRU as its section 3.1 derives it, with a linear
candidate, computed one timestep after the other; not the variant in logarithms for a parallel scan,
whose candidate passes through a function that keeps it positive.
"""

import keras
from keras import ops

from .loops.equations import Equations, repeat
from .recurrent import RecurrentLayer
from .trace import Notes


@keras.saving.register_keras_serializable(package=__package__)
class MinGRUCell(Notes, keras.layers.SimpleRNNCell):
    """One step of the minimal gated recurrent unit.

    Keras's simplest cell provides the state and the dropout on the inputs; the weights are our own.

    Args: those in `recurrent.py` but for the activation and all that has to do with W.
    """

    def __init__(
        self,
        units,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        dropout=0.0,
        seed=None,
        name=None,
        dtype=None,
        trainable=True,
    ):
        super().__init__(
            units,
            activation="linear",
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
            dropout=dropout,
            seed=seed,
            name=name,
            dtype=dtype,
            trainable=trainable,
        )

    def build(self, input_shape):
        self.kernel = self.add_weight(
            (input_shape[-1], 2 * self.units),
            name="kernel",
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                (2 * self.units,),
                name="bias",
                initializer=self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )

    def call(self, inputs, states, training=False):
        """inputs (batch, features), states [(batch, units)] -> output, [new state]."""
        several = isinstance(states, (list, tuple))
        h = states[0] if several else states
        dropped_inputs = self.get_dropout_mask(inputs)
        if training and dropped_inputs is not None:
            inputs = inputs * dropped_inputs

        a = ops.matmul(inputs, self.kernel)
        if self.bias is not None:
            a = a + self.bias
        a, g = ops.split(a, 2, axis=-1)
        z = ops.sigmoid(a)
        h = (1 - z) * h + z * g
        self.note(update_gate=z, candidate=g)
        return h, [h] if several else h

    def get_config(self):
        """The arguments that make an equal cell."""
        config = super().get_config()
        for name in ("initializer", "regularizer", "constraint", "dropout"):
            del config[f"recurrent_{name}"]
        del config["activation"]
        return config


@keras.saving.register_keras_serializable(package=__package__)
class MinGRU(RecurrentLayer):
    """The minimal gated recurrent unit: (batch, timesteps, features) -> (batch, units).

    Weights: U (features, 2 * units), b (2 * units,). Arguments as in `recurrent.py` and
    `MinGRUCell`.

    Raises:
        ValueError: if `units` isn't positive or an argument is unknown.
    """

    cell_class = MinGRUCell
    cell_name = "mingru_cell"


class MinGRUEquations(Equations):
    """The step for the fast loops; the record is (z, g). There are no recurrent weights.

    sigmoid(a) = tanh(a / 2) / 2 + 1 / 2, with the inner half folded into the weights.
    """

    kept = 2

    @staticmethod
    def hold_for(cell):
        return True

    @staticmethod
    def folded(kernel, recurrent_kernel, bias):
        """Halves for z."""
        scale = repeat((0.5, 1), kernel.shape[-1] // 2, kernel)
        return kernel * scale, bias * scale, recurrent_kernel

    @staticmethod
    def step(x, states, recurrent_kernel):
        """x: U x_t + b (batch, 2 * units), folded."""
        (h,) = states
        a, g = ops.split(x, 2, axis=-1)
        z = ops.tanh(a) * 0.5 + 0.5
        return (h + z * (g - h),), ops.concatenate([z, g], axis=-1)

    @staticmethod
    def backward_step(record, before, after, gradients, recurrent_transposed):
        """-> dE/d(a, g) (batch, 2 * units), (dE/dh_{t-1},)."""
        z, g = ops.split(record, 2, axis=-1)
        (h,), (dh,) = before, gradients
        d_g = dh * z
        d_a = d_g * (g - h) * (1 - z)
        return ops.concatenate([d_a, d_g], axis=-1), (dh - d_g,)

    @staticmethod
    def parts(dz):
        """All of it meets the input's product, nothing the state's, which isn't there."""
        return dz, dz[..., :0]


MinGRUCell.equations = MinGRUEquations(MinGRUCell.call)
