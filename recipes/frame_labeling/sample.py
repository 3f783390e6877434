"""The bundled sample: a drawn shape leaves its place and returns to it, again and again.

Each frame has one of four labels, the four parts of an excursion:

    home -> leaving -> away -> returning -> home -> ...

Why memory is needed: the shape begins anywhere and moves in any direction, and the field has no
borders (what leaves at the right comes in at the left). It rests as long away as at home, and takes
as long to return as to leave. So a single frame, even with how it differs from the one before,
tells a shape that rests from one that moves, and nothing else: the rest is what happened since the
clip began, which is always at home.

    $ python -m recipes.frame_labeling.sample clips        writes a few clips as animated GIFs

Why the splits can't overlap: the numbers of the frames at which a part begins add up to a sum, and
the remainder of that sum after division by ten belongs to one split (see `REMAINDERS`). So the
labels of a clip in the test split are in an order and of lengths never seen in training.
"""

import random
import sys
from pathlib import Path

import numpy as np

SIZES = {"train": 512, "validation": 96, "test": 96}  # of whole batches of 16
CLASSES = ("home", "leaving", "away", "returning")
DEFAULTS = {}  # the recipe's own options suit it
HEIGHT, WIDTH = 16, 24
SHAPE = (HEIGHT, WIDTH, 1)
LENGTHS = range(20, 33)  # frames
FRAMES_PER_SECOND = 10


def segments(written):
    """Segments as `predict --json` gives them, from "home 3 leaving 6 ...": labels and ends."""
    words, start, found = written.split(), 0, []
    for label, end in zip(words[::2], map(int, words[1::2]), strict=True):
        seconds = {
            "start_seconds": start / FRAMES_PER_SECOND,
            "end_seconds": end / FRAMES_PER_SECOND,
        }
        found.append({"start": start, "end": end, **seconds, "label": label})
        start = end
    return found


# What a training on the sample must reach, and what the network
# must then answer: the recipe's smoke test.
SMOKE = {
    "arguments": [
        *("--epochs", "5", "--units", "48", "--layers", "1", "--augmentation", "0"),
        *("--dropout", "0.1", "--learning-rate", "0.004"),
    ],
    "metric": "frame_accuracy",
    "at_least": 0.95,
    "answers": [
        {"segments": segments("home 3 leaving 6 away 10 returning 13 home 16 leaving 21 away 25")},
        {"segments": segments("home 6 leaving 11 away 15 returning 20 home 26 leaving 31 away 32")},
    ],
}

REMAINDERS = {"train": range(8), "validation": [8], "test": [9]}
SHAPES = ("circle", "square", "diamond", "ring")


def generate(split):
    """The clips of a split.

    Returns:
        A list of pairs: frames, uint8 `(timesteps, HEIGHT, WIDTH, 1)`, and labels, int32
        `(timesteps,)`.
    """
    if split not in SIZES:
        raise ValueError(f"unknown split {split!r}: the sample has {', '.join(SIZES)}")
    draw = random.Random(f"moving shapes: {split}")
    clips = []
    while len(clips) < SIZES[split]:
        labels = excursions(draw.choice(LENGTHS), draw)
        if sum(beginnings(labels)) % 10 in REMAINDERS[split]:
            clips.append((film(labels, draw), np.array(labels, "int32")))
    return clips


def excursions(length, draw):
    """The label of each frame, drawn at random."""
    labels = [0] * draw.randint(1, 6)
    while len(labels) < length:
        way = draw.randint(3, 6)
        for label in (1, 2, 3, 0):
            labels += [label] * (way if label in (1, 3) else draw.randint(2, 6))
    return labels[:length]


def beginnings(labels):
    """The numbers of the frames at which another label begins."""
    return [t for t in range(1, len(labels)) if labels[t] != labels[t - 1]]


def film(labels, draw):
    """The frames to the labels: what moves, where, how fast and on what ground is drawn anew."""
    shape, radius = draw.choice(SHAPES), draw.uniform(2.2, 3.5)
    ground, light = draw.uniform(0, 90), draw.uniform(150, 255)
    place = np.array([draw.uniform(0, HEIGHT), draw.uniform(0, WIDTH)])
    noise = np.random.default_rng(draw.getrandbits(32)).normal(0, 4, (len(labels), HEIGHT, WIDTH))
    frames = []
    for t, label in enumerate(labels):
        if label == 1 and labels[t - 1] != 1:  # a new excursion goes another way
            angle, speed = draw.uniform(0, 2 * np.pi), draw.uniform(0.8, 1.8)
            step = speed * np.array([np.sin(angle), np.cos(angle)])
        if label in (1, 3):
            place = place + (step if label == 1 else -step)
        inside = picture(shape, radius, place)
        frames.append(ground + (light - ground) * inside + noise[t])
    return np.stack(frames).clip(0, 255).astype("uint8")[..., None]


def picture(shape, radius, place):
    """How much of each pixel the shape covers, `(HEIGHT, WIDTH)`; the field has no borders."""
    rows, columns = (
        (np.arange(size) - middle + size / 2) % size - size / 2
        for size, middle in zip((HEIGHT, WIDTH), place, strict=True)
    )
    rows, columns = abs(rows)[:, None], abs(columns)[None]
    distance = {
        "circle": np.hypot(rows, columns),
        "square": np.maximum(rows, columns) + 0.3,
        "diamond": (rows + columns) / 1.3,
        "ring": abs(np.hypot(rows, columns) - 0.7 * radius) + 0.6 * radius,
    }[shape]
    return (radius - distance + 0.5).clip(0, 1)


def write_inputs(folder):
    """Write a few clips of the test split as animated GIFs.

    Returns:
        Their paths.
    """
    from PIL import Image

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    by_length = {len(labels): frames for frames, labels in generate("test")}
    paths = []
    for length in (25, 32):
        first, *others = [Image.fromarray(frame[..., 0]) for frame in by_length[length]]
        path = folder / f"{length}-frames.gif"
        duration = 1000 // FRAMES_PER_SECOND
        first.save(path, save_all=True, append_images=others, duration=duration, loop=0)
        paths.append(path)
    return paths


if __name__ == "__main__":
    for path in write_inputs(*sys.argv[1:2]):
        print(path)
