"""Beam search: follow the few likeliest hypotheses side by side, instead of only one.

    log p(Y) = sum_t log p(y_t | y_1 .. y_{t-1})             the prompt is given, Y follows it
    score(Y) = log p(Y) / penalty(|Y|)                       |Y| counts the stop token

    "none"   penalty(n) = 1                                  favours short sequences
    "mean"   penalty(n) = n                                  the mean log-probability of a token
    "gnmt"   penalty(n) = ((5 + n) / 6) ** alpha             in between

At each step all hypotheses of the beam are extended by all tokens, and the likeliest extensions
make the new beam. One that ends with the stop token is complete: it leaves the beam, and the beam
is narrower by one from then on. So the beam width is the number of hypotheses that are followed in
all, and with a width of 1 beam search is greedy decoding.

No log-probability is above 0 and no penalty shrinks with length. So the score of a hypothesis that
isn't complete can't exceed log p / penalty(maximum length), whatever follows; the search for a
sequence ends when none can come among the best any more, and not before.

I. Sutskever, O. Vinyals and Q. Le, "Sequence to sequence learning with neural networks", NeurIPS
2014 (the search); Y. Wu et al., "Google's neural machine translation system", 2016 ("gnmt").
"""

import numpy as np

from .hypothesis import Hypothesis, check_limits, check_prompts, check_real, check_whole
from .logits import largest, log_normalizer, without
from .states import read_prompts, reorder, to_host

NORMALIZATIONS = ("none", "mean", "gnmt")


def beam_search(
    step,
    prompts,
    states,
    maximum_length,
    beam_width=5,
    *,
    length_normalization="gnmt",
    alpha=0.6,
    stop_token=None,
    minimum_length=0,
    n_best=1,
):
    """Find the sequences of highest score, approximately.

    Args:
        step: (tokens (rows,), states) -> (logits (rows, vocabulary), states); see `compile_step`.
            It is always called with batch * beam_width rows, those of a sequence next to each
            other, so that it is compiled once; rows whose search has ended are computed on, and
            ignored.
        prompts: one sequence of at least one token id for each of the batch, not all as long. The
            step reads them token by token.
        states: the states before the prompts; nested arrays, first axis the batch.
        maximum_length: how many tokens at most follow a prompt. A hypothesis as long as that is
            complete without the stop token.
        beam_width: how many hypotheses to follow.
        length_normalization: "none", "mean" or "gnmt" (see above).
        alpha: exponent of "gnmt", from 0 to 10; the larger, the more it favours long sequences.
        stop_token: the token id that ends a sequence; None for none.
        minimum_length: how many tokens at least come before the stop token.
        n_best: how many hypotheses to return, at most `beam_width`.

    Returns:
        For each of the batch a list of at most `n_best` (at least one) `Hypothesis`, highest
        score first.

    Raises:
        ValueError: for a width, length, normalization, stop token or prompt that can't be, states
            or logits of wrong shape, logits that are NaN, and where no sequence is possible.
    """
    check_limits(maximum_length, minimum_length, stop_token)
    check_whole("beam_width", beam_width, 1)
    check_whole("n_best", n_best, 1)
    if n_best > beam_width:
        raise ValueError(f"n_best {n_best} is above beam_width {beam_width}.")
    if length_normalization not in NORMALIZATIONS:
        raise ValueError(
            f"length_normalization must be one of {', '.join(NORMALIZATIONS)}, not "
            f"{length_normalization!r}."
        )
    check_real("alpha", alpha, lambda value: 0 <= value <= 10, "a number from 0 to 10")
    prompts = check_prompts(prompts)

    def penalty(length):
        if length_normalization == "gnmt":
            return ((5 + length) / 6) ** alpha
        return float(length) if length_normalization == "mean" else 1.0

    batch = len(prompts)
    tokens, states = read_prompts(step, prompts, states, copies=beam_width)
    # All begin as copies of one hypothesis: only the first counts, or the beam would fill with it.
    log_p = np.full((batch, beam_width), -np.inf)
    log_p[:, 0] = 0
    width = np.full((batch, 1), beam_width)  # less by one for each hypothesis completed
    history = []  # (parents, tokens) of each step: a sequence is read back along its parents
    complete = [[] for _ in range(batch)]  # of each: (score, log-probability, length, slot)
    to_beat = np.full(batch, -np.inf)  # the lowest score among the n best completed

    for length in range(1, maximum_length + 1):
        logits, states = step(tokens, states)
        logits = to_host(logits, batch * beam_width, stop_token)
        forbidden = stop_token if length <= minimum_length else None
        log_p, parents, chosen = _extend(log_p, logits, forbidden)
        history.append((parents, chosen))

        log_p[np.arange(beam_width) >= width] = -np.inf
        stopped = chosen == stop_token if stop_token is not None else False
        completed = np.isfinite(log_p) & (stopped | (length == maximum_length))
        for sequence, slot in zip(*completed.nonzero(), strict=True):
            total = float(log_p[sequence, slot])
            complete[sequence].append((total / penalty(length), total, length, slot))
            if len(complete[sequence]) >= n_best:
                to_beat[sequence] = sorted(each[0] for each in complete[sequence])[-n_best]
        width -= completed.sum(axis=1, keepdims=True)
        log_p[completed] = -np.inf

        highest_possible = log_p.max(axis=1) / penalty(maximum_length)
        decided = to_beat >= highest_possible
        if decided.all():
            break
        log_p[decided] = -np.inf
        first_rows = beam_width * np.arange(batch)[:, None]
        states = reorder(states, (first_rows + parents).ravel())
        tokens = chosen.ravel().astype("int32")

    return [
        _best(complete[sequence], sequence, history, stop_token, n_best)
        for sequence in range(batch)
    ]


