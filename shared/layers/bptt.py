"""Back-propagation through time, written out by hand for each of the three cells.

Autodiff would remember every intermediate of every step and walk them backwards one operation at
a time. By hand, much less is needed. For one step forward,

    z_t = U x_t + W h_{t-1} + b          the products
    s_t = F(z_t, s_{t-1})                gates and new state

the way back takes the gradient that arrives at the state s_t, from the output and from the step
after it, and gives dE/dz_t and the gradient of the state before:

    dE/dh_{t-1} = dE/dz_t W^T + whatever of s_{t-1} entered F directly

In the loop there is a single matrix product per step; the gates were kept, so their derivatives
cost no exponential: sigmoid' = s (1 - s), tanh' = 1 - g^2. All that is summed over time waits
until the loop is over, when it is one large product each:

    dE/dU = sum_t x_t^T dE/dz_t      dE/dW = sum_t h_{t-1}^T dE/dz_t      dE/dx_t = dE/dz_t U^T

The forward step takes one tanh for all gates, because sigmoid(z) = tanh(z / 2) / 2 + 1 / 2, with
the inner half folded into the weights before the loop (`folded`).

P. J. Werbos, "Backpropagation through time: what it does and how to do it", Proc. IEEE 78 (1990).

Each class holds the equations of one cell in `keras.ops`, for any backend and any loop:

    states, kept       how many tensors (batch, units) the state has, and how many units wide
                       the record of a step is that the way back needs beside the states
    folded(...)        U, W and b -> input weights, input bias, recurrent weights..., scaled
    step(...)          products of the input, states -> new states, record
    back(...)          record, states before and after, gradients after -> dE/dz, gradients before
"""

import keras
import numpy as np
from keras import ops


def _repeat(factors, units, like):
    """A row with each factor `units` times: a constant, for the compiler to see."""
    return ops.convert_to_tensor(np.repeat(factors, units), dtype=like.dtype)


def product(h, recurrent_kernel):
    """W h_{t-1}; a loop may hand over W in pieces, some columns each."""
    if not isinstance(recurrent_kernel, (list, tuple)):
        return ops.matmul(h, recurrent_kernel)
    return ops.concatenate([ops.matmul(h, piece) for piece in recurrent_kernel], axis=-1)


class SimpleRNNEquations:
    """s_t = tanh(z_t): the state itself is all the record there is."""

    states, kept = 1, 0

    @staticmethod
    def folded(kernel, recurrent_kernel, bias):
        """Nothing to scale: there are no sigmoids."""
        return kernel, bias, recurrent_kernel

    @staticmethod
    def step(x, states, recurrent_kernel):
        """x: U x_t + b (batch, units)."""
        (s,) = states
        return (ops.tanh(x + product(s, recurrent_kernel)),), None

    @staticmethod
    def back(record, before, after, gradients, recurrent_transposed):
        """-> dE/dz (batch, units), (dE/ds_{t-1},)."""
        (s,), (ds,) = after, gradients
        dz = ds * (1 - s * s)
        return dz, (ops.matmul(dz, recurrent_transposed),)

    @staticmethod
    def parts(dz):
        """dE/dz as it meets the input's product, and the state's."""
        return dz, dz

    @staticmethod
    def bias_gradient(of_input, of_state):
        """dE/db from the sums of the two over time and batch."""
        return of_input


class LSTMEquations:
    """c_t = f c_{t-1} + i g, h_t = o tanh(c_t): the record is (i, f, g, o)."""

    states, kept = 2, 4

    @staticmethod
    def folded(kernel, recurrent_kernel, bias):
        """Halves for i, f and o."""
        scale = _repeat((0.5, 0.5, 1, 0.5), recurrent_kernel.shape[0], kernel)
        return kernel * scale, bias * scale, recurrent_kernel * scale

    @staticmethod
    def step(x, states, recurrent_kernel):
        """x: U x_t + b (batch, 4 * units), folded."""
        h, c = states
        scale = _repeat((0.5, 0.5, 1, 0.5), h.shape[-1], h)
        shift = _repeat((0.5, 0.5, 0, 0.5), h.shape[-1], h)
        gates = ops.tanh(x + product(h, recurrent_kernel)) * scale + shift
        i, f, g, o = ops.split(gates, 4, axis=-1)
        c = f * c + i * g
        return (o * ops.tanh(c), c), gates

    @staticmethod
    def back(record, before, after, gradients, recurrent_transposed):
        """-> dE/dz (batch, 4 * units), (dE/dh_{t-1}, dE/dc_{t-1})."""
        i, f, g, o = ops.split(record, 4, axis=-1)
        (_, c_before), (_, c), (dh, dc) = before, after, gradients
        units = c.shape[-1]
        shown = ops.tanh(c)
        dc = dc + dh * o * (1 - shown * shown)
        # What arrives at each gate, what it was multiplied with, and its own derivative: side by
        # side for all four, which XLA computes in vectors; gate by gate it would not.
        arriving = ops.concatenate([dc, dc, dc, dh], axis=-1)
        multiplied = ops.concatenate([g, c_before, i, shown], axis=-1)
        of_gates = record * (_repeat((1, 1, 0, 1), units, c) - record)
        dz = arriving * multiplied * (of_gates + _repeat((0, 0, 1, 0), units, c))
        return dz, (ops.matmul(dz, recurrent_transposed), dc * f)

    parts = SimpleRNNEquations.parts
    bias_gradient = SimpleRNNEquations.bias_gradient


