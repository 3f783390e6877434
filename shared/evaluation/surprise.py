"""Where a text surprised a language model: sections for its report."""

from shared.evaluation.report import coloured_text, passage, table

PASSAGE = 200  # tokens
SHOWN = 5  # passages of each kind


def passages(surprise, length=PASSAGE):
    """A text cut into passages of equal length, the least surprising first; the rest is left out.

    Args:
        surprise: float array `(length of the text,)`, -log p of each token.
        length: of a passage; a shorter text is one passage.

    Returns:
        List of `(mean, begin)`: the mean surprise, and the place of the first token.
    """
    begins = range(0, max(len(surprise) - length, 0) + 1, length)
    return sorted((float(surprise[begin : begin + length].mean()), begin) for begin in begins)


def surprise_sections(tokens, surprise):
    """The passages that surprised least and most, and each token of the worst one.

    Args:
        tokens: list of strings; joined, they are the text.
        surprise: float array `(len(tokens),)`, -log p of each.

    Returns:
        List of `(heading, content)`, as `report.write_report` takes it.
    """
    found = passages(surprise)
    rows = [(mean, passage("".join(tokens[begin : begin + PASSAGE]))) for mean, begin in found]
    columns = ("nats per token", "passage")
    _, begin = found[-1]
    worst = slice(begin, begin + 2 * PASSAGE)
    colours = surprise[worst] - surprise.mean(), "more surprising than the mean", "less"
    return [
        ("Least surprising passages", table(columns, rows[:SHOWN])),
        ("Most surprising passages", table(columns, rows[: -SHOWN - 1 : -1])),
        ("Where it was surprised", coloured_text(tokens[worst], *colours, joined=True)),
    ]
