"""A text of any length, read by a network that takes its states and gives them back.

Such a `reader` is a Keras model `[ids (rows, timesteps), *states] -> [logits (rows, timesteps,
vocabulary_size), *states]`, each state `(rows, units)`.
"""

import numpy as np

CHUNK = 500  # timesteps of a long text that are read in one call


def no_memory(reader, rows=1):
    """The states before any text: zeros."""
    return [np.zeros((rows, state.shape[-1]), state.dtype) for state in reader.inputs[1:]]


def read(reader, ids):
    """Read one text from its beginning, piece by piece, in memory that doesn't grow with it.

    Args:
        reader: see above.
        ids: int32 array `(length,)` of token ids.

    Returns:
        An iterator over the pieces: `(logits, states)`, logits `(timesteps, vocabulary_size)` of
        the tokens after each of the piece's, and the states after its last.
    """
    states = no_memory(reader)
    for begin in range(0, len(ids), CHUNK):
        logits, *states = reader.predict_on_batch([ids[None, begin : begin + CHUNK], *states])
        yield logits[0], states


def remember(reader, ids):
    """The states that have read a text from its beginning."""
    states = no_memory(reader)
    for _, states in read(reader, ids):  # noqa: B007  the last piece's are wanted
        pass
    return states


def score(reader, ids):
    """How well the network says a text in advance: every token once, in order, from its beginning.

    Args:
        reader: see above.
        ids: int32 array `(1 + length,)` of token ids, the first of which is given.

    Returns:
        surprise: float64 array `(length,)`, -log p of each token after all those before it.
        after: float64 array `(vocabulary_size,)`, the probabilities of what follows the text.
    """
    surprise, after, done = np.empty(len(ids) - 1), None, 0
    for logits, _ in read(reader, ids):
        logits = logits.astype("float64")
        logits -= logits.max(axis=1, keepdims=True)
        log_probabilities = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
        said = ids[1 + done : 1 + done + len(logits)]
        surprise[done : done + len(said)] = -log_probabilities[np.arange(len(said)), said]
        done += len(said)
        after = np.exp(log_probabilities[-1])
    return surprise, after
