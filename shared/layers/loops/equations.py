"""What a cell states beside its `call`, so that the fast loops can compute it.

`call` computes one timestep and is all that a cell needs: with it alone, a layer runs step by
step and autodiff finds the gradients. Autodiff remembers every intermediate of every timestep and
walks them backwards one operation at a time. Back-propagation through time written by hand needs
much less. One timestep forward is

    z_t = U x_t + W h_{t-1} + b          the products
    s_t = F(z_t, s_{t-1})                gates and new state

and one timestep backward takes the gradient that arrives at the state s_t, from the output and
from the timestep after it, and gives dE/dz_t and the gradient of the state before:

    dE/dh_{t-1} = dE/dz_t W^T + the part that reaches F(z_t, s_{t-1}) without the product

So the loop holds a single matrix product per timestep. The gates were kept on the way forward, and
their derivatives need no exponential: sigmoid' = s (1 - s), tanh' = 1 - g^2. What is summed over
time waits until the loop is over, and is one large product each:

    dE/dU = sum_t x_t^T dE/dz_t      dE/dW = sum_t h_{t-1}^T dE/dz_t      dE/dx_t = dE/dz_t U^T

P. J. Werbos, "Backpropagation through time: what it does and how to do it", Proc. IEEE 78 (1990).

A cell's file holds a subclass of `Equations` next to the cell. `agreement.py` compares the two
before a fast loop is used, so neither can be changed alone without notice.
"""

import keras
import numpy as np
from keras import ops


class Equations:
    """One timestep of a cell, forward and backward, in `keras.ops`, for any backend and any loop.

    The defaults below are those of a cell with one bias and one product for each gate.

    Args:
        call: the cell's `call`, whose numbers these equations give.
        for_xla: a subclass that gives the same numbers in a form that XLA compiles better.

    Attributes:
        states: how many tensors (batch, units) the state has.
        kept: how many units wide the record of a timestep is: what the backward step needs beside
            the states.
        fused: what NVIDIA and PyTorch call their own implementation of this cell ("lstm", "gru",
            "rnn_tanh"); None where there is none.
    """

    states, kept = 1, 0
    fused = None

    def __init__(self, call, for_xla=None):
        self.call = call
        self.for_xla = self if for_xla is None else for_xla(call)

    @staticmethod
    def hold_for(cell):
        """Whether the cell's arguments leave the equations as they stand here."""
        return cell.activation is keras.activations.tanh and without_state_dropout(cell)

    @staticmethod
    def bias_shape(columns):
        """The shape of the bias of a cell whose input weights have so many columns."""
        return (columns,)

    @staticmethod
    def folded(kernel, recurrent_kernel, bias):
        """U, W and b -> input weights, input bias, and the weights that `step` takes, scaled."""
        return kernel, bias, recurrent_kernel

    @staticmethod
    def step(x, states, *weights):
        """One timestep forward.

        Args:
            x: U x_t + b (batch, gates * units), folded.
            states: the parts of the state before, each (batch, units).
            weights: W and what else `folded` returns.

        Returns:
            The new states, and the record (batch, kept * units), or None where nothing is kept.
        """
        raise NotImplementedError

    @staticmethod
    def backward_step(record, before, after, gradients, recurrent_transposed):
        """One timestep backward.

        Args:
            record: what `step` returned.
            before, after: the states before and after the timestep.
            gradients: those of the states after it.
            recurrent_transposed: W^T, not folded.

        Returns:
            dE/dz_t (batch, max(kept, 1) * units), and the gradients of the states before.
        """
        raise NotImplementedError

    @staticmethod
    def parts(dz):
        """dE/dz as it meets the product of the input, and that of the state."""
        return dz, dz

    @staticmethod
    def bias_gradient(of_input, of_state):
        """dE/db from the sums of the two over time and batch."""
        return of_input

    def functions(self):
        """All that is stated here: where it is changed, even later, this is other than before."""
        return (self.call, *[getattr(self, name) for name in _STATED])


_STATED = [name for name in vars(Equations) if not name.startswith("_") and name != "functions"]


def without_state_dropout(cell):
    """Whether dropout leaves the state alone, and the gates share one mask on the inputs.

    Several masks, one for each gate, don't fit into one product.
    """
    one_mask = getattr(cell, "implementation", 2) != 1
    return cell.recurrent_dropout == 0 and (cell.dropout == 0 or one_mask)


def repeat(factors, units, like):
    """A row with each factor `units` times: a constant, for the compiler to see."""
    return ops.convert_to_tensor(np.repeat(factors, units), dtype=like.dtype)


def product(h, recurrent_kernel):
    """W h_{t-1}; a loop may hand over W in pieces, some columns each."""
    if not isinstance(recurrent_kernel, (list, tuple)):
        return ops.matmul(h, recurrent_kernel)
    return ops.concatenate([ops.matmul(h, piece) for piece in recurrent_kernel], axis=-1)


def masked_step(equations, x, states, weights, mask):
    """A step that leaves the state as it is where the mask (batch, 1) is False."""
    after, record = equations.step(x, states, *weights)
    if mask is not None:
        after = tuple(ops.where(mask, a, b) for a, b in zip(after, states, strict=True))
    return after, record


def masked_backward_step(equations, record, before, after, gradients, recurrent_transposed, mask):
    """Backward through `masked_step`: where the mask is False, gradients pass unchanged."""
    dz, d_before = equations.backward_step(record, before, after, gradients, recurrent_transposed)
    if mask is not None:
        dz = ops.where(mask, dz, ops.zeros_like(dz))
        d_before = tuple(ops.where(mask, d, g) for d, g in zip(d_before, gradients, strict=True))
    return dz, d_before


def weights_of(cell):
    """U, W and b of a cell as tensors in its precision.

    A bias that isn't there is zeros; a W that isn't there has no columns (units, 0).
    """

    def as_tensor(weight):
        tensor = ops.convert_to_tensor(weight, dtype=cell.compute_dtype)
        # TensorFlow's custom gradients take no variables, and conversion leaves them what they are.
        return ops.copy(tensor) if keras.backend.backend() == "tensorflow" else tensor

    kernel = as_tensor(cell.kernel)
    recurrent_kernel = getattr(cell, "recurrent_kernel", None)
    if recurrent_kernel is None:
        recurrent_kernel = ops.zeros((cell.units, 0), dtype=cell.compute_dtype)
    else:
        recurrent_kernel = as_tensor(recurrent_kernel)
    bias = getattr(cell, "bias", None)
    if bias is not None:
        bias = as_tensor(bias)
    else:
        bias = ops.zeros(cell.equations.bias_shape(kernel.shape[-1]), dtype=cell.compute_dtype)
    return kernel, recurrent_kernel, bias
