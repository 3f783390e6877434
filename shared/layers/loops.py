"""How the loop over time is computed, and who decides.

    steps        Keras's own loop around our cell: any cell, any activation, any mask
    reference    one scan with the way back written by hand (`reference.py`), on every backend
    xla          blocks of steps compiled for TensorFlow on CPU (`tensorflow_cpu.py`)
    torch        PyTorch's fused recurrences (`torch_fused.py`): cuDNN on GPU, their own on CPU
    cudnn        NVIDIA's kernels, from TensorFlow or JAX (`cudnn.py`)

All give the same numbers up to rounding, with any mask: NVIDIA's and PyTorch's take only those of
right-padded sequences, and their modules turn to the reference when they see another. The layers
take `loop="auto"` or one of these names.
"""

import importlib

import keras

LOOPS = ("auto", "steps", "reference", "xla", "torch", "cudnn")


def choose_loop(layer):
    """The fastest loop that can compute this layer here.

    Args:
        layer: a recurrent layer of ours.

    Returns:
        One of the names above.

    Raises:
        ValueError: if the layer insists on a loop (`loop=...`, or `use_cudnn=True`) that can't
            compute it.
    """
    possible = [loop for loop in ("cudnn", "torch", "xla", "reference") if _can(loop, layer)]
    possible.append("steps")
    if layer.loop != "auto":
        if layer.loop not in possible:
            raise ValueError(
                f"loop={layer.loop!r} can't compute this layer on the {keras.backend.backend()} "
                f"backend with these arguments; possible here: {', '.join(possible)}."
            )
        return layer.loop
    if getattr(layer, "use_cudnn", None) is True and not (on_gpu() and possible[0] != "steps"):
        raise ValueError(
            "use_cudnn=True, but cuDNN can't compute this layer here; use_cudnn='auto' takes "
            "another loop instead."
        )
    return possible[0]


def _can(loop, layer):
    """Whether a loop can compute the layer at all."""
    if not has_equations(layer):
        return False
    if loop == "reference":
        return True
    backend, gpu = keras.backend.backend(), on_gpu()
    lstm = isinstance(layer, keras.layers.LSTM)
    if loop == "xla":
        # Half precision has no fast products on CPUs.
        exact = layer.compute_dtype in ("float32", "float64")
        return backend == "tensorflow" and not gpu and exact
    if loop == "torch":
        return backend == "torch" and _in_reach(layer)
    if loop == "cudnn" and gpu and _in_reach(layer):
        # JAX has the LSTM alone, and not in double precision.
        from_jax = backend == "jax" and lstm and layer.compute_dtype != "float64"
        return backend == "tensorflow" or from_jax
    return False


def _in_reach(layer):
    """`use_cudnn=False` forbids NVIDIA's kernels: LSTM and GRU have the argument, as in Keras."""
    return not (on_gpu() and getattr(layer, "use_cudnn", "auto") is False)


def load(loop):
    """The module of a loop; imported only now, as some import TensorFlow or PyTorch."""
    modules = {"xla": "tensorflow_cpu", "torch": "torch_fused"}
    return importlib.import_module(f".{modules.get(loop, loop)}", __package__)


def has_equations(layer):
    """Whether the layer is one that `bptt.py` knows: the usual activations, and no more."""
    cell = layer.cell
    gated = isinstance(cell, (keras.layers.LSTMCell, keras.layers.GRUCell))
    return (
        layer.equations is not None
        and not layer.unroll
        and cell.activation is keras.activations.tanh
        and (not gated or cell.recurrent_activation is keras.activations.sigmoid)
        and getattr(cell, "reset_after", True)
        and cell.recurrent_dropout == 0
        # Several dropout masks, one for each gate, don't fit into one product.
        and not (cell.dropout and getattr(cell, "implementation", 2) == 1)
    )


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
