"""Unrolled: one network as a loop, and as a chain of copies of one cell with the same weights."""

import keras
import numpy as np

from lessons import svg
from lessons.page import Lesson
from lessons.svg import arrow, box, text
from shared.layers import SimpleRNN, SimpleRNNCell
from shared.layers.loops import reference

SEQUENCE = [1.0, 0.0, -0.5, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0]
SEQUENCE += [-1.0, 0.0, 0.5, 0.0, 0.0, 0.0, 1.0, -1.0, 0.0, 0.0]
U = [[1.2, 0.8]]
W = [[0.9, -0.7], [0.1, 0.3]]
V = [[1.5], [-0.5]]
TIMESTEPS = 4  # at first
SEEN = (
    "Left: the network as a loop. Right: unrolled, with one copy of the cell for each timestep. "
    "Red: input x. Green: the two numbers of the state s. Blue: output o. On the arrows: the "
    "weights, which are the same in all copies."
)


def network(weights=(U, W, V), unroll=False):
    """A simple RNN of two units, and an output that is read from its state.

        s_t = tanh(x_t U + s_{t-1} W)        o_t = s_t V

    Args:
        weights: U (1, 2), W (2, 2) and V (2, 1).
        unroll: whether the layer is a chain of copies of the cell instead of a loop.

    Returns:
        A Keras model `(batch, timesteps, 1)` -> states `(batch, timesteps, 2)`, outputs
        `(batch, timesteps, 1)`.
    """
    inputs = keras.Input((len(SEQUENCE) if unroll else None, 1))
    recurrent = SimpleRNN(2, use_bias=False, return_sequences=True, unroll=unroll)
    read = keras.layers.Dense(1, use_bias=False)
    states = recurrent(inputs)
    model = keras.Model(inputs, [states, read(states)])
    u, w, v = (np.array(each, "float32") for each in weights)
    recurrent.set_weights([u, w])
    read.set_weights([v])
    return model


def answers(weights=(U, W, V), unroll=False):
    """The states `(timesteps, 2)` and outputs `(timesteps,)` over the sequence."""
    inputs = np.array(SEQUENCE, "float32").reshape(1, -1, 1)
    states, outputs = network(weights, unroll)(inputs)
    return np.asarray(states)[0], np.asarray(outputs)[0, :, 0]


def build(folder):
    return Lesson(
        title="Unrolled",
        idea=[
            "A recurrent network is a loop: its state goes back into the cell at the next "
            "timestep.",
            "Unrolled, the same network is a chain of copies of the cell, one for each timestep, "
            "each of which hands its state to the next.",
            "All copies have the same weights. So a longer sequence makes a longer chain, and not "
            "one weight more.",
        ],
        figure=picture(*answers()),
        caption=SEEN,
        to_try=[
            "Move the slider of the timesteps: the chain grows, the number of weights stays.",
            "Click on a number of W in any copy, or choose one in the list, and change it: it "
            "changes in every copy, and so does every state from the first one on that it touches.",
            "Set all four numbers of W to 0: no copy hears of the others any more, and each state "
            "depends on its own input alone.",
            "The loop shows the state after the last timestep. It is that of the last copy.",
        ],
        code=[SimpleRNNCell.call, reference._forward],
        command=(
            "python -m recipes.long_memory inspect "
            '"I grew up in France. Our cousin lives in Spain. I speak fluent"'
        ),
        data={"sequence": SEQUENCE, "timesteps": TIMESTEPS, "U": U, "W": W, "V": V},
    )


def picture(states, outputs):
    """The loop and the first copies, as SVG; arguments as `answers` gives them."""
    parts = [
        box(70, 215, 84, 34, "input", ["x"]),
        box(70, 125, 84, 54, "state", ["s"]),
        box(70, 35, 84, 34, "output", ["o"]),
        arrow(70, 197, 70, 153),
        arrow(70, 97, 70, 53),
        '<path d="M112 138 C 160 160, 160 90, 118 111" fill="none" stroke="var(--faint)" '
        'stroke-width="1.5"/>',
        arrow(124, 108, 113, 112),
        text(160, 130, "W"),
        text(82, 180, "U", anchor="start"),
        text(82, 80, "V", anchor="start"),
    ]
    for t in range(TIMESTEPS):
        x = 300 + 170 * t
        parts += [
            box(x, 215, 84, 34, "input", [f"x = {SEQUENCE[t]:g}"]),
            box(x, 125, 84, 54, "state", [f"{value:.3f}" for value in states[t]]),
            box(x, 35, 84, 34, "output", [f"o = {outputs[t]:.3f}"]),
            arrow(x, 197, x, 153),
            arrow(x, 97, x, 53),
            arrow(x - 127, 125, x - 43, 125),
            text(x - 85, 115, "W"),
            text(x + 12, 180, "U", anchor="start"),
            text(x + 12, 80, "V", anchor="start"),
        ]
    width = 300 + 170 * TIMESTEPS - 110
    return svg.picture(width, 240, SEEN, parts, at_most=width)
