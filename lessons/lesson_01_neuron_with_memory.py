"""A neuron with memory: the states of two units over a sequence that the reader can edit."""

import numpy as np

from lessons.page import Lesson
from shared.evaluation.colours import LIGHT
from shared.evaluation.report import figure, new_figure
from shared.layers import SimpleRNN, SimpleRNNCell

SEQUENCE = [1.0, 0.0, 0.0, 0.0, -1.0, 0.0, 0.0, 1.0, 1.0, 0.0]
# Unit 1 holds on to what came in, unit 2 answers to it and to the change of unit 1.
U = [[1.2, 0.8]]
W = [[0.9, -0.7], [0.1, 0.3]]
B = [0.0, 0.0]


def network():
    """A simple RNN of two units with these weights."""
    layer = SimpleRNN(2, return_sequences=True)
    layer.build((None, None, 1))
    layer.set_weights([np.array(weights, "float32") for weights in (U, W, B)])
    return layer


def states_of(sequence):
    """The states of the network over a sequence of numbers: array `(timesteps, 2)`."""
    inputs = np.array(sequence, "float32").reshape(1, -1, 1)
    return np.asarray(network()(inputs))[0]


def build(folder):
    states = states_of(SEQUENCE)
    drawing, (axis,) = new_figure(width=9, height=3)
    steps = range(1, len(SEQUENCE) + 1)
    axis.bar(steps, SEQUENCE, width=0.3, color=LIGHT["input"], label="input x")
    for unit, line in enumerate(("-", "--")):
        axis.plot(
            steps,
            states[:, unit],
            line,
            marker="o",
            color=LIGHT["state"],
            label=f"state s, unit {unit + 1}",
        )
    axis.set(xlabel="timestep t", ylim=(-1.15, 1.15))
    axis.set_xticks(steps)
    axis.legend(frameon=False, loc="lower left", ncols=3)
    seen = "Red bars: what comes in. Green lines: the states of both units, which outlast it."
    return Lesson(
        title="A neuron with memory",
        idea=[
            "A recurrent layer reads a sequence step by step, and hands its state on to the next "
            "step.",
            "The new state is computed from what comes in and from the last state, by the same "
            "weights at every step. Before the first step the state is zero.",
            "So what came in once is still in the state when it is long gone from the input.",
        ],
        figure=figure(drawing, seen),
        caption=seen,
        to_try=[
            "Type other numbers into the sequence: a single 1 among zeros shows how long a unit "
            "holds on.",
            "Point at a step, or move along with the arrow keys: below the picture stands how its "
            "state comes about, in numbers.",
            "Set the number in W that leads from unit 1 to itself to 0: the unit forgets at once. "
            "Set it to 1.5: it never lets go.",
        ],
        code=[SimpleRNNCell.call],
        command='python -m recipes.sentiment inspect "Not even the cast could save it."',
        data={"sequence": SEQUENCE, "U": U, "W": W, "b": B},
    )
