"""Units that know: single units of the language model that tell where in the text they are."""

import numpy as np

from lessons import svg
from lessons.networks import READ, command, passage_of, read_validation
from lessons.page import Lesson, packed
from shared.evaluation import units

SHOWN = 1200  # characters
BINS, LONGEST_LINE = 20, 80
WIDTH = 900  # of the picture, in its own units


def build(folder, length=READ):
    reading = read_validation(folder, length)
    text, hidden = reading.text, reading.hidden
    measured = {
        name: scores
        for name, scores in units.measure_units(hidden, list(text)).items()
        if scores is not None
    }
    half = len(text) // 2
    begin = passage_of(text, SHOWN, range(half, len(text) - 2 * SHOWN, 100))
    here = slice(begin, begin + SHOWN)
    best = {name: best_unit(at_first) for name, (at_first, _) in measured.items()}
    name = next(iter(measured))
    layer, unit = best[name]
    truth = units.properties(list(text))
    seen = (
        f"A piece of text, coloured by what unit {unit + 1} of layer {layer + 1} does after each "
        "character: green where it is above zero, violet where it is below. It is the unit that "
        f"best tells: {name}."
    )
    return Lesson(
        title="Units that know",
        idea=[
            "Nobody told the language model what a quotation mark is. It was only asked for the "
            "next character.",
            "But to say the next character well, it helps to know whether a quotation is open, "
            "whether the line is about to end and whether it is indented. Some units of the "
            "network have come to tell such things, some of them well and others hardly.",
            f"Units were chosen on the first {half:,} characters of a text that the network was "
            f"not trained on. Their scores are those on the {len(text) - half:,} characters after "
            "that: 1 is perfect, 0 is chance.",
        ],
        figure=coloured(text[here], hidden[here, layer, unit], seen),
        caption=seen,
        to_try=[
            "Choose a property: the text is coloured by the unit that tells it best.",
            "Pick other units in the map. A strong colour there means that a unit tells much of "
            "the property; most units tell little.",
            "Look at the distribution: where the two shapes overlap, the unit can't be told from "
            "chance.",
            "Follow a unit through the text: does it change at the mark itself, or after it?",
        ],
        code=[units.properties, units.measure_units],
        command=command(reading.run, "inspect", '\'It prints "yes" or "no" and returns.\''),
        more=[("The score", svg.markup(f"<p>{units.SCORE}</p>"))],
        data={
            "text": text[here],
            "units": packed(np.round(127 * hidden[here]).astype("int8")),
            "best": {name: list(place) for name, place in best.items()},
            "scores": {
                name: [np.round(each, 3).tolist() for each in scores]
                for name, scores in measured.items()
            },
            "here": {name: truth[name][here].astype(int).tolist() for name in measured},
            "shapes": {
                name: packed(shapes(hidden[half:], truth[name][half:])) for name in measured
            },
            "longest": LONGEST_LINE,
        },
    )


def best_unit(scores):
    """The layer and the unit of the highest score, of either sign, counted from 0."""
    layer, unit = np.unravel_index(abs(scores).argmax(), scores.shape)
    return int(layer), int(unit)


def shapes(hidden, values):
    """What a unit's activations hang together with, for a picture.

    Args:
        hidden: array `(length, layers, units)`, from -1 to 1.
        values: array `(length,)`, booleans or positions in the line.

    Returns:
        uint8 array `(layers, units, 2, BINS)`. For booleans how often the activation lies in each
        bin from -1 to 1, where the property is not there and where it is, the most frequent one of
        each being 255. For positions, in `BINS` steps up to `LONGEST_LINE`, the mean activation, 0
        for -1 and 255 for 1, twice.
    """
    _, layers, count = hidden.shape
    found = np.zeros((layers, count, 2, BINS))
    if values.dtype == bool:
        bins = ((hidden + 1) / 2 * BINS).astype(int).clip(0, BINS - 1)
        for which in (False, True):
            there = bins[values == which]
            for place in range(BINS):
                found[:, :, int(which), place] = (there == place).mean(axis=0)
        found /= np.maximum(found.max(axis=-1, keepdims=True), 1e-9)
    else:
        bins = (values * BINS // LONGEST_LINE).clip(0, BINS - 1)
        for place in range(BINS):
            there = hidden[bins == place]
            if len(there):
                found[:, :, :, place] = ((there.mean(axis=0) + 1) / 2)[:, :, None]
    return np.round(255 * found).astype("uint8")


def coloured(text, values, seen):
    """A text as an SVG, a line for each of its lines, coloured by numbers from -1 to 1."""
    marks, row, column = [], 0, 0
    width, height = WIDTH / 84, 19
    for character, value in zip(text, values, strict=True):
        if character == "\n":
            row, column = row + 1, 0
            continue
        marks += svg.cells([[value * 0.6]], column * width, row * height, width, height, "--state")
        column += 1
    for row, line in enumerate(text.split("\n")):
        # As wide as its characters are together, so that each stands on its own colour.
        style = "white-space: pre; font-family: ui-monospace, monospace"
        length = {"textLength": len(line) * width, "lengthAdjust": "spacingAndGlyphs"}
        at = {"x": 0, "y": row * height + 14, "fill": "var(--ink)"}
        marks.append(svg.mark("text", line, **at, **length, style=style))
    return svg.picture(WIDTH, (row + 1) * height, seen, marks, at_least=640)
