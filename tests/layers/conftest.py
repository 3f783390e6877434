"""What the tests of the layers share."""

import os

# GPUs round the factors of float32 products to 10 bits unless told otherwise; here and in every
# process that a test starts, they are told.
os.environ.setdefault("NVIDIA_TF32_OVERRIDE", "0")
os.environ.setdefault("JAX_DEFAULT_MATMUL_PRECISION", "highest")

import keras
import pytest


@pytest.fixture
def double_precision(monkeypatch):
    """Let Keras compute in float64 on every backend, for comparisons to the last digit.

    On JAX and PyTorch Keras turns the result of most operations on float64 into float32; and JAX
    knows float64 only where it is told to.
    """
    from keras.src.backend.common import dtypes

    monkeypatch.setattr(dtypes, "BIT64_TO_BIT32_DTYPE", {})
    if keras.backend.backend() != "jax":
        yield
        return
    import jax

    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", False)
