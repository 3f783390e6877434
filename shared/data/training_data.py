"""What a training takes from its data: the same object in every recipe."""

import dataclasses
from collections.abc import Callable

import numpy as np


@dataclasses.dataclass(frozen=True)
class TrainingData:
    """The batches of a training, and what has to be kept beside the network.

    Attributes:
        batches: function epoch (from 0) -> `tf.data.Dataset` of that epoch's batches, in an order
            that only the run's seed and the epoch decide.
        validation: `tf.data.Dataset` of the validation split's batches.
        steps: the number of batches in an epoch.
        names: what the numbers that go in and come out mean: the recipe's `Names`.
        guessing: the loss that guessing has, without looking at the input; see `guessing_loss`.
    """

    batches: Callable
    validation: object
    steps: int
    names: tuple
    guessing: float


def guessing_loss(counts, smoothing=0.0):
    """The cross entropy of a guess that gives each answer its share of all answers, at any input.

    Args:
        counts: how often each answer occurs.
        smoothing: the label smoothing of the loss; see `shared.training.losses`.

    Returns:
        Nats, a float.
    """
    counts = np.asarray(counts, "float64")
    shares = (1 - smoothing) * counts / counts.sum() + smoothing / len(counts)
    return float(-sum(share * np.log(share) for share in shares if share))