def _extend(log_p, logits, forbidden):
    """The likeliest extensions of the hypotheses of each sequence by one token.

    Args:
        log_p: (batch, beam), -inf where there is no hypothesis.
        logits: (batch * beam, vocabulary).
        forbidden: a token that must not come next, or None.

    Returns:
        Of the new beam, likeliest first, the log-probabilities, the places in the old beam they
        come from, and the tokens added, each (batch, beam).
    """
    batch, beam = log_p.shape
    normalizer = log_normalizer(logits, np.isfinite(log_p).ravel())
    broken = ~np.isfinite(normalizer)
    if broken.any():  # rows whose search has ended may hold anything
        logits = np.where(broken[:, None], 0, logits)
    if forbidden is not None:
        logits = without(logits, forbidden)
    # No hypothesis can have more than `beam` extensions in the new beam: take those of each first.
    few = min(beam, logits.shape[1])
    tokens = largest(logits, few)
    extended = np.take_along_axis(logits, tokens, axis=1) - normalizer[:, None]
    extended = log_p[:, :, None] + extended.reshape(batch, beam, few)
    extended[~np.isfinite(log_p)] = -np.inf
    extended = extended.reshape(batch, beam * few)
    places = largest(extended, beam)
    tokens = np.take_along_axis(tokens.reshape(batch, beam * few), places, axis=1)
    return np.take_along_axis(extended, places, axis=1), places // few, tokens


def _best(complete, sequence, history, stop_token, n_best):
    """The best completed hypotheses of one sequence, with their tokens read back from the end."""
    if not complete:
        raise ValueError(
            f"No sequence is possible after prompt {sequence}: every token has probability 0, or "
            "only the stop token is possible before minimum_length."
        )
    found = []
    for score, total, length, slot in sorted(complete, key=lambda each: -each[0])[:n_best]:
        tokens = np.empty(length, "int32")
        for place in reversed(range(length)):
            parents, chosen = history[place]
            tokens[place], slot = chosen[sequence, slot], parents[sequence, slot]
        finished = bool(tokens[-1] == stop_token)
        found.append(Hypothesis(tokens[: length - finished], total, score, finished))
    return found
