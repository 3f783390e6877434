"""Time several contenders fairly: in turns, round after round, in one process.

A machine is faster at one minute than at the next. Contenders that take turns see the same
machine, so the ratio of two of them is taken within each round, and reported as the median over
the rounds with the quartiles around it.
"""

import statistics
import time

WARM_UP = 1  # calls at the start of each turn that don't count: caches, threads still spinning
LONGEST_TURN = 0.4  # seconds of forward passes that one turn may take
TRAINING_STEPS = 3


def measure_in_turns(contenders, rounds, budget):
    """Time forward passes and training steps.

    Args:
        contenders: name -> an object with `forward()` and `train(steps)` (see contenders.py).
        rounds: how many rounds to aim at; at least three are done.
        budget: seconds after which no further round begins.

    Returns:
        `{"forward": {name: [seconds of each round]}, "training": {...}, "first": {name: seconds}}`
    """
    first = {name: _first_calls(contender) for name, contender in contenders.items()}
    forward = {name: [] for name in contenders}
    training = {name: [] for name in contenders}
    repeats = {name: _repeats(contender) for name, contender in contenders.items()}
    begun = time.perf_counter()
    names = list(contenders)
    for turn in range(rounds):
        if turn >= 3 and time.perf_counter() - begun > budget:
            break
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            forward[name].append(_forward(contenders[name], repeats[name]))
            steps = contenders[name].train(WARM_UP + TRAINING_STEPS)
            training[name].append(statistics.median(steps[WARM_UP:]))
    return {"forward": forward, "training": training, "first": first}


def ratio(over, under):
    """Median and quartiles of a ratio taken round by round: how many times faster `under` is."""
    quotients = sorted(a / b for a, b in zip(over, under, strict=True))
    low, _, high = statistics.quantiles(quotients, n=4, method="inclusive")
    return {"median": statistics.median(quotients), "low": low, "high": high}


def _first_calls(contender):
    begun = time.perf_counter()
    contender.forward()
    forward = time.perf_counter() - begun
    begun = time.perf_counter()
    contender.train(1)
    return {"forward": forward, "training": time.perf_counter() - begun}


def _repeats(contender):
    seconds = min(_timed(contender.forward) for _ in range(2))
    return max(3, min(30, int(LONGEST_TURN / seconds)))


def _forward(contender, repeats):
    seconds = [_timed(contender.forward) for _ in range(WARM_UP + repeats)]
    return statistics.median(seconds[WARM_UP:])


def _timed(call):
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun
