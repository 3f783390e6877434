"""What every kind of decoding takes and returns: limits checked, one result type."""

import math
import numbers
from typing import NamedTuple

import numpy as np


class Hypothesis(NamedTuple):
    """A sequence that was written.

    Attributes:
        tokens: int32 array of the tokens after the prompt, without the stop token.
        log_probability: natural logarithm of its probability after the prompt, by the logits as
            the step function gave them; the stop token, where there is one, is counted.
        score: what beam search ranks by, the log-probability under the length normalization.
            Greedy decoding and sampling rank nothing: there it is the log-probability.
        finished: whether it ended with the stop token, rather than at the maximum length.
    """

    tokens: np.ndarray
    log_probability: float
    score: float
    finished: bool


def check_limits(maximum_length, minimum_length, stop_token):
    """Raise ValueError unless at least one token may be written and the limits agree."""
    check_whole("maximum_length", maximum_length, 1)
    check_whole("minimum_length", minimum_length, 0)
    if minimum_length > maximum_length:
        raise ValueError(
            f"minimum_length {minimum_length} is above maximum_length {maximum_length}."
        )
    if stop_token is not None:
        check_whole("stop_token", stop_token, 0)


def check_whole(name, value, lowest):
    """Raise ValueError unless `value` is an integer of at least `lowest`."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral) or value < lowest:
        raise ValueError(f"{name} must be an integer of at least {lowest}, not {value!r}.")


def check_real(name, value, accepts, wanted):
    """Raise ValueError unless `value` is a finite number that `accepts` is true of."""
    number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if not (number and math.isfinite(value) and accepts(value)):
        raise ValueError(f"{name} must be {wanted}, not {value!r}.")


def check_prompts(prompts):
    """The prompts as a list of int32 arrays, each (prompt length,).

    Raises:
        ValueError: if there is none, or one is empty or not a sequence of token ids.
    """
    if len(prompts) == 0:
        raise ValueError("There is no prompt: give one sequence of token ids per row.")
    checked = []
    for place, prompt in enumerate(prompts):
        tokens = np.asarray(prompt)
        if tokens.ndim != 1:
            raise ValueError(f"Prompt {place} must be a sequence of token ids, not {prompt!r:.60}.")
        if tokens.size == 0:
            raise ValueError(f"Prompt {place} is empty: it needs at least a start token.")
        if tokens.dtype.kind not in "iu" or tokens.min() < 0:
            raise ValueError(
                f"Prompt {place} must hold token ids, integers from 0, not {prompt!r:.60}."
            )
        checked.append(tokens.astype("int32"))
    return checked
