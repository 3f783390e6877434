"""One token after the other: the likeliest (greedy), or one drawn from the distribution."""

import numpy as np

from .hypothesis import Hypothesis, check_limits, check_prompts, check_real, check_whole
from .logits import draw, log_normalizer, without
from .states import read_prompts, to_host

ENDED = -1  # what `stream` gives in place of a token for a sequence that has ended


def greedy(step, prompts, states, maximum_length, *, stop_token=None, minimum_length=0):
    """Go on with the likeliest token at every step; of equally likely ones the lowest id.

    Arguments, result and errors are those of `sample`.
    """
    return sample(
        step,
        prompts,
        states,
        maximum_length,
        temperature=0,
        stop_token=stop_token,
        minimum_length=minimum_length,
    )


def sample(
    step,
    prompts,
    states,
    maximum_length,
    *,
    temperature=1.0,
    top_k=None,
    top_p=None,
    seed=None,
    stop_token=None,
    minimum_length=0,
):
    """Draw every token from the distribution that the step function gives.

    Each sequence has random numbers of its own, so what is drawn for it doesn't depend on the
    others in the batch.

    Args:
        step: (tokens (rows,), states) -> (logits (rows, vocabulary), states); see `compile_step`.
        prompts: one sequence of at least one token id for each row, not all as long. The step
            reads them token by token: of a long text, run all but the last token through the
            layers and give their states instead.
        states: the states before the prompts; nested arrays, first axis the rows.
        maximum_length: how many tokens at most follow a prompt.
        temperature: divides the logits; 0 is greedy.
        top_k: draw from so many of the likeliest tokens; None for all.
        top_p: draw from the likeliest tokens that together are so probable; None for all.
        seed: an int, from which sequence i draws by the seed `[seed, i]`; or a list of one such
            seed for each sequence; or None to draw anew each time.
        stop_token: the token id that ends a sequence; None for none.
        minimum_length: how many tokens at least come before the stop token.

    Returns:
        A list with one `Hypothesis` for each row.

    Raises:
        ValueError: for a length, temperature, `top_k`, `top_p`, seed, stop token or prompt that
            can't be, states or logits of wrong shape, logits that are NaN, and where only the
            stop token is possible before the minimum length.
    """
    chosen, lengths, totals = [], 0, 0.0
    for tokens, log_probability, running in _walk(
        step,
        check_prompts(prompts),
        states,
        *_checked(maximum_length, minimum_length, stop_token, temperature, top_k, top_p),
        _generators(seed, len(prompts), temperature),
    ):
        chosen.append(tokens)
        totals = totals + log_probability
        lengths = lengths + running
    found = []
    for tokens, length, total in zip(
        np.stack(chosen, axis=1), lengths, totals.tolist(), strict=True
    ):
        finished = bool(tokens[length - 1] == stop_token)
        written = tokens[: length - finished].astype("int32")
        found.append(Hypothesis(written, total, total, finished))
    return found


def stream(
    step,
    prompts,
    states,
    maximum_length,
    *,
    temperature=1.0,
    top_k=None,
    top_p=None,
    seed=None,
    stop_token=None,
    minimum_length=0,
):
    """Like `sample`, token by token as they are drawn, to print as they come.

    >>> for (token,) in stream(step, [prompt], states, 200, seed=1):
    ...     print(characters[token], end="", flush=True)

    Returns:
        An iterator of int32 arrays (rows,): the next token of each sequence, -1 where it has
        ended. It ends when all have.

    Raises:
        ValueError: as `sample`; for a wrong argument already when called.
    """
    steps = _walk(
        step,
        check_prompts(prompts),
        states,
        *_checked(maximum_length, minimum_length, stop_token, temperature, top_k, top_p),
        _generators(seed, len(prompts), temperature),
    )
    shown = (
        np.where(running & (tokens != stop_token), tokens, ENDED).astype("int32")
        if stop_token is not None
        else tokens.astype("int32")
        for tokens, _, running in steps
    )
    return (tokens for tokens in shown if (tokens != ENDED).any())


def _walk(
    step,
    prompts,
    states,
    maximum_length,
    minimum_length,
    stop_token,
    temperature,
    top_k,
    top_p,
    generators,
):
    """Of each step, (rows,) each: tokens, their log-probabilities, whether the row still runs.

    Of a row that doesn't, the log-probability is 0.
    """
    tokens, states = read_prompts(step, prompts, states)
    rows = np.arange(len(prompts))
    running = np.ones(len(prompts), bool)
    for length in range(maximum_length):
        logits, states = step(tokens, states)
        logits = to_host(logits, len(rows), stop_token)
        normalizer = log_normalizer(logits, running)
        allowed = logits
        if stop_token is not None and length < minimum_length:
            allowed = without(logits, stop_token)
            if np.isneginf(allowed.max(axis=1)[running]).any():
                raise ValueError(
                    f"After {length} tokens only the stop token {stop_token} is possible, which "
                    f"minimum_length {minimum_length} forbids."
                )
        if not running.all():  # ended rows may hold anything
            allowed = np.where(running[:, None], allowed, 0)
        uniform = np.array([generator.random() for generator in generators])
        drawn = draw(allowed, uniform, temperature, top_k, top_p)
        tokens = np.where(running, drawn, tokens).astype("int32")
        log_probability = logits[rows, tokens] - normalizer
        yield tokens, np.where(running, log_probability, 0.0), running
        if stop_token is not None:
            running = running & (tokens != stop_token)
            if not running.any():
                return


def _checked(maximum_length, minimum_length, stop_token, temperature, top_k, top_p):
    check_limits(maximum_length, minimum_length, stop_token)
    check_real("temperature", temperature, lambda value: value >= 0, "a number of at least 0")
    if top_k is not None:
        check_whole("top_k", top_k, 1)
    if top_p is not None:
        check_real("top_p", top_p, lambda value: 0 < value <= 1, "above 0 and at most 1")
    return maximum_length, minimum_length, stop_token, temperature, top_k, top_p


def _generators(seed, rows, temperature):
    """A random number generator for each row; none where nothing is drawn."""
    if temperature == 0:
        return []
    if seed is None:
        return [np.random.default_rng() for _ in range(rows)]
    seeds = list(seed) if isinstance(seed, (list, tuple)) else [[seed, i] for i in range(rows)]
    if len(seeds) != rows:
        raise ValueError(f"There are {len(seeds)} seeds for {rows} prompts.")
    try:
        return [np.random.default_rng(each) for each in seeds]
    except (TypeError, ValueError) as error:
        raise ValueError(f"seed must be an integer of at least 0, not {seed!r}.") from error
