"""Five patterns, one cell: the classic figure, drawn from the networks of five recipes."""

import html

import keras
import numpy as np

from lessons import svg
from lessons.page import Lesson
from lessons.patterns import recurrent_weights, wiring
from lessons.svg import arrow, box
from recipes.captioning import model as captioning
from recipes.frame_labeling import model as frame_labeling
from recipes.image_classification import model as image_classification
from recipes.sentiment import model as sentiment
from recipes.translation import model as translation
from shared.evaluation.report import markup
from shared.layers import recurrent

CELLS = ("rnn", "lstm", "gru", "mingru")
UNITS = 8
PITCH, TALL = 40, 38  # pixels: from one timestep to the next, and how tall a box is
OUTPUT, STATE, INPUT = 24, 104, 184  # pixels: the heights of the three rows
SEEN = (
    "Red: inputs. Green: states. Blue: outputs. An arrow leads from what was changed to where it "
    "arrived. Dashed: what a network has written is what it reads next. A click on a pattern leads "
    "to its recipe. Not drawn: at each output, captioning looks at the image and translation at "
    "the sentence once more, by attention."
)


def networks(cell):
    """The networks of five recipes, small and untrained, and an example for each.

    Args:
        cell: the name of a recurrent cell, as `shared.layers.recurrent` takes it.

    Returns:
        Dictionary name of a recipe -> (pattern, network, inputs), inputs as `wiring` takes them.
        The frames are labelled by two networks: "frame_labeling" has read the whole clip, and
        "frame_labeling_forward" only what came before.
    """
    keras.utils.set_random_seed(1)
    random = np.random.default_rng(0)

    def words(*shape):
        return random.integers(1, 18, (1, *shape)).astype("int32")

    def pixels(*shape):
        return random.integers(0, 255, (1, *shape)).astype("float32")

    clip = {"frames": pixels(4, 8, 8, 1).astype("uint8"), "present": np.ones((1, 4), bool)}
    small = {"cell": cell, "units": UNITS}
    frames = {**small, "shape": (8, 8, 1), "classes": 4, "layers": 1, "filters": (4, 8)}
    return {
        "image_classification": (
            "one to one",
            image_classification.build_model((8, 8, 1), classes=4, filters=2, **small),
            {"pixels": pixels(8, 8, 1)},
        ),
        "captioning": (
            "one to many",
            captioning.build_model(20, captions=1, steps=4, **small),
            {"image": pixels(16, 32, 3), "written": words(1, 4)},
        ),
        "sentiment": (
            "many to one",
            sentiment.build_model(20, **small),
            {"words": words(4)},
        ),
        "translation": (
            "many to many",
            translation.build_model(20, 20, **small),
            {"source": words(3), "written": words(3)},
        ),
        "frame_labeling": (
            "many to many, in step",
            frame_labeling.build_model(**frames),
            clip,
        ),
        "frame_labeling_forward": (
            "many to many, in step",
            frame_labeling.build_model(direction="forward", **frames),
            clip,
        ),
    }


def build(folder):
    found = networks("lstm")
    wirings = {name: wiring(network, inputs) for name, (_, network, inputs) in found.items()}
    weights = {
        cell: {
            name: recurrent_weights(network)
            for name, (_, network, _) in (found if cell == "lstm" else networks(cell)).items()
        }
        for cell in CELLS
    }
    pictures = "".join(
        picture(name, found[name][0], wirings[name], weights["lstm"][name]) for name in found
    )
    row = f'<div class="pictures" style="gap: 1.4rem; margin-bottom: .8rem">{pictures}</div>'
    return Lesson(
        title="Five patterns, one cell",
        idea=[
            "A recurrent cell reads one vector per timestep and hands its state on.",
            "Where inputs go in and where outputs are read decides what the network is for: it "
            "names a picture, describes one, judges a text, translates it, or labels every frame.",
            "The cell is the same each time. These five pictures were drawn from the networks of "
            "five recipes: one input after the other was changed, and it was noted where something "
            "else arrived.",
        ],
        figure=markup(row),
        caption=SEEN,
        to_try=[
            "Point at a red box, or move the slider: what stays bright is that input and the "
            "outputs that it changes.",
            "Let the frames be labelled as they come: now an output knows nothing of later frames. "
            "A frame also arrives one timestep later, because this recipe shows the network how "
            "each frame differs from the one before.",
            "Choose another cell: all arrows stay, and only the number of weights is another one.",
            "Click on a pattern to read its recipe.",
        ],
        code=[
            recurrent,
            image_classification.build_model,
            captioning.build_model,
            sentiment.build_model,
            translation.build_model,
            frame_labeling.build_model,
        ],
        command="python -m recipes.sentiment train --dataset sample --cell gru",
        data={
            "changes": {name: wirings[name].changes for name in wirings},
            "weights": weights,
        },
    )


