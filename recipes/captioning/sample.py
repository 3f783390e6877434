"""The bundled sample: drawn scenes of two things, each described by five sentences.

    "a small red square left of a large blue ring"
    "a large blue ring right of a small red square"
    "a small red square and a large blue ring on its right"

Five people would not all say something different: three say the first of these, in which the thing
on the left, or the upper one, comes first. So there is a likeliest sentence.

Nothing of a caption can be guessed without the image: sizes, colours, shapes and the relation are
drawn evenly, and each is as frequent beside any other.

Why the splits can't overlap: a scene belongs to a split by a checksum of what is in it and how it
stands, without which no caption of it can be written. So the test asks for sentences of which no
training caption is one, though every word and every form of sentence is known.

`python -m recipes.captioning.sample FOLDER` writes a few of the scenes as pictures.
"""

import random
import sys
import zlib
from pathlib import Path

import numpy as np

SIZES = {"train": 2000, "validation": 200, "test": 400}
SIDE = 48  # pixels
# The options that suit it better than those for photographs.
DEFAULTS = {
    "epochs": 5,
    "units": 128,
    "image_size": SIDE,
    "max_length": 12,
    "smallest_crop": 1.0,
    "dropout": 0.1,
}
# What a training on the sample must reach, and what the network
# must then answer: the recipe's smoke test.
SMOKE = {
    "arguments": [],
    "metric": "exact_match",
    "at_least": 0.8,
    # One caption in ten may be wrong, and which ones differs between machines.
    "answers": [{}, {}],
}
# The scenes behind these answers: two things, and how the first stands to the second.
SHOWN = [
    (("small", "red", "square"), "left", ("large", "blue", "ring")),
    (("large", "yellow", "cross"), "above", ("small", "green", "ring")),
]

RADII = {"small": (5, 6), "large": (9, 11)}  # half of what a thing measures, in pixels
COLOURS = {
    "red": (210, 45, 40),
    "green": (40, 150, 60),
    "blue": (40, 80, 200),
    "yellow": (235, 200, 40),
    "purple": (140, 60, 170),
    "black": (30, 30, 35),
}
SHAPES = ("ring", "square", "cross")
# How the first thing stands to the second, and in two ways the second to the first.
RELATIONS = {
    "left": ("left of", "right of", "on its right"),
    "above": ("above", "below", "below it"),
}


def generate(split):
    """The examples of a split.

    Returns:
        images: uint8 array `(SIZES[split], SIDE, SIDE, 3)`.
        captions: a list of five strings for each of them.
    """
    if split not in SIZES:
        raise ValueError(f"unknown split {split!r}: the sample has {', '.join(SIZES)}")
    draw = random.Random(f"drawn scenes: {split}")
    scenes = []
    while len(scenes) < SIZES[split]:
        scene = draw_scene(draw)
        if split_of(scene) == split:
            scenes.append(scene)
    images = np.stack([paint(scene, draw) for scene in scenes])
    return images, [describe(scene) for scene in scenes]


def draw_scene(draw):
    """Two things and how the first stands to the second."""
    things = [
        (draw.choice(list(RADII)), draw.choice(list(COLOURS)), draw.choice(SHAPES))
        for _ in range(2)
    ]
    return things[0], draw.choice(list(RELATIONS)), things[1]


def split_of(scene):
    """The split that a scene belongs to; those of `SHOWN` are for the test."""
    if scene in SHOWN:
        return "test"
    remainder = zlib.crc32(repr(scene).encode()) % 10
    return {8: "validation", 9: "test"}.get(remainder, "train")


def describe(scene):
    """Five captions of a scene."""
    first, relation, second = scene
    one, other = (f"a {' '.join(thing)}" for thing in (first, second))
    forward, backward, beside = RELATIONS[relation]
    return [
        f"{one} {forward} {other}",
        f"{other} {backward} {one}",
        f"{one} {forward} {other}",
        f"{one} and {other} {beside}",
        f"{one} {forward} {other}",
    ]


def paint(scene, draw):
    """A scene as a picture: uint8 array `(SIDE, SIDE, 3)`.

    Where exactly things stand, how large they are and what shade they have differs from picture to
    picture, and so does the pale ground.
    """
    first, relation, second = scene
    noise = np.random.default_rng(draw.randrange(2**32))
    ground = np.array([draw.randint(200, 250) for _ in range(3)])
    picture = ground + noise.normal(0, 4, (SIDE, SIDE, 3))
    half = SIDE // 2
    for place, (size, colour, shape) in enumerate((first, second)):
        radius = draw.randint(*RADII[size])
        along = place * half + draw.randint(radius + 1, half - radius - 1)
        across = half + draw.randint(-6, 6)
        row, column = (across, along) if relation == "left" else (along, across)
        shade = np.array(COLOURS[colour]) + noise.normal(0, 8, 3)
        picture[covered(shape, row, column, radius)] = shade
    return picture.clip(0, 255).astype("uint8")


def covered(shape, row, column, radius):
    """Where a shape lies: boolean array `(SIDE, SIDE)`."""
    down, right = np.mgrid[:SIDE, :SIDE]
    down, right = down - row, right - column
    distance = np.hypot(down, right)
    if shape == "ring":
        return (distance <= radius) & (distance >= radius / 2)
    inside = (abs(down) <= radius) & (abs(right) <= radius)
    if shape == "cross":
        return inside & (np.minimum(abs(down), abs(right)) <= radius / 4)
    return inside


def write_inputs(folder):
    """Write the scenes of `SHOWN` as PNG files into a folder; return their paths."""
    from PIL import Image

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number, scene in enumerate(SHOWN, start=1):
        paths.append(folder / f"scene-{number}.png")
        Image.fromarray(paint(scene, random.Random(number))).save(paths[-1])
    return paths


if __name__ == "__main__":
    print(*write_inputs(*sys.argv[1:2] or ["scenes"]), sep="\n")