class GRUEquations:
    """h_t = z h_{t-1} + (1 - z) g with the reset gate after the product; the record is
    (z, r, g, and the product W_h h_{t-1} + b'_h that r scales)."""

    states, kept = 1, 4

    @staticmethod
    def folded(kernel, recurrent_kernel, bias):
        """Halves for z and r; their two biases in one, as both are only ever added."""
        units = recurrent_kernel.shape[0]
        scale = _repeat((0.5, 0.5, 1), units, kernel)
        joint = ops.concatenate([bias[0, : 2 * units] + bias[1, : 2 * units], bias[0, 2 * units :]])
        return kernel * scale, joint * scale, recurrent_kernel * scale, bias[1, 2 * units :]

    @staticmethod
    def step(x, states, recurrent_kernel, candidate_bias):
        """x: U x_t + b (batch, 3 * units), folded."""
        (h,) = states
        units = h.shape[-1]
        of_state = product(h, recurrent_kernel)
        # XLA computes a tanh in vectors where it takes a whole tensor, and one number after the
        # other where it takes a slice: hence a third too many here, and g twice below.
        z, r, _ = ops.split(ops.tanh(x + of_state) * 0.5 + 0.5, 3, axis=-1)
        inner = of_state[:, 2 * units :] + candidate_bias
        g = x[:, 2 * units :] + r * inner
        g = ops.tanh(ops.concatenate([g, g], axis=-1))[:, :units]
        return (g + z * (h - g),), ops.concatenate([z, r, g, inner], axis=-1)

    @staticmethod
    def back(record, before, after, gradients, recurrent_transposed):
        """-> dE/d(z, r, g, inner) (batch, 4 * units), (dE/dh_{t-1},)."""
        z, r, g, inner = ops.split(record, 4, axis=-1)
        (h,), (dh,) = before, gradients
        d_z = dh * (h - g) * z * (1 - z)
        d_g = dh * (1 - z) * (1 - g * g)
        d_inner = d_g * r
        d_r = d_g * inner * r * (1 - r)
        of_state = ops.concatenate([d_z, d_r, d_inner], axis=-1)
        dz = ops.concatenate([d_z, d_r, d_g, d_inner], axis=-1)
        return dz, (dh * z + ops.matmul(of_state, recurrent_transposed),)

    @staticmethod
    def parts(dz):
        """The gates' part meets both products, g's the input's, that of inner the state's."""
        d_z, d_r, d_g, d_inner = ops.split(dz, 4, axis=-1)
        return (
            ops.concatenate([d_z, d_r, d_g], axis=-1),
            ops.concatenate([d_z, d_r, d_inner], axis=-1),
        )

    @staticmethod
    def bias_gradient(of_input, of_state):
        """Of the two rows of the bias."""
        return ops.stack([of_input, of_state])


def masked_step(equations, x, states, weights, mask):
    """A step that leaves the state as it is where the mask (batch, 1) is False."""
    after, record = equations.step(x, states, *weights)
    if mask is not None:
        after = tuple(ops.where(mask, a, b) for a, b in zip(after, states, strict=True))
    return after, record


def masked_back(equations, record, before, after, gradients, recurrent_transposed, mask):
    """The way back through `masked_step`: where the mask is False, gradients pass unchanged."""
    dz, d_before = equations.back(record, before, after, gradients, recurrent_transposed)
    if mask is not None:
        dz = ops.where(mask, dz, ops.zeros_like(dz))
        d_before = tuple(ops.where(mask, d, g) for d, g in zip(d_before, gradients, strict=True))
    return dz, d_before


def weights_of(cell):
    """U, W and b of a cell as tensors in its precision; zeros for a bias that isn't there."""

    def as_tensor(weight):
        tensor = ops.convert_to_tensor(weight, dtype=cell.compute_dtype)
        # TensorFlow's custom gradients take no variables, and conversion leaves them what they are.
        return ops.copy(tensor) if keras.backend.backend() == "tensorflow" else tensor

    kernel, recurrent_kernel = as_tensor(cell.kernel), as_tensor(cell.recurrent_kernel)
    if cell.bias is not None:
        bias = as_tensor(cell.bias)
    else:
        columns = kernel.shape[-1]
        gru = isinstance(cell, keras.layers.GRUCell)
        bias = ops.zeros((2, columns) if gru else (columns,), dtype=cell.compute_dtype)
    return kernel, recurrent_kernel, bias
