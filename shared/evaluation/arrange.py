"""What of a recurrent layer's inside is shown, in which order, and on which scale."""

import numpy as np

MOST_UNITS = 256  # a row each: with more, no row is seen
MOST_STEPS = 1000
EDGE = 0.01  # share of the values that a scale leaves out at an end
NARROWEST = 0.1  # of the arguments of a gate: smaller differences are none to speak of
CLOSED = 1e-4  # a gate's value that counts as 0, and 1 minus which counts as 1
TOO_ALIKE = 0.8  # correlation: of two such units one tells what both tell
STATES = ("cell_state", "hidden_state")


def carried_state(traced):
    """The name of the state that a layer carries on: the cell state, where there is one."""
    return next(name for name in (*STATES, *traced) if name in traced)


def kept(traced):
    """The share of its state that each unit keeps at each step, and how the gates say it.

    Args:
        traced: dictionary name -> array `(timesteps, units)`, as from `layer.trace`.

    Returns:
        Array `(timesteps, units)`, the name of the gate, and the formula of how many steps a unit
        keeps its state; None where no gate decides it.
    """
    if "forget_gate" in traced:
        return traced["forget_gate"], "forget_gate", "1 / (1 - f)"
    if "update_gate" in traced and "reset_gate" in traced:  # a GRU's says how much stays
        return traced["update_gate"], "update_gate", "1 / (1 - z)"
    if "update_gate" in traced:  # that of a MinGRU how much is rewritten
        return 1 - traced["update_gate"], "update_gate", "1 / z"
    return None


def most_moving(values, count):
    """The units that change most over the steps: their numbers, the most moving first.

    Args:
        values: array `(timesteps, units)`; of a single timestep, those far from zero count.
        count: how many at most.
    """
    values = values.astype("float64")
    moved = values.std(axis=0) if len(values) > 1 else abs(values[0])
    return np.argsort(-moved, kind="stable")[:count].tolist()


def most_telling(values, count):
    """A few units that change much over the steps, no two of them alike.

    Args:
        values: array `(timesteps, units)`.
        count: how many.

    Returns:
        List of their numbers, the most moving first; fewer where the others are like these.
    """
    alike = abs(correlation(values))
    chosen = []
    for unit in most_moving(values, values.shape[1]):
        if len(chosen) < count and all(alike[unit, other] < TOO_ALIKE for other in chosen):
            chosen.append(unit)
    return chosen


def correlation(values):
    """Pearson's correlation of the columns, 0 for one that never changes: `(units, units)`."""
    values = values.astype("float64")
    values = values - values.mean(axis=0)
    length = np.linalg.norm(values, axis=0)
    values = values / np.where(length > 1e-9, length, np.inf)
    return values.T @ values


def order(pictures):
    """The units in an order in which alike ones stand together.

    Units are joined to groups, the most alike first (average linkage: R. Sokal and C. Michener,
    1958), and each group is turned such that its ends fit. Alike are units that have like values at
    the same steps in all pictures; each picture counts as much as every other one.

    Args:
        pictures: list of arrays `(timesteps, units)`.

    Returns:
        List of all units' numbers.
    """
    columns = [each / max(each.std(), 1e-9) for each in map(np.float64, pictures)]
    columns = np.concatenate([each - each.mean() for each in columns])
    squares = (columns**2).sum(axis=0)
    alike = 2 * columns.T @ columns - squares - squares[:, None]  # -|a - b|^2
    groups = [[unit] for unit in range(len(alike))]
    sizes = np.ones(len(alike))
    between = alike.copy()
    np.fill_diagonal(between, -np.inf)
    for _ in range(len(alike) - 1):
        one, other = divmod(int(between.argmax()), len(alike))
        joined = [
            first + second
            for first in (groups[one], groups[one][::-1])
            for second in (groups[other], groups[other][::-1])
        ]
        middle = len(groups[one])
        groups[one] = max(joined, key=lambda units: alike[units[middle - 1], units[middle]])
        weight = sizes[one] / (sizes[one] + sizes[other])
        # Where a group is gone, or is the group itself, both are -inf, and stay so.
        between[one] = between[:, one] = weight * between[one] + (1 - weight) * between[other]
        between[other] = between[:, other] = -np.inf
        sizes[one] += sizes[other]
        last = groups[one]
    return last if len(alike) > 1 else [0]


def is_gate(name):
    """Whether these are values between 0, closed, and 1, open."""
    return name.endswith("_gate")


def scaled(name, values):
    """The values of a heat map as strengths of colour, on a scale on which differences show.

    A hundredth of the values lies beyond each end. The scale of a gate lies anywhere between 0 and
    1, and is even in the argument of its sigmoid: from 0.9 to 0.99, which makes a memory ten times
    as long, is as far as from 0.1 to 0.01. Other values have zero in the middle of an even scale.

    Args:
        name: as `trace` calls it.
        values: array of any shape.

    Returns:
        strengths: array of that shape, from 0 to 1.
        marks: the values at strength 0, a half and 1.
    """
    if not is_gate(name):
        bound = max(float(np.quantile(abs(values), 1 - EDGE)), 1e-6)
        return ((values + bound) / (2 * bound)).clip(0, 1), (-bound, 0.0, bound)
    arguments = _logit(values)
    low, high = np.quantile(arguments, (EDGE, 1 - EDGE))
    if high - low < NARROWEST:
        low, high = (low + high - NARROWEST) / 2, (low + high + NARROWEST) / 2
    marks = (1 / (1 + np.exp(-argument)) for argument in (low, (low + high) / 2, high))
    return ((arguments - low) / (high - low)).clip(0, 1), tuple(map(float, marks))


def _logit(values):
    """The argument of the sigmoid that gave these values."""
    values = np.clip(values, CLOSED, 1 - CLOSED)
    return np.log(values / (1 - values))
