"""Which units of a network of `long_memory` carry the country to the end of the text."""

import numpy as np

from lessons.networks import inside
from recipes.long_memory import data

COUNTRY = 4  # the place of the country among the words of a text
MEASURED = 400  # texts of the test split; units are chosen on half of them


def belt(traced):
    """What a cell hands on across a gap: the LSTM its cell state, the others their hidden state."""
    return traced.get("cell_state", traced["hidden_state"])


def read_texts(count, gap):
    """Texts of the test split as word numbers `(count, timesteps)`, and their languages."""
    texts, labels = data.read_agreement("test", count, gap)
    return np.stack([data.to_ids(text, data.VOCABULARY) for text in texts]), labels


def share_of_country(states, labels):
    """How much of the differences between states hangs on the country: the correlation ratio.

    That is the variance of the countries' mean states over the variance of all states: 1 where the
    country decides the state, 0 where it says nothing of it.

    Args:
        states: array `(texts, ...)`.
        labels: int array `(texts,)`.

    Returns:
        Array `(...)`.
    """
    states = states.astype("float64")
    mean = states.mean(axis=0)
    between = 0.0
    for label in np.unique(labels):
        of_label = states[labels == label]
        between = between + len(of_label) * (of_label.mean(axis=0) - mean) ** 2
    total = ((states - mean) ** 2).sum(axis=0)
    return between / np.where(total > 0, total, np.inf)


def carriers(network, gap, count=MEASURED):
    """The units of a network by how well they carry the country over the gap.

    A unit carries no more than what is left at the word where there is least. Units are chosen on
    the first half of the texts, and measured on the second.

    Args:
        network: of `long_memory`.
        gap: that it was trained at.
        count: of texts.

    Returns:
        order: int array `(units,)`, the best first.
        carried: array `(units,)`, from 0 to 1.
    """
    words, labels = read_texts(count, gap)
    states, half = belt(inside(network, words))[:, COUNTRY + 1 :], count // 2
    chosen_by, carried = (
        share_of_country(states[part], labels[part]).min(axis=0)
        for part in (slice(half), slice(half, None))
    )
    return np.argsort(-chosen_by, kind="stable"), carried
