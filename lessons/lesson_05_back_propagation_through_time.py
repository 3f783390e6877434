"""Back-propagation through time: the gradient of one weight as a sum, one term per timestep."""

import numpy as np
import tensorflow as tf

from lessons.page import Lesson
from shared.evaluation.colours import LIGHT
from shared.evaluation.report import figure, new_figure
from shared.layers import SimpleRNN, SimpleRNNCell
from shared.layers.simple_rnn import SimpleRNNEquations

SEQUENCE = [1.0, -0.5, 0.8, 0.3, -1.0, 0.6, 0.9, -0.4]  # x_0 to x_7
TARGETS = [0.5, 0.0, -0.5, 1.0, 0.0, -1.0, 0.5, 0.0]  # y_0 to y_7
U = [[0.8, 0.5]]
W = [[0.7, -0.6], [0.5, 0.6]]
V = [1.0, 0.5]
T = 3  # at first
SEEN = (
    "One bar for each timestep k: what the copy of the weight at k contributes to the gradient. "
    "Their sum is the gradient that automatic differentiation finds."
)


def forward(w=W):
    """States and outputs in float64, timestep by timestep.

        s_t = tanh(x_t U + s_{t-1} W),  s_{-1} = 0        o_t = s_t V        E_t = (o_t - y_t)^2 / 2

    Returns:
        s: array (timesteps, 2); o: array (timesteps,).
    """
    state, states = np.zeros(2), []
    for x in SEQUENCE:
        state = np.tanh(x * np.array(U[0]) + state @ np.array(w))
        states.append(state)
    return np.array(states), np.array(states) @ np.array(V)


def of_error(t):
    """dE_t/ds_t = (o_t - y_t) V: array (2,)."""
    return (forward()[1][t] - TARGETS[t]) * np.array(V)


def jacobian(j):
    """ds_j/ds_{j-1} = diag(1 - s_j^2) W^T: row a, column b is how unit a of s_j follows unit b."""
    return np.diag(1 - forward()[0][j] ** 2) @ np.array(W).T


def of_weight(k, row, column):
    """ds_k/dW[row, column] with s_{k-1} held fixed: array (2,).

    The weight leads from unit `row` of s_{k-1} to unit `column` of s_k, and to no other one.
    """
    states = forward()[0]
    before = states[k - 1] if k else np.zeros(2)
    found = np.zeros(2)
    found[column] = (1 - states[k][column] ** 2) * before[row]
    return found


def term(t, k, row, column):
    """dE_t/ds_t (product over j = k+1..t of ds_j/ds_{j-1}) ds_k/dW[row, column]."""
    of_state = of_error(t)
    for j in range(t, k, -1):
        of_state = of_state @ jacobian(j)
    return float(of_state @ of_weight(k, row, column))


def by_autodiff(t):
    """dE_t/dW as TensorFlow finds it through our layer, in float64: array (2, 2)."""
    layer = SimpleRNN(2, use_bias=False, return_sequences=True, dtype="float64", loop="steps")
    layer.build((None, None, 1))
    layer.set_weights([np.array(U), np.array(W)])
    inputs = np.array(SEQUENCE).reshape(1, -1, 1)
    with tf.GradientTape() as tape:
        output = tf.reduce_sum(layer(inputs)[0, t] * np.array(V))
        error = (output - TARGETS[t]) ** 2 / 2
    return tape.gradient(error, layer.cell.recurrent_kernel.value).numpy()


def build(folder):
    states, outputs = forward()
    timesteps = range(len(SEQUENCE))
    places = [(row, column) for row in range(2) for column in range(2)]
    return Lesson(
        title="Back-propagation through time",
        idea=[
            "All copies of the cell share W. So W has a part in an error once for each copy, and "
            "its gradient is a sum with one term per timestep.",
            "The term of timestep k is a chain: how the error Eₜ follows from the state sₜ, each "
            "state from the one before, back to sₖ, and how sₖ follows from W at that timestep. "
            "For this last step sₖ₋₁ counts as fixed, because what W did before is in the other "
            "terms.",
            "Timesteps are counted from 0 here, as in the chapter: the state before the first one "
            "is s₋₁ = 0. That is why the term of k = 0 is always zero.",
        ],
        figure=picture(),
        caption=SEEN,
        to_try=[
            "Pick another weight of W: all bars change, and the sum and automatic differentiation "
            "still agree.",
            "Point at a bar, or move along with the arrow keys: the chain that leads back to it is "
            "drawn bold, and stands below in numbers.",
            "Move the error to timestep 7: the first bars are small beside the last ones. Their "
            "chains are products of many matrices. The next page is about this.",
        ],
        code=[term, jacobian, of_weight, SimpleRNNCell.call, SimpleRNNEquations.backward_step],
        command="python -m recipes.sentiment gradients",
        data={
            "t": T,
            "W": W,
            "x": SEQUENCE,
            "s": states.tolist(),
            "o": outputs.tolist(),
            "y": TARGETS,
            "of_error": [of_error(t).tolist() for t in timesteps],
            "jacobians": [jacobian(j).tolist() for j in timesteps],
            "of_weight": {
                f"{row}{column}": [of_weight(k, row, column).tolist() for k in timesteps]
                for row, column in places
            },
            "terms": {
                f"{row}{column}": [
                    [term(t, k, row, column) for k in range(t + 1)] for t in timesteps
                ]
                for row, column in places
            },
            "autodiff": [by_autodiff(t).tolist() for t in timesteps],
        },
    )


def picture():
    """The terms of dE_3/dW from unit 1 to unit 1, their sum, and what autodiff finds."""
    terms = [term(T, k, 0, 0) for k in range(T + 1)]
    found = by_autodiff(T)[0, 0]
    drawing, (axis,) = new_figure(width=9, height=3)
    names = [f"k = {k}" for k in range(T + 1)] + ["sum", "autodiff"]
    axis.bar(names, [*terms, sum(terms), found], width=0.5, color=LIGHT["faint"])
    axis.axhline(0, color=LIGHT["ink"], linewidth=1)
    axis.set(title=f"dE_{T}/dW, for the weight from unit 1 to unit 1")
    return figure(drawing, SEEN)
