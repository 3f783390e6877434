"""Which unit tells what: properties of a text, and how well each unit of the network tells them.

A. Karpathy, J. Johnson and L. Fei-Fei, "Visualizing and understanding recurrent networks" (2015),
found units that track quotation marks or the position in the line. How good the best of a thousand
units is must not be asked of the text by which it was found: with so many, one looks good by
chance. So units are chosen on the first half of a text, and their scores are those on the second.
"""

import numpy as np

from shared.evaluation.report import coloured_text, table

NAMES = ("inside quotation marks", "capital letter", "position in the line")

SCORE = (
    "Of inside quotation marks and capital letter: 2 AUC - 1, where AUC, the area under the ROC "
    "curve, is the chance that the unit is higher at a random token that has the property than at "
    "one that has not. Of the position in the line: Pearson's correlation. 1 is perfect, 0 is "
    "nothing; below 0, the unit does on the second half the opposite of what it did on the first."
)


def properties(tokens):
    """For each of `NAMES` an array `(len(tokens),)` of what each token is, booleans or numbers.

    Quotation marks are the double ones, straight or curved, within a paragraph; a token is inside
    after an opening mark up to, and without, the closing one. The position in the line is the
    number of characters since its beginning.
    """
    inside, position = False, 0
    found = {name: [] for name in NAMES}
    end_of_line = False
    for token in tokens:
        for character in token:
            if character == "\n":
                inside = inside and not end_of_line  # a blank line ends the paragraph
                position, end_of_line = 0, True
                continue
            position, end_of_line = position + 1, False
            if character == '"':
                inside = not inside
            elif character in "“”":
                inside = character == "“"
        for name, value in zip(NAMES, (inside, token != token.lower(), position), strict=True):
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
    layers, units = hidden.shape[1:]
    flat, half = hidden.reshape(len(hidden), layers * units), len(tokens) // 2
    found = {}
    for name, values in properties(tokens).items():
        found[name] = []
        if min(len(np.unique(part)) for part in (values[:half], values[half:])) > 1:
            at_first = score(flat[:half], values[:half])
            chosen = np.argsort(-abs(at_first), kind="stable")[:count]
            # A unit that is low where the property is there tells as much, with the other sign.
            then = np.sign(at_first[chosen]) * score(flat[half:, chosen], values[half:])
            found[name] = [
                (*(1 + place for place in divmod(int(unit), units)), float(value))
                for unit, value in zip(chosen, then, strict=True)
            ]
    return found


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
    return _area(hidden, values) if values.dtype == bool else _correlation(hidden, values)


def _area(hidden, truth):
    """2 * (area under the ROC curve) - 1 of every unit: -1 to 1, 0 for what tells nothing."""
    ranks = np.empty(hidden.shape)
    for unit, column in enumerate(hidden.T):
        _, place, ties = np.unique(column, return_inverse=True, return_counts=True)
        ranks[:, unit] = (np.cumsum(ties) - (ties - 1) / 2)[place]  # equal values share a rank
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
