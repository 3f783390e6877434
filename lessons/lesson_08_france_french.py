"""France ... French: the four cells at a short and a long gap, and their states across it."""

import numpy as np

from lessons import svg
from lessons.countries import COUNTRY, MEASURED, belt, carriers
from lessons.networks import command, inside, measured, of_the_race, trained
from lessons.page import Lesson, packed
from recipes.long_memory import data, sample
from shared.layers import LSTMCell, SimpleRNNCell, chrono

CELLS = ("rnn", "lstm", "gru", "mingru")
UNITS = 6  # of each cell that the page has
WIDTH, LEFT, RIGHT, HIGH = 900, 60, 800, 260  # of the pictures, in their own units


def eight_texts(gap):
    """A test text as it would be with each of the countries: int array `(8, timesteps)`."""
    (text, *_), (label, *_) = data.read_agreement("test", 1, gap)
    country = list(sample.LANGUAGES)[label]
    beginning = sample.BEGINNING.format(country)
    rest = text.removeprefix(beginning)
    texts = [sample.BEGINNING.format(country) + rest for country in sample.LANGUAGES]
    return np.stack([data.to_ids(each, data.VOCABULARY) for each in texts])


def apart(states):
    """How far apart the states of several texts are at each word: mean distance of all pairs.

    Args:
        states: array `(texts, timesteps, units)`.

    Returns:
        float64 array `(timesteps,)`, 1 at the country.
    """
    states = states.astype("float64")
    pairs = [(one, other) for one in range(len(states)) for other in range(one)]
    distances = [np.linalg.norm(states[one] - states[other], axis=-1) for one, other in pairs]
    mean = np.mean(distances, axis=0)
    return mean / mean[COUNTRY]


def build(folder):
    run = trained(folder, "long_memory")
    metrics = measured(run)
    gaps = sorted({int(name.rsplit("_", 1)[1]) for name in metrics})
    accuracy = {cell: [metrics[f"accuracy_{cell}_{gap}"] for gap in gaps] for cell in CELLS}
    words = eight_texts(gaps[-1])
    carried, lines, distances = {}, {}, {}
    for cell in CELLS:
        network, gap = of_the_race(run, cell, shortest=False)
        order, shares = carriers(network, gap)
        states = belt(inside(network, words))
        distances[cell] = apart(states)
        lines[cell] = states[:, :, order[:UNITS]]
        carried[cell] = [(int(unit) + 1, round(float(shares[unit]), 3)) for unit in order[:UNITS]]
    read = [data.VOCABULARY[word] for word in words[0]]
    seen = (
        f"Accuracy on test texts with a gap of {gaps[0]} and of {gaps[-1]} words. The dashed line "
        f"is chance, {1 / len(sample.CLASSES):.3f}."
    )
    return Lesson(
        title="France … French",
        idea=[
            "“I grew up in France. … I speak fluent French.” Between the two lie sentences about "
            "other people and other countries. To say the last word, a network must have kept one "
            "from the beginning.",
            in_words(metrics, gaps),
            "What was read once is still in the state of a gated cell after the gap, since its "
            "gates let it stay. In the state of the simple RNN it is gone.",
        ],
        figure=bars(accuracy, gaps, seen),
        caption=f"{seen} Each network was trained for as many steps as the others, on texts of "
        "that gap; the whole curve over the gap is what the recipe long_memory measures.",
        more=[
            (
                "Across the gap",
                across(lines["lstm"][:, :, 0], carried["lstm"][0][0], gaps[-1])
                + far_apart(distances),
            )
        ],
        to_try=[
            "Choose the cell rnn: the lines of the eight countries part where the country is read, "
            "and soon run together again. What they are later hangs on the other words.",
            "Choose lstm: the lines part at the country and stay apart up to the last word, "
            "whatever other countries are named on the way.",
            "Choose another country and see its line; move to other units of the cell.",
            "Point at a word, or move along with the arrow keys, to see which word moves the "
            "lines.",
        ],
        code=[SimpleRNNCell.call, LSTMCell.call, chrono],
        command=command(run, "evaluate"),
        data={
            "words": read,
            "countries": list(sample.LANGUAGES),
            "answers": list(sample.CLASSES),
            "lines": {cell: packed(each.astype("float32")) for cell, each in lines.items()},
            "carried": carried,
            "distances": {
                cell: [float(f"{value:.4g}") for value in each] for cell, each in distances.items()
            },
            "measured": MEASURED // 2,
        },
    )


