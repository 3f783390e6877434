"""The equations that a cell states for the fast loops: one timestep against the cell itself.

`agreement.py` makes the comparison in the layers; here it is tested where it is exact, in float64,
and that the form for XLA gives the numbers of the plain one.
"""

import numpy as np
import pytest
from keras import ops

from shared import layers
from shared.layers.loops.equations import masked_backward_step, masked_step

pytestmark = pytest.mark.usefixtures("double_precision")
CELLS = {
    "rnn": layers.SimpleRNNCell,
    "lstm": layers.LSTMCell,
    "gru": layers.GRUCell,
    "mingru": layers.MinGRUCell,
}
ROWS, UNITS = 50, 3


def tensors(*shapes, scale=2.0):
    random = np.random.default_rng(0)
    return [ops.convert_to_tensor(random.normal(0, scale, shape)) for shape in shapes]


def weights_of(equations, name):
    gates = {"rnn": 1, "lstm": 4, "gru": 3, "mingru": 2}[name]
    columns = gates * UNITS
    kernel, recurrent, bias = tensors(
        (2, columns), (UNITS, columns if name != "mingru" else 0), equations.bias_shape(columns)
    )
    return gates, kernel, recurrent, bias


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("name", CELLS)
def test_the_form_for_xla_gives_the_numbers_of_the_plain_one(name, masked):
    plain = CELLS[name].equations
    gates, kernel, recurrent, bias = weights_of(plain, name)
    mask = ops.convert_to_tensor(np.arange(ROWS)[:, None] % 3 > 0) if masked else None
    found = []
    for equations in (plain, plain.for_xla):
        _, _, *weights = equations.folded(kernel, recurrent, bias)
        (x,) = tensors((ROWS, gates * UNITS))
        states, slopes = (
            tensors(*[(ROWS, UNITS)] * equations.states, scale=scale) for scale in (3, 0.5)
        )
        after, record = masked_step(equations, x, states, weights, mask)
        dz, before = masked_backward_step(
            equations, record, states, after, slopes, ops.transpose(recurrent), mask
        )
        found.append([*after, *([] if record is None else [record]), dz, *before])
    for one, other in zip(*found, strict=True):
        one, other = ops.convert_to_numpy(one), ops.convert_to_numpy(other)
        assert one.dtype == np.float64
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-14)


def test_there_is_a_form_for_xla_to_compare():
    assert layers.LSTMCell.equations.for_xla is not layers.LSTMCell.equations
    assert layers.GRUCell.equations.for_xla is not layers.GRUCell.equations
