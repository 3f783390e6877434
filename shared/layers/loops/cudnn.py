"""NVIDIA's fused recurrences, cuDNN: LSTM, GRU and simple RNN from TensorFlow, LSTM from JAX.

cuDNN takes weights as one long row, transposed, gate by gate: first all input weights, then all
recurrent ones, then the biases of both products; for the GRU with the reset gate first. Of masks
it takes only the number of steps of each row: the mask must be True from the start up to some
point, and no row may be empty. `fits` tells whether it is; if not, the reference computes.
(PyTorch reaches cuDNN through `torch.py`.)
"""

import keras
from keras import ops

from . import reference


def run(equations, sequences, states, kernel, recurrent_kernel, bias, mask, **hints):
    """As `reference.run`, on a GPU."""
    weights = (kernel, recurrent_kernel, bias)
    on_jax = keras.backend.backend() == "jax"
    fused = _run_jax if on_jax else _run_tensorflow
    if on_jax and not all(isinstance(size, int) for size in sequences.shape):
        # Keras asks for shapes only, with symbols for the unknown ones.
        return reference.run(equations, sequences, states, *weights, mask)
    if mask is None:
        return fused(equations, sequences, states, *weights, None)

    def by_cudnn():
        lengths = ops.cast(ops.sum(mask, axis=1), "int32")
        outputs, last = fused(equations, sequences, states, *weights, lengths)
        # What cuDNN shows in the padding are zeros, and not the state that is kept.
        return ops.where(mask[:, :, None], outputs, last[0][:, None]), last

    def by_reference():
        return reference.run(equations, sequences, states, *weights, mask)

    return ops.cond(fits(mask), by_cudnn, by_reference)


def fits(mask):
    """Whether every row of the mask (batch, timesteps) is True first, at least once, then False."""
    mask = ops.cast(mask, "int32")
    falling = ops.all(mask[:, 1:] <= mask[:, :-1])
    return ops.logical_and(falling, ops.all(mask[:, 0] == 1))


def parameters(equations, kernel, recurrent_kernel, bias):
    """The weights as the one long row that cuDNN takes."""
    gates = kernel.shape[-1] // recurrent_kernel.shape[0]
    biases = bias if equations.fused == "gru" else (ops.zeros_like(bias), bias)
    pieces = []
    for weight in (kernel, recurrent_kernel, *biases):
        of_gates = ops.split(ops.transpose(weight), gates, axis=0)
        if equations.fused == "gru":
            of_gates = [of_gates[1], of_gates[0], of_gates[2]]
        pieces.extend(ops.reshape(gate, (-1,)) for gate in of_gates)
    return ops.concatenate(pieces)


def _run_tensorflow(equations, sequences, states, kernel, recurrent_kernel, bias, lengths):
    import tensorflow as tf

    batch, timesteps = tf.shape(sequences)[0], tf.shape(sequences)[1]
    start = [state[:, None] for state in states]
    outputs, h, c, *_ = tf.raw_ops.CudnnRNNV3(
        input=sequences,
        input_h=start[0],
        input_c=start[1] if len(start) > 1 else tf.zeros((), sequences.dtype),
        params=parameters(equations, kernel, recurrent_kernel, bias),
        sequence_lengths=tf.fill([batch], timesteps) if lengths is None else lengths,
        rnn_mode=equations.fused,
        is_training=True,
        time_major=False,
    )
    return outputs, [state[:, 0] for state in (h, c)[: equations.states]]


def _run_jax(equations, sequences, states, kernel, recurrent_kernel, bias, lengths):
    from jax import config, lax, numpy
    from jax.experimental import rnn

    batch, timesteps, features = sequences.shape
    row = parameters(equations, kernel, recurrent_kernel, bias)
    # JAX knows these kernels for float32 only; half precision travels there and back.
    tensors = [numpy.asarray(t, "float32") for t in (sequences, *(s[None] for s in states), row)]
    outputs, *last = rnn.lstm(
        *tensors,
        numpy.full((batch,), timesteps, dtype="int32") if lengths is None else lengths,
        input_size=features,
        hidden_size=recurrent_kernel.shape[0],
        num_layers=1,
        dropout=0.0,
        bidirectional=False,
        # What JAX is told of matrix products, as far as cuDNN has it: without TF32 or with it.
        precision=(
            lax.Precision.HIGHEST
            if config.jax_default_matmul_precision in ("highest", "float32")
            else lax.Precision.HIGH
        ),
    )
    return outputs.astype(sequences.dtype), [state[0].astype(sequences.dtype) for state in last]