def in_words(metrics, gaps):
    """What becomes of the simple RNN and of the LSTM where the gap grows, in a sentence."""
    short, long = gaps[0], gaps[-1]
    share = {name: f"{100 * value:.0f} %" for name, value in metrics.items()}
    return (
        f"With {short} words between, the simple RNN is right on {share[f'accuracy_rnn_{short}']} "
        f"of the test texts, and the LSTM on {share[f'accuracy_lstm_{short}']}. With {long} words "
        f"between, it is {share[f'accuracy_rnn_{long}']} and {share[f'accuracy_lstm_{long}']}. "
        f"Guessing gives {100 / len(sample.CLASSES):.1f} %."
    )


def bars(accuracy, gaps, seen):
    """The accuracy of each cell at each gap, as bars with their numbers."""
    marks, low = [], 210
    for group, gap in enumerate(gaps):
        left = 90 + 420 * group
        for place, cell in enumerate(CELLS):
            value, x = accuracy[cell][group], left + 90 * place
            box = {"x": x, "y": low - 180 * value, "width": 64, "height": 180 * value}
            middle = {"x": x + 32, "text_anchor": "middle"}
            marks += [
                svg.mark("rect", **box, fill=f"var(--{cell})", data_accuracy=f"{cell}_{gap}"),
                svg.mark("text", f"{value:.3f}", **middle, y=box["y"] - 6, fill="var(--ink)"),
                svg.mark("text", cell, **middle, y=low + 20, fill="var(--ink)"),
            ]
        name = {"x": left + 167, "y": low + 44, "text_anchor": "middle", "fill": "var(--faint)"}
        marks.append(svg.mark("text", f"gap of {gap} words", **name))
    chance = low - 180 / len(sample.CLASSES)
    line = {"x1": 70, "x2": WIDTH - 30, "stroke": "var(--faint)"}
    marks.append(svg.mark("line", **line, y1=chance, y2=chance, stroke_dasharray="5 4"))
    marks.append(svg.mark("line", **line, y1=low, y2=low))
    marks.append(svg.mark("text", "chance", x=10, y=chance + 5, fill="var(--faint)"))
    return svg.picture(WIDTH, 265, seen, marks, at_least=560)


def across(states, unit, gap):
    """The state of a unit over the words, a line for each country."""
    largest = max(abs(states).max(), 1e-9)
    marks = [
        line(values / largest, "--cell-state", lambda value: HIGH / 2 - value * (HIGH / 2 - 10))
        for values in states
    ]
    seen = (
        f"The cell state of unit {unit} of the LSTM over a text with a gap of {gap} words, which "
        "begins with each of eight countries: eight lines."
    )
    picture = svg.picture(WIDTH, HIGH, seen, marks, at_least=640)
    return svg.figure(picture, seen, "across")


def far_apart(distances):
    """How far apart the states are, a line for each cell, on a logarithmic scale."""
    largest = max(each.max() for each in distances.values())
    lowest, highest = -8, max(2 * int(np.ceil(np.log10(largest) / 2)), 0)
    marks = []

    def height(value):
        power = np.log10(np.maximum(value, 10.0**lowest))
        return 20 + (HIGH - 40) * (highest - power) / (highest - lowest)

    for power in range(lowest, highest + 1, 2):
        y = float(height(10.0**power))
        marks += [
            svg.mark("line", x1=LEFT, x2=RIGHT, y1=y, y2=y, stroke="var(--line)"),
            svg.mark(
                "text", f"1e{power}", x=LEFT - 8, y=y + 5, text_anchor="end", fill="var(--faint)"
            ),
        ]
    ends = {}
    for cell in CELLS:
        marks.append(line(distances[cell][COUNTRY:], f"--{cell}", height, COUNTRY))
        ends[cell] = height(distances[cell][-1]) + 5
    for cell, y in spread(ends).items():
        marks.append(svg.mark("text", cell, x=RIGHT + 8, y=y, fill=f"var(--{cell})"))
    seen = (
        "How far apart the eight states are in all units together, over the words of the text; "
        "at the country it is 1. A line that falls forgets. What is left at 1e-6 and below is "
        "rounding: the network computes in float32."
    )
    return svg.figure(svg.picture(WIDTH, HIGH, seen, marks, at_least=640), seen, "apart")


def line(values, colour, height, begin=0):
    """A line over the words of the text, from the word on at which it begins."""
    wide = (RIGHT - LEFT) / (begin + len(values))
    points = " ".join(
        f"{LEFT + wide * (place + 0.5):.1f},{height(value):.1f}"
        for place, value in enumerate(values, start=begin)
    )
    return svg.mark("polyline", points=points, fill="none", stroke=f"var({colour})", stroke_width=2)


def spread(heights, least=17):
    """The heights of labels, moved apart where they would overlap."""
    placed, last = {}, -np.inf
    for name in sorted(heights, key=heights.get):
        last = max(heights[name], last + least)
        placed[name] = float(last)
    return placed
