"""Whether the backend multiplies matrices right. Not all do: see tests/backends/requirements.txt.

Of the first shape jaxlib 0.10.2 lost a part on a CPU, in silence (jax issue 39103).
"""

import numpy as np
import pytest
from keras import ops

from shared.decoding import compile_step

LARGE_AND_ODD = [
    *((3, 3, 32_769), (5, 3, 50_001), (65_537, 7, 3), (32_769, 3, 3), (4_099, 17, 5)),
    *((1_031, 1_027, 1_021), (1, 4_097, 4_099), (4_099, 4_097, 1), (33, 2_049, 1_025)),
]


@pytest.mark.parametrize("axis", [None, 0, 1])
@pytest.mark.parametrize("rows, inner, columns", LARGE_AND_ODD)
def test_large_and_odd_products(rows, inner, columns, axis):
    """Alone, and where a compiler may join the product with a sum over one of its axes."""
    random = np.random.default_rng(0)
    left = random.normal(size=(rows, inner)).astype("float32")
    right = random.normal(size=(columns, inner)).astype("float32")

    def multiply(left, right):
        product = ops.matmul(left, ops.transpose(right))
        return product if axis is None else ops.sum(ops.square(product), axis=axis)

    found = ops.convert_to_numpy(compile_step(multiply)(left, right))
    product = left.astype("float64") @ right.T
    expected = product if axis is None else np.sum(product**2, axis=axis)
    assert np.abs(found - expected).max() < 1e-4 * np.abs(expected).max()
