"""Vanishing: what is left of a gradient over growing distances, in all four cells."""

import functools

import keras
import numpy as np

from lessons import svg
from lessons.page import Lesson
from shared.evaluation.colours import LIGHT
from shared.evaluation.report import figure, new_figure, paragraphs
from shared.layers import LSTMCell, SimpleRNNCell, chrono, recurrent
from shared.layers.trace import gradients

CELLS = ("rnn", "lstm", "gru", "mingru")
NAMES = {"rnn": "simple RNN", "lstm": "LSTM", "gru": "GRU", "mingru": "minGRU"}
SIZES = (0.3, 0.5, 0.7, 0.9, 1.0, 1.1, 1.3, 1.5, 2.0, 3.0)
REMEMBER = 100  # timesteps that gates remember at most where they begin open
UNITS, FEATURES, TIMESTEPS, SEQUENCES = 16, 8, 50, 8
SIZE = 1.0  # at first; as Keras starts W
NUMBER, COUNT = 0.7, 30  # of the second figure, at first
SEEN = (
    "The norm of the Jacobian ds_t/ds_k over the distance t - k, on a logarithmic axis: how much "
    "of an error at timestep t can arrive at timestep k. Untrained cells, the mean over 8 random "
    "sequences."
)
ALSO_SEEN = (
    "The same numbers, multiplied (solid) and added (dashed), on a logarithmic axis: n times the "
    "number that the slider chooses."
)
WHY = [
    "Back through a simple RNN, a gradient is multiplied at every timestep. What is left of the "
    "first one is a product of as many numbers as there are timesteps.",
    "The cell state of an LSTM is cₜ = f · cₜ₋₁ + i · g. With f = 1 it is a sum of what was "
    "written, and each summand has the gradient 1, however long ago it was written.",
]


def layer_of(cell, size=SIZE, remember=None):
    """An untrained layer in float64.

    Args:
        cell: as `shared.layers.recurrent` takes it.
        size: all singular values of W at the start; 1 is how Keras starts it. None for a cell
            without W.
        remember: start the gates such that they remember over up to as many timesteps, by
            `shared.layers.chrono`; None starts them as Keras does, or for a cell without gates.
    """
    arguments = {"kernel_initializer": keras.initializers.GlorotUniform(seed=1)}
    if size:
        arguments["recurrent_initializer"] = keras.initializers.Orthogonal(size, seed=2)
    if remember:
        arguments.update(chrono(cell, remember, seed=3))
    layer = recurrent(cell, UNITS, return_sequences=True, dtype="float64", **arguments)
    layer.build((None, None, FEATURES))
    return layer


def sequences():
    """Random inputs (batch, timesteps, features)."""
    return np.random.default_rng(0).normal(size=(SEQUENCES, TIMESTEPS, FEATURES))


def jacobians(layer, inputs):
    """ds_t/ds_{t-1} at every timestep; the state of an LSTM is h and c side by side.

    Args:
        layer: a recurrent layer of ours, in float64.
        inputs: array (batch, timesteps, features).

    Returns:
        Array (batch, timesteps, state, state): row a, column b is how number a of s_t follows
        number b of s_{t-1}.
    """
    inside = layer.trace(inputs)
    states = [inside[name] for name in ("hidden_state", "cell_state") if name in inside]
    batch, timesteps, units = states[0].shape
    size = units * len(states)
    # All timesteps at once, as the states that they begin with are known; and as many copies of
    # them as a state has numbers, since a gradient is that of a single number.
    before = [np.pad(state[:, :-1], ((0, 0), (1, 0), (0, 0))) for state in states]
    copies = [np.tile(each.reshape(-1, each.shape[-1]), (size, 1)) for each in (inputs, *before)]
    x, *before = (keras.ops.convert_to_tensor(each) for each in copies)

    def one_number_of_each_copy(before):
        after = keras.ops.concatenate(layer.cell(x, list(before))[1], axis=-1)
        return keras.ops.einsum("iji->", keras.ops.reshape(after, (size, -1, size)))

    rows = [np.asarray(part) for part in gradients(one_number_of_each_copy, before)]
    rows = np.concatenate(rows, axis=-1).reshape(size, batch, timesteps, size)
    return np.moveaxis(rows, 0, 2)


