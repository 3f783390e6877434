"""How the loop over time is computed, and who decides.

    steps        Keras's own loop around the cell: any cell, any activation, any mask
    reference    one scan with a backward pass written by hand (`reference.py`), on every backend
    xla          blocks of timesteps compiled for TensorFlow on a CPU (`xla.py`)
    torch        PyTorch's fused recurrences (`torch.py`): cuDNN on a GPU, its own on a CPU
    cudnn        NVIDIA's kernels, from TensorFlow or JAX (`cudnn.py`)

All but the first are fast, and compute the `Equations` that a cell states beside its `call`, or an
implementation that PyTorch and NVIDIA have of them. A fast loop runs only where

1. the cell's arguments leave the equations as they are (its activations, for instance),
2. the cell's `call` is the one that the equations stand beside: not overridden in a subclass, not
   replaced on the class or the cell, without weights of its own,
3. both give the same numbers (`agreement.py`), which an edit of either changes.

Otherwise the layer runs step by step, and where 2 or 3 is why, one line says so, once. A function
that was compiled before a `call` was replaced goes on as it was compiled: `model.compile` anew.

All loops give the same numbers up to rounding, with any mask: NVIDIA's and PyTorch's take only
those of right-padded sequences, and their modules turn to the reference when they see another. The
layers take `loop="auto"` or one of the names above. `xla` and, on a GPU, `torch` and `cudnn` can be
differentiated once; for the gradient of a gradient take `loop="reference"`.
"""

import importlib

import keras

from . import agreement

LOOPS = ("auto", "steps", "reference", "xla", "torch", "cudnn")


def choose_loop(layer):
    """The fastest loop that can compute this layer here.

    Args:
        layer: a recurrent layer of ours, built.

    Returns:
        One of the names above.

    Raises:
        ValueError: if the layer insists on a loop (`loop=...`, or `use_cudnn=True`) that can't
            compute it.
    """
    if layer.loop == "steps":
        return "steps"
    possible = (loop for loop in ("cudnn", "torch", "xla", "reference") if _can(loop, layer))
    if layer.loop != "auto":
        possible = [*possible, "steps"]
        if layer.loop not in possible:
            raise ValueError(
                f"loop={layer.loop!r} can't compute this layer on the {keras.backend.backend()} "
                f"backend with these arguments; possible here: {', '.join(possible)}."
            )
        return layer.loop
    fastest = next(possible, "steps")
    if getattr(layer, "use_cudnn", None) is True and (fastest == "steps" or not on_gpu()):
        raise ValueError(
            "use_cudnn=True, but cuDNN can't compute this layer here; use_cudnn='auto' takes "
            "another loop instead."
        )
    if fastest == "steps":
        agreement.say_why_not(layer)
    return fastest


def _can(loop, layer):
    """Whether a loop can compute the layer at all."""
    return _is_for(loop, layer) and agreement.computes(loop, layer.cell)


def _is_for(loop, layer):
    """Whether a loop is for layers like this one, on this backend and device."""
    if layer.unroll or not agreement.states_equations(layer.cell):
        return False
    if loop == "reference":
        return True
    backend, gpu = keras.backend.backend(), on_gpu()
    if loop == "xla":
        return backend == "tensorflow" and not gpu
    # `use_cudnn=False` forbids NVIDIA's kernels: LSTM and GRU have the argument, as in Keras.
    fused = layer.cell.equations.fused
    if fused is None or (gpu and getattr(layer, "use_cudnn", "auto") is False):
        return False
    if loop == "torch":
        return backend == "torch"
    # JAX has the LSTM alone, and not in double precision.
    from_jax = backend == "jax" and fused == "lstm" and layer.compute_dtype != "float64"
    return gpu and (backend == "tensorflow" or from_jax)


def load(loop):
    """The module of a loop; imported only now, as some import TensorFlow or PyTorch."""
    return importlib.import_module(f".{loop}", __package__)


def on_gpu():
    """Whether the backend computes on a GPU here."""
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        return bool(tf.config.list_logical_devices("GPU"))
    if backend == "torch":
        import torch

        return torch.cuda.is_available()
    if backend == "jax":
        import jax

        return jax.default_backend() == "gpu"
    return False
