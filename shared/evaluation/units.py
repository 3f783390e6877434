"""Which unit tells what: properties of a text, and how well each unit of the network tells them.

A. Karpathy, J. Johnson and L. Fei-Fei, "Visualizing and understanding recurrent networks" (2015),
found units that track quotation marks or the position in the line. How good the best of a thousand
units is must not be asked of the text by which it was found: with so many, one looks good by
chance. So units are chosen on the first half of a text, and their scores are those on the second.
"""

import itertools

import numpy as np

from shared.evaluation.report import coloured_text, table

NAMES = (
    "inside quotation marks",
    "capital letter",
    "position in the line",
    "end of the line next",
    "indented line",
)

NOTHING = 0.2  # a score that tells nothing to speak of

SCORE = (
    "Of the position in the line: Pearson's correlation. Of all others: 2 AUC - 1, where AUC, the "
    "area under the ROC curve, is the chance that the unit is higher at a random token that has "
    "the property than at one that has not. 1 is perfect, 0 is nothing; below 0, the unit does on "
    "the second half the opposite of what it did on the first."
)


def properties(tokens):
    """For each of `NAMES` an array `(len(tokens),)` of what each token is, booleans or numbers.

    Quotation marks are the double ones, straight or curved, within a paragraph; a token is inside
    after an opening mark up to, and without, the closing one. The position in the line is the
    number of characters since its beginning. The end of the line is next where the following token
    begins with one. A line is indented if it begins with a space or a tab.
    """
    inside, position, indented = False, 0, False
    found = {name: [] for name in NAMES}
    end_of_line = False
    for token, following in itertools.zip_longest(tokens, tokens[1:], fillvalue=""):
        for character in token:
            if character == "\n":
                inside = inside and not end_of_line  # a blank line ends the paragraph
                position, end_of_line, indented = 0, True, False
                continue
            indented = indented or (position == 0 and character in " \t")
            position, end_of_line = position + 1, False
            if character == '"':
                inside = not inside
            elif character in "“”":
                inside = character == "“"
        values = (inside, token != token.lower(), position, following[:1] == "\n", indented)
        for name, value in zip(NAMES, values, strict=True):
            found[name].append(value)
    return {name: np.array(values) for name, values in found.items()}


def find_units(hidden, tokens, count=5):
    """For each property the units that tell it best.

    Args:
        hidden: array `(length, layers, units)` of activations while the tokens were read.
        tokens: list of strings `(length,)`.
        count: how many units for each property.

    Returns:
        Dictionary property -> list of `(layer, unit, score)`, counted from 1, the best on the
        first half of the text first, with its score on the second half. The list is empty where
        one of the halves has the property nowhere, or everywhere.
    """
    found = {}
    for name, measured in measure_units(hidden, tokens).items():
        found[name] = []
        if measured is not None:
            at_first, then = measured
            chosen = np.argsort(-abs(at_first), axis=None, kind="stable")[:count]
            for layer, unit in zip(*np.unravel_index(chosen, at_first.shape), strict=True):
                found[name].append((int(layer) + 1, int(unit) + 1, float(then[layer, unit])))
    return found


def measure_units(hidden, tokens):
    """How well every unit tells each property, on either half of a text.

    Args:
        hidden: array `(length, layers, units)` of activations while the tokens were read.
        tokens: list of strings `(length,)`.

    Returns:
        Dictionary property -> (scores on the first half, scores on the second half), each
        `(layers, units)`. A unit that is low where the property is there tells as much, with the
        other sign: so the scores on the second half have the sign that they have on the first, and
        a positive one means that the unit does the same on both. None where one of the halves has
        the property nowhere, or everywhere.
    """
    layers, units = hidden.shape[1:]
    flat, half = hidden.reshape(len(hidden), layers * units), len(tokens) // 2
    halves = slice(half), slice(half, None)
    ranked = [None, None]
    measured = {}
    for name, values in properties(tokens).items():
        if min(len(np.unique(values[part])) for part in halves) < 2:
            measured[name] = None
            continue
        scores = []
        for place, part in enumerate(halves):
            if values.dtype != bool:
                scores.append(_correlation(flat[part], values[part]))
                continue
            if ranked[place] is None:
                ranked[place] = _ranks(flat[part])
            scores.append(_area(ranked[place], values[part]))
        at_first, then = (each.reshape(layers, units) for each in scores)
        measured[name] = at_first, np.sign(at_first) * then
    return measured


def telling(found, layer):
    """The best unit for each property, as `inside` takes those that tell most.

    Args:
        found: as from `find_units`.
        layer: the layer that is shown, counted from 1.

    Returns:
        Dictionary unit, counted from 0 -> what it tells.
    """
    best = {}
    for name, units in found.items():
        (unit, score) = next(((u, s) for at, u, s in units if at == layer), (None, 0.0))
        if unit and score > NOTHING:
            best.setdefault(unit - 1, f"{name} (score {score:.2f})")
    return best


def unit_sections(found, where, tokens, hidden, asked=None):
    """The units that were found, and a text coloured by the best one for each property.

    Args:
        found: as from `find_units`.
        where: the name of the text that they were found in.
        tokens: list of strings, those of the text that is shown.
        hidden: array `(len(tokens), layers, units)` of activations while they were read.
        asked: `(layer, unit)`, counted from 1, of one more to show.

    Returns:
        List of `(heading, content)`, as `report.write_page` takes it.
    """
    rows = [(name, *unit) for name, best in found.items() for unit in best]
    rows += [(name, "", "", "not there, or everywhere") for name, best in found.items() if not best]
    caption = f"Chosen on the first half of {where}; the scores are those on its second half."
    columns = ("property", "layer", "unit", "score")
    sections = [("Units that tell something", table(columns, rows, caption)), ("The score", SCORE)]
    shown = [(name, *best[0][:2]) for name, best in found.items() if best]
    shown += [("as asked for", *asked)] if asked else []
    for name, layer, unit in shown:
        values = hidden[:, layer - 1, unit - 1]
        picture = coloured_text(tokens, values, "above zero", "below zero", joined=True)
        sections.append((f"Layer {layer}, unit {unit}: {name}", picture))
    return sections


def score(hidden, values):
    """How well each unit tells a property: 1 or -1 for all there is to tell, 0 for nothing.

    Args:
        hidden: array `(length, units)`.
        values: array `(length,)`: for booleans the score is 2 AUC - 1, for numbers Pearson's
            correlation.
    """
    if values.dtype == bool:
        return _area(_ranks(hidden), values)
    return _correlation(hidden, values)


def _ranks(hidden):
    """The place of each activation among all of its unit, from 1; equal ones share a place."""
    ranks = np.empty(hidden.shape)
    for unit, column in enumerate(hidden.T):
        _, place, ties = np.unique(column, return_inverse=True, return_counts=True)
        ranks[:, unit] = (np.cumsum(ties) - (ties - 1) / 2)[place]
    return ranks


def _area(ranks, truth):
    """2 * (area under the ROC curve) - 1 of every unit: -1 to 1, 0 for what tells nothing."""
    positive = truth.sum()
    negative = len(truth) - positive
    above = ranks[truth].sum(axis=0) - positive * (positive + 1) / 2
    return 2 * above / (positive * negative) - 1


def _correlation(hidden, numbers):
    """Pearson's correlation of every unit with the numbers; 0 for a unit that never changes."""
    hidden = hidden - hidden.mean(axis=0, dtype="float64")
    numbers = numbers - numbers.mean()
    scale = np.sqrt((hidden**2).sum(axis=0) * (numbers**2).sum())
    return numbers @ hidden / np.where(scale > 0, scale, np.inf)