def norms(steps):
    """|ds_t/ds_k| at the distances t - k = 0, 1, ..., where t is the last timestep.

    Args:
        steps: as from `jacobians`.

    Returns:
        Array (timesteps,): the largest singular value of the product of the last t - k Jacobians,
        as a mean over the batch.
    """
    product, found = np.eye(steps.shape[-1]), []
    for k in range(steps.shape[1] - 1, -1, -1):
        found.append(np.linalg.norm(np.broadcast_to(product, steps[:, 0].shape), 2, axis=(1, 2)))
        product = product @ steps[:, k]
    return np.mean(found, axis=1)


def measured(remember=None):
    """Dictionary cell -> list with an array (timesteps,) of norms for each of `SIZES`."""
    return {
        cell: [
            # One without gates has nothing to begin open, one without W has none of any size.
            curve(cell, None if cell == "mingru" else size, None if cell == "rnn" else remember)
            for size in SIZES
        ]
        for cell in CELLS
    }


@functools.cache
def curve(cell, size, remember):
    """The norms of an untrained cell; arguments as of `layer_of`."""
    return norms(jacobians(layer_of(cell, size, remember), sequences()))


def build(folder):
    starts = {"as Keras starts them": measured(), "nearly open": measured(REMEMBER)}
    first = starts["as Keras starts them"]
    return Lesson(
        title="Vanishing",
        idea=[
            "How much of an error reaches back over many timesteps is decided by a product: all "
            "Jacobians in between, multiplied.",
            "In a simple RNN each of them is W times the slope of tanh, and that slope is at most "
            "1. With a small W the product vanishes. With a large W it can explode.",
            "Cells with gates carry their state over, times a gate between 0 and 1, and add what "
            "is new. Where the gate is near 1 that is a sum, and a sum hands a gradient on as it "
            "is.",
            "But the gates must be open. As Keras starts them, they let the gradient vanish too, "
            "unless training opens them.",
        ],
        figure=picture({cell: first[cell][SIZES.index(SIZE)] for cell in CELLS}),
        caption=SEEN,
        to_try=[
            "Make W smaller: the simple RNN loses its gradient within a few timesteps. It never "
            "gets above the dotted line, the size of W to the power of t - k.",
            "Make W as large as 3: now the gradient of the simple RNN explodes.",
            "Let the gates begin nearly open: the three cells with gates keep their gradient, "
            "whatever the size of W. Their biases are drawn such that each unit remembers over 1 "
            f"to {REMEMBER} timesteps (chrono initialization).",
            "Point at the picture, or move along with the arrow keys, to read the norms.",
            "The minGRU has no W, so the slider doesn't move it.",
        ],
        code=[norms, jacobians, SimpleRNNCell.call, LSTMCell.call, chrono],
        command="python -m recipes.long_memory gradients",
        data={
            "sizes": SIZES,
            "size": SIZE,
            "names": NAMES,
            "starts": {
                start: {cell: [curve.tolist() for curve in curves] for cell, curves in of.items()}
                for start, of in starts.items()
            },
            "number": NUMBER,
            "count": COUNT,
        },
        more=[("A product and a sum", second_figure())],
    )


def picture(curves):
    """A dictionary cell -> norms as a picture, with the names at the lines."""
    drawing, (axis,) = new_figure(width=9, height=4)
    for cell, values in curves.items():
        axis.plot(values, color=LIGHT[cell], linewidth=2)
        axis.annotate(
            NAMES[cell],
            (len(values) - 1, values[-1]),
            xytext=(6, -3),
            textcoords="offset points",
            color=LIGHT[cell],
        )
    axis.set_yscale("log")
    axis.set(xlabel="t - k, timesteps back", ylabel="norm of ds_t/ds_k", xlim=(0, TIMESTEPS + 4))
    return figure(drawing, SEEN)


def second_figure():
    """A product of equal numbers beside their sum, as a figure of its own."""
    drawing, (axis,) = new_figure(width=9, height=2.6)
    counts = np.arange(1, COUNT + 1)
    axis.plot(counts, NUMBER**counts, color=LIGHT["ink"], label=f"product of n times {NUMBER}")
    axis.plot(counts, NUMBER * counts, "--", color=LIGHT["ink"], label=f"sum of n times {NUMBER}")
    axis.set_yscale("log")
    axis.set(xlabel="n")
    axis.legend(frameon=False)
    picture = svg.figure(figure(drawing, ALSO_SEEN), ALSO_SEEN, "product")
    return paragraphs(WHY) + picture
