"""What the tests of the layers share."""

import keras
import pytest

from shared.layers.loops import on_gpu

if on_gpu():  # where products of float32 are rounded to 10 bits unless told otherwise
    if keras.backend.backend() == "jax":
        import jax

        jax.config.update("jax_default_matmul_precision", "highest")
    if keras.backend.backend() == "torch":
        import torch

        torch.backends.cudnn.allow_tf32 = False


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