def picture(name, pattern, wired, weights):
    """A network's pattern, as a link to its recipe.

    Args:
        name: as in `networks`.
        pattern: what it is called.
        wired: its `Wiring`.
        weights: of its recurrent layers.
    """
    recipe = name.removesuffix("_forward")
    caption = (
        f'<b>{pattern}</b><br>{html.escape(recipe.replace("_", " "))}<br><span class="facts">'
        f'<span class="weights">{weights:,}</span> recurrent weights</span>'
    )
    hidden = " hidden" if name != recipe else ""
    return (
        f'<a href="../../recipes/{recipe}/README.md" data-pattern="{name}"{hidden} '
        'style="text-decoration: none; max-width: 100%; line-height: 1.3; font-size: .85rem">'
        f"{diagram(pattern, wired)}<br>{caption}</a>"
    )


def diagram(pattern, wired):
    """Boxes for inputs, states and outputs, and arrows between them, as SVG."""
    timesteps = [t for stretch in wired.stretches for t in stretch]
    width = max(PITCH * len(timesteps), 2 * PITCH)
    left = (width - PITCH * len(timesteps)) / 2

    def x(t):
        return left + PITCH * (t + 0.5)

    above, below = STATE - TALL / 2, STATE + TALL / 2
    parts = []
    for stretch, forward, backward in zip(
        wired.stretches, wired.forward, wired.backward, strict=True
    ):
        apart = 7 if forward and backward else 0
        for t in stretch[:-1]:
            if forward:
                parts.append(arrow(x(t) + 12, STATE - apart, x(t + 1) - 13, STATE - apart))
            if backward:
                parts.append(arrow(x(t + 1) - 12, STATE + apart, x(t) + 13, STATE + apart))
    for first, second in wired.handed_on:
        last, begin = wired.stretches[first][-1], wired.stretches[second][0]
        parts.append(arrow(x(last) + 12, STATE, x(begin) - 13, STATE))
    for number, arrives in enumerate(wired.inputs):
        first, *later = arrives
        parts += [
            box(x(first), INPUT, 22, TALL, "input", data_input=number),
            arrow(x(first), INPUT - TALL / 2 - 1, x(first), below + 2),
        ]
        parts += [
            arrow(x(first) + 6, INPUT - TALL / 2 - 1, x(t) - 6, below + 2, stroke_dasharray="1 3")
            for t in later
        ]
    centre = [(x(read_from[0]) + x(read_from[-1])) / 2 for read_from in wired.outputs]
    for number, read_from in enumerate(wired.outputs):
        parts.append(box(centre[number], OUTPUT, 22, TALL, "output", data_output=number))
        parts += [
            arrow(x(t), above - 1, centre[number] + (x(t) - centre[number]) / 9, OUTPUT + 21)
            for t in read_from
        ]
    # The first thing that is read is a sign to begin, and stands for nothing written.
    for number, t in enumerate(wired.written[1:]):
        parts.append(
            arrow(
                centre[number] + 12,
                OUTPUT + TALL / 2 - 4,
                x(t) - 9,
                above - 2,
                "output",
                stroke_dasharray="4 3",
            )
        )
    parts += [box(x(t), STATE, 22, TALL, "state", data_state=t) for t in timesteps]
    words = (
        f"{pattern}: {_count(wired.inputs, 'input')}, {_count(timesteps, 'state')}, "
        f"{_count(wired.outputs, 'output')}"
    )
    return svg.picture(width, INPUT + TALL / 2 + 4, words, parts, at_most=width)


def _count(things, name):
    return f"{len(things)} {name}{'' if len(things) == 1 else 's'}"
