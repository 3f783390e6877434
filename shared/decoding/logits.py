"""From logits to log-probabilities and choices: NumPy arrays, all rows at once."""

import numpy as np


def log_normalizer(logits, needed):
    """The logarithm of the sum of exponentials of each row, which turns logits into logarithms.

    The largest logit is taken out first, so that no exponential overflows.

    Args:
        logits: (rows, vocabulary); -inf where a token is impossible.
        needed: (rows,), False where a row is no longer of interest and may hold anything.

    Returns:
        (rows,) float64, such that `logits[i, token] - log_normalizer[i]` is a log-probability.

    Raises:
        ValueError: if a needed row holds NaN or +inf, or -inf only.
    """
    largest = logits.max(axis=1)  # of a row with NaN it is NaN
    wrong = needed & ~np.isfinite(largest)
    if wrong.any():
        row = int(wrong.argmax())
        what = {True: "NaN among", False: f"{largest[row]:+} as the largest of"}
        raise ValueError(
            f"The step function returned {what[bool(np.isnan(largest[row]))]} the logits of row "
            f"{row}: no token can be chosen from them."
        )
    with np.errstate(invalid="ignore"):  # in the rows that nobody needs
        weights = logits - largest[:, None]
        np.exp(weights, out=weights)
    return largest + np.log(weights.sum(axis=1, dtype="float64"))


def without(logits, token):
    """The logits with one token made impossible; the array given is left as it is."""
    logits = logits.copy()
    logits[:, token] = -np.inf
    return logits


def largest(values, count):
    """Where the largest values of each row are.

    Args:
        values: (rows, columns), no NaN.
        count: how many, at most the number of columns.

    Returns:
        (rows, count) column numbers, the largest value first, and of equal values the first.
    """
    if count == 1:
        return values.argmax(axis=1)[:, None]
    if count < values.shape[1]:  # selecting takes linear time, and only what it finds is sorted
        lowest = np.partition(values, -count, axis=1)[:, -count, None]
        chosen = values >= lowest
        tied = chosen.sum(axis=1) > count
        if tied.any():  # several are equal to the last place: the first of them have it
            equal = values[tied] == lowest[tied]
            places = count - (values[tied] > lowest[tied]).sum(axis=1, keepdims=True)
            chosen[tied] &= ~equal | (equal.cumsum(axis=1) <= places)
        chosen = chosen.nonzero()[1].reshape(len(values), count)
    else:
        chosen = np.broadcast_to(np.arange(count), values.shape)
    order = np.argsort(-np.take_along_axis(values, chosen, axis=1), axis=1, kind="stable")
    return np.take_along_axis(chosen, order, axis=1)


def draw(logits, uniform, temperature=1.0, top_k=None, top_p=None):
    """Draw a token for each row.

    The temperature divides the logits: below 1 likely tokens become likelier, at 0 only the
    likeliest is left. Then `top_k` keeps that many of the likeliest tokens (A. Fan, M. Lewis and
    Y. Dauphin, "Hierarchical neural story generation", ACL 2018). Then `top_p` keeps the nucleus,
    the fewest of the likeliest tokens whose share of what is left reaches it (A. Holtzman et al.,
    "The curious case of neural text degeneration", ICLR 2020).

    Args:
        logits: (rows, vocabulary), none of its rows -inf only.
        uniform: (rows,) random numbers in [0, 1), which alone decide the draw.
        temperature: at least 0.
        top_k: at least 1, or None.
        top_p: above 0 and at most 1, or None.

    Returns:
        (rows,) token ids.
    """
    if temperature == 0:
        return logits.argmax(axis=1)
    vocabulary = logits.shape[1]
    candidates = None  # all tokens, in their order: nothing needs sorting
    if top_k is not None and top_k < vocabulary:
        candidates = largest(logits, top_k)
        logits = np.take_along_axis(logits, candidates, axis=1)
    with np.errstate(over="ignore"):  # a tiny temperature makes all but the largest -inf
        differences = logits.astype("float64") - logits.max(axis=1, keepdims=True)
        weights = np.exp(differences / temperature)
    if top_p is not None and top_p < 1:
        likeliest, weights = _nucleus(weights, top_p)
        picked = candidates is not None
        candidates = np.take_along_axis(candidates, likeliest, axis=1) if picked else likeliest
    cumulative = weights.cumsum(axis=1)
    # The first place where the cumulative weight is above: so never a token of weight 0.
    total = cumulative[:, -1]
    mark = np.minimum(uniform * total, np.nextafter(total, 0))
    place = (cumulative <= mark[:, None]).sum(axis=1)
    return place if candidates is None else candidates[np.arange(len(place)), place]


def _nucleus(weights, top_p):
    """Where the nucleus of each row is.

    Args:
        weights: (rows, columns), not negative, not normalized.

    Returns:
        `(places, weights)`: column numbers, largest weight first, as many as the largest nucleus
        needs or more, and their weights, 0 outside the nucleus of the row.
    """
    needed = top_p * weights.sum(axis=1, keepdims=True)
    # A nucleus is mostly small, and sorting a large vocabulary slow: sort few, and more if need be.
    few, columns = 64, weights.shape[1]
    while True:
        few = min(few, columns)
        places = largest(weights, few)
        found = np.take_along_axis(weights, places, axis=1)
        cumulative = found.cumsum(axis=1)
        if few == columns or (cumulative[:, -1:] >= needed).all():
            break
        few *= 16
    before = np.pad(cumulative[:, :-1], ((0, 0), (1, 0)))
    return places, np.where(before < needed, found, 0)
