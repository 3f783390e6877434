"""The network: many inputs, one answer, which hangs on what was read long ago."""

import keras
import numpy as np

from shared.layers import SimpleRNN, chrono, recurrent
from shared.layers.chrono import GATES

ERROR = (
    "E_T is the error of the answer at T, the last timestep: the cross entropy of the right class, "
    "or the square of the difference from the right number. Where a network is sure of the right "
    "answer, its error has a small gradient, and all its norms are small."
)


def build_model(
    outputs,
    vocabulary_size=None,
    features=1,
    every_step=False,
    cell="lstm",
    units=64,
    layers=1,
    remember=None,
    identity=False,
    vector_scale=0.3,
):
    """Many to one: `(batch, timesteps)` numbers of words -> `(batch, outputs)`.

    Args:
        outputs: how many numbers the answer has: the logits of the classes, or 1 for a sum.
        vocabulary_size: number of word numbers; None where what is read is numbers already,
            `(batch, timesteps, features)`.
        features: numbers per timestep, where there is no vocabulary.
        every_step: answer at every timestep, `(batch, timesteps, outputs)`.
        cell: the name of a recurrent cell, as `shared.layers.recurrent` takes it.
        units: size of the state, and of the word vectors.
        layers: recurrent layers, one above the other.
        remember: start the gates of the cell so that it remembers over as many timesteps as this
            (see `shared.layers.chrono`); None starts them as Keras does.
        identity: start the simple RNN as a copy of its state: W the identity, and the larger of
            zero and the sum in the place of tanh (Q. V. Le, N. Jaitly and G. E. Hinton, "A simple
            way to initialize recurrent networks of rectified linear units", 2015).
        vector_scale: standard deviation of the word vectors' numbers at the start. Small ones leave
            tanh where it is nearly a straight line.
    """
    if vocabulary_size:
        inputs = keras.Input((None,), dtype="int32", name="words")
        drawn = keras.initializers.RandomNormal(stddev=vector_scale)
        x = keras.layers.Embedding(vocabulary_size, units, drawn, name="vectors")(inputs)
    else:
        inputs = x = keras.Input((None, features), name="numbers")
    start = {}
    if remember and cell in GATES:
        start = chrono(cell, max(remember, 3))
    if identity and cell == "rnn":
        start = {
            "activation": "relu",
            "kernel_initializer": keras.initializers.RandomNormal(stddev=0.001),
            "recurrent_initializer": "identity",
        }
    for layer in range(layers):
        last = layer == layers - 1
        x = recurrent(cell, units, return_sequences=every_step or not last, **start)(x)
    answer = keras.layers.Dense(outputs, dtype="float32", name="answer")(x)
    return keras.Model(inputs, answer, name="long_memory")


def with_probabilities(network):
    """The same network with probabilities in place of logits."""
    return keras.Model(network.input, keras.layers.Softmax()(network.output))


def explain(network, inputs):
    """What the cell did while it read one sequence.

    Args:
        network: as from `build_model`.
        inputs: array `(timesteps,)` of word numbers, or `(timesteps, features)`.

    Returns:
        What `trace` of the first layer tells: hidden state, cell state and each gate by name,
        `(timesteps, units)`.
    """
    (first, *_) = (layer for layer in network.layers if isinstance(layer, keras.layers.RNN))
    x = keras.ops.convert_to_tensor(inputs[None])
    if first is not network.layers[1]:
        x = network.get_layer("vectors")(x)
    return {name: values[0] for name, values in first.trace(x).items()}


def shares(network, inside):
    """What each unit of the first layer adds to the last answer.

    Args:
        network: as from `build_model`.
        inside: as from `explain`, of a whole sequence.

    Returns:
        Array `(units, outputs)`; None where the answer comes from a layer above.
    """
    if sum(isinstance(layer, keras.layers.RNN) for layer in network.layers) > 1:
        return None
    kernel = keras.ops.convert_to_numpy(network.get_layer("answer").kernel)
    return inside["hidden_state"][-1][:, None] * kernel


def error_of(network, answers):
    """The error of the last answer as a function of the last hidden state.

    Args:
        network: as from `build_model`.
        answers: array `(rows,)` of class numbers, or `(rows, 1)` of numbers.

    Returns:
        A function from a tensor `(rows, units)` to one of `(rows,)`: cross entropy, or the square
        of the difference.
    """
    answer = network.get_layer("answer")

    def error(state):
        said = answer(state)
        if answers.ndim == 1:
            return keras.losses.sparse_categorical_crossentropy(answers, said, from_logits=True)
        return keras.ops.sum((said - answers) ** 2, axis=-1)

    return error


def bound(network, values):
    """What the gradient of a simple RNN with tanh can't exceed, over the distance T - k.

    |ds_j/ds_{j-1}| = |diag(tanh') W^T| is at most the largest singular value of W, since tanh' is
    at most 1; and so |dE_T/ds_k| at most |dE_T/ds_T| times that to the power of T - k (R. Pascanu,
    T. Mikolov and Y. Bengio, "On the difficulty of training recurrent neural networks", 2013).

    Args:
        network: of one layer of the simple RNN.
        values: array `(distances,)` of |dE_T/ds_k|, that of k = T first.

    Returns:
        The largest singular value of W, and the bound `(distances,)` as far as it stays below a
        hundred times the largest value, to be drawn beside the values.
    """
    (layer,) = (layer for layer in network.layers if isinstance(layer, SimpleRNN))
    recurrent_kernel = keras.ops.convert_to_numpy(layer.cell.recurrent_kernel)
    largest = float(np.linalg.norm(recurrent_kernel.astype("float64"), ord=2))
    with np.errstate(over="ignore"):
        bounds = values[0] * largest ** np.arange(len(values), dtype="float64")
    return largest, bounds[bounds < 100 * values.max()]


def bounds_in_words(before, after):
    """What the bounds say, for the page; the largest singular values of W before and after."""
    return (
        "The bound of the textbook for the simple RNN with tanh is the norm at T times the "
        "largest singular value of W to the power of T - k. That value is "
        f"{before:.3f} before training and {after:.3f} after. Where it is below 1, gradients must "
        "vanish; where it is above 1, they may explode. The bound is drawn as far as it stays "
        "below a hundred times the largest norm."
    )
