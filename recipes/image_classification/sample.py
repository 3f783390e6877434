"""The bundled sample: drawn shapes, to be told apart whatever their place, size and brightness.

A picture shows one of six shapes, turned by any angle, of any size and at any place; it is brighter
or darker than what lies behind it, over a slope of light, with noise on all. So no pixel and no sum
of pixels says which shape it is: a linear model is hardly better than chance.

Run as a program it writes a few pictures, to try `predict` and `inspect` with:

    python -m recipes.image_classification.sample FOLDER
"""

import functools
import sys
from pathlib import Path

import numpy as np

SHAPE = (28, 28, 1)
SIZES = {"train": 4000, "validation": 500, "test": 1000}
# The options that suit it better than those for other pictures.
DEFAULTS = {"flip": True}
CLASSES = ("circle", "ring", "triangle", "square", "star", "cross")
# What a training on the sample must reach, and what the network
# must then answer of the pictures that `write_inputs` draws: the recipe's smoke test.
SMOKE = {
    "arguments": ["--epochs", "8", "--batch-size", "64", "--filters", "12", "--erase", "0"],
    "metric": "accuracy",
    "at_least": 0.9,
    "answers": [{"label": name} for name in CLASSES],
}
ENLARGED = 4  # drawn so many times larger, then shrunk, for smooth edges


@functools.cache
def generate(split):
    """The pictures of a split and their labels: uint8 `(count, 28, 28, 1)` and int32 `(count,)`.

    The labels take turns. No picture is in two splits: the shade behind the shape leaves another
    remainder in each.
    """
    if split not in SIZES:
        raise ValueError(f"unknown split {split!r}: the sample has {', '.join(SIZES)}")
    number = list(SIZES).index(split)
    draw = np.random.default_rng([20150521, number])
    labels = np.arange(SIZES[split], dtype="int32") % len(CLASSES)
    return np.stack([picture(label, draw, number) for label in labels]), labels


def picture(label, draw, remainder=0):
    """One picture of a class: uint8 `(28, 28, 1)`.

    Args:
        label: number of the class.
        draw: a NumPy generator.
        remainder: of the shade in the corner after division by three, which no other split has.
    """
    height, width, _ = SHAPE
    radius = draw.uniform(0.2, 0.36) * width
    centre = draw.uniform(radius, width - radius, 2)
    turn = draw.uniform(0, 2 * np.pi)
    inside = outline(CLASSES[label], centre, radius, turn)

    shade = draw.uniform(40, 215)
    contrast = draw.uniform(60, 110) * draw.choice([-1, 1])
    if not 10 < shade + contrast < 245:
        contrast = -contrast
    slope = draw.uniform(-25, 25, 2)
    rows, columns = np.mgrid[0:height, 0:width] / width - 0.5
    image = shade + slope[0] * rows + slope[1] * columns + contrast * inside
    image = np.clip(image + draw.normal(0, 8, image.shape), 0, 252).astype("uint8")
    image[0, 0] = image[0, 0] // 3 * 3 + remainder
    return image[..., None]


def outline(name, centre, radius, turn):
    """How much of each pixel lies within a shape: array `(28, 28)` from 0 to 1."""
    from PIL import Image, ImageDraw

    height, width, _ = SHAPE
    canvas = Image.new("L", (width * ENLARGED, height * ENLARGED))
    pencil = ImageDraw.Draw(canvas)

    def fill(points, shade=255):
        pencil.polygon([tuple(ENLARGED * point) for point in points], fill=shade)

    def around(corners, distance=radius, begin=turn):
        """Points on a circle."""
        angles = begin + 2 * np.pi * np.arange(corners) / corners
        return centre + distance * np.stack([np.cos(angles), np.sin(angles)], axis=1)

    if name in ("circle", "ring"):
        fill(around(40, 0.9 * radius))
        if name == "ring":
            fill(around(40, 0.5 * radius), 0)
    elif name in ("triangle", "square"):
        fill(around(3 if name == "triangle" else 4))
    elif name == "star":
        points = np.empty((10, 2))
        points[0::2] = around(5)
        points[1::2] = around(5, 0.42 * radius, turn + np.pi / 5)
        fill(points)
    else:  # a cross: two bars
        for angle in (turn, turn + np.pi / 2):
            along = radius * np.array([np.cos(angle), np.sin(angle)])
            across = 0.3 * radius * np.array([-np.sin(angle), np.cos(angle)])
            ends = [along + across, along - across, -along - across, -along + across]
            fill([centre + end for end in ends])
    small = canvas.resize((width, height), Image.Resampling.BOX)
    return np.asarray(small, "float32") / 255


def write_inputs(folder):
    """Write one picture of each class to a folder; return the list of their paths."""
    from PIL import Image

    Path(folder).mkdir(parents=True, exist_ok=True)
    draw = np.random.default_rng(7)
    paths = []
    for label, name in enumerate(CLASSES):
        paths.append(Path(folder) / f"{name}.png")
        Image.fromarray(picture(label, draw)[..., 0]).save(paths[-1])
    return paths


if __name__ == "__main__":
    print(*write_inputs(*sys.argv[1:2] or ["."]), sep="\n")
