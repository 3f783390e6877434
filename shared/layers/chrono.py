"""Chrono initialization: gates that remember over as many timesteps as the task may ask for.

A cell state that is scaled by f_t = sigmoid(b) at each timestep fades like f^t: half of it is gone
after about e^b timesteps. With b_f = 1, where the LSTM usually starts, that is after three, and an
error a hundred timesteps later tells the first one nothing. So each unit draws a time of its own,

    b_f = log(u),  u uniform between 1 and T - 1,    b_i = -b_f

where T is the longest gap that is expected: some units forget within a few timesteps, some keep
until the end, and what is kept long is written slowly.

C. Tallec and Y. Ollivier, "Can recurrent neural networks warp time?", ICLR 2018.
"""

import keras
from keras import ops

# What each part of the bias does: keep what is there (1), write what is new (-1), neither (0).
GATES = {"lstm": (-1, 1, 0, 0), "gru": (1, 0, 0), "mingru": (-1, 0)}


def chrono(cell, timesteps, seed=None):
    """The arguments that give a recurrent layer the chrono initialization.

    >>> recurrent("lstm", 128, **chrono("lstm", timesteps=600))

    Args:
        cell: "lstm", "gru" or "mingru".
        timesteps: T, the longest gap that is expected, at least 3.
        seed: of what is drawn.

    Returns:
        A dictionary of arguments for the layer of that name.

    Raises:
        ValueError: for a cell without gates, and for fewer than three timesteps.
    """
    if cell not in GATES:
        raise ValueError(f"The cell {cell!r} has no gates; chrono is for {', '.join(GATES)}.")
    arguments = {"bias_initializer": ChronoBias(timesteps, GATES[cell], seed)}
    return {**arguments, "unit_forget_bias": False} if cell == "lstm" else arguments


@keras.saving.register_keras_serializable(package=__package__)
class ChronoBias(keras.initializers.RandomUniform):
    """The bias of a cell's gates, with a time drawn for each unit.

    Args:
        timesteps: T, at least 3.
        gates: one number for each part of the bias, in the order of the cell's weights: 1 for a
            gate that keeps the state, -1 for one that writes to it, 0 for a part that stays zero.
        seed: of what is drawn.

    Raises:
        ValueError: for fewer than three timesteps.
    """

    def __init__(self, timesteps, gates, seed=None):
        if timesteps < 3:
            raise ValueError(f"`timesteps` must be at least 3, not {timesteps}.")
        super().__init__(1.0, timesteps - 1.0, seed)
        self.timesteps = timesteps
        self.gates = tuple(gates)

    def __call__(self, shape, dtype=None):
        """A tensor of `(parts * units,)`, or `(2, parts * units)`, whose second row stays zero."""
        times = super().__call__((shape[-1] // len(self.gates),), dtype)
        bias = ops.concatenate([gate * ops.log(times) for gate in self.gates])
        if len(shape) == 1:
            return bias
        return ops.stack([bias, ops.zeros_like(bias)])

    def get_config(self):
        seed = super().get_config()["seed"]
        return {"timesteps": self.timesteps, "gates": list(self.gates), "seed": seed}
