"""Measure a training step in half precision beside one in float32, for whole networks.

    python -m benchmarks.precision                    the recipes' networks, side by side
    python -m benchmarks.precision --only captioning  those whose name contains it
    python -m benchmarks.precision --profile          and how long their operations take

Networks and batches are as large as the recipes take them for their public data; what is in the
batches is drawn at random.
"""

import collections
import os
import re
import statistics
import tempfile
import time
from pathlib import Path

import click
import numpy as np

from . import report
from .timing import ratio

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

PRECISIONS = ("float32", "mixed_bfloat16")
WARM_UP, STEPS = 1, 3  # of a turn
SHOWN = 10  # operations of a profile


@click.command()
@click.option("--only", default="", help="Measure the networks whose name contains this.")
@click.option("--rounds", default=7, type=click.IntRange(3), show_default=True)
@click.option("--profile", is_flag=True, help="Show the operations that take longest (TensorFlow).")
@report.memory_option
def main(only, rounds, profile, memory):
    """Print seconds of a training step, and how many times faster half precision is."""
    report.take_memory_option(memory)
    import keras

    if profile and keras.backend.backend() != "tensorflow":
        raise click.UsageError("--profile needs the TensorFlow backend.")

    print(f"{report.describe_machine()['processor']}; medians of {rounds} rounds in turns")
    for name, build in NETWORKS.items():
        if only not in name:
            continue
        networks = {}
        for precision in PRECISIONS:
            keras.config.set_dtype_policy(precision)
            keras.utils.set_random_seed(0)
            network, loss, batch = build(np.random.default_rng(0))
            network.compile(keras.optimizers.Adam(1e-4, global_clipnorm=1.0), loss)
            network.train_on_batch(*batch)
            networks[precision] = network, batch
        seconds = {precision: [] for precision in PRECISIONS}
        for _ in range(rounds):
            for precision, (network, batch) in networks.items():
                seconds[precision].append(seconds_of_a_step(network, batch))
        float32, half = (seconds[precision] for precision in PRECISIONS)
        times = ratio(float32, half)
        print(
            f"{name:22} float32 {statistics.median(float32):.3f} s, bfloat16 "
            f"{statistics.median(half):.3f} s: {times['median']:.2f} times as fast "
            f"({times['low']:.2f} to {times['high']:.2f})",
            flush=True,
        )
        if profile:
            print_operations(*(operations(*networks[precision]) for precision in PRECISIONS))
    keras.config.set_dtype_policy("float32")


def seconds_of_a_step(network, batch):
    """The median of a few steps, after one that doesn't count."""
    seconds = []
    for _ in range(WARM_UP + STEPS):
        begun = time.perf_counter()
        network.train_on_batch(*batch)
        seconds.append(time.perf_counter() - begun)
    return statistics.median(seconds[WARM_UP:])


def operations(network, batch):
    """Milliseconds of a training step that TensorFlow's operations take, by kind.

    Those that run side by side are added up, so their sum may be more than the step.
    """
    import tensorflow as tf
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    with tempfile.TemporaryDirectory() as folder:
        with tf.profiler.experimental.Profile(folder):
            for _ in range(STEPS):
                network.train_on_batch(*batch)
        (file,) = Path(folder).rglob("*.xplane.pb")
        measured = xplane_pb2.XSpace.FromString(file.read_bytes())
    taken = collections.Counter()
    for plane in measured.planes:
        for event in (event for line in plane.lines for event in line.events):
            # The name of an operation, and its kind; what holds other operations doesn't count.
            kind = re.fullmatch(r"[^: ]+:(\w+)", plane.event_metadata[event.metadata_id].name)
            if kind and not re.search("While|Call|If|Case", kind[1]):
                taken[kind[1]] += event.duration_ps / 1e9 / STEPS
    return taken


def print_operations(float32, half):
    """The operations that take longest, in both precisions."""
    for kind, _ in (float32 | half).most_common(SHOWN):
        print(f"    {kind:40} float32 {float32[kind]:6.1f} ms, bfloat16 {half[kind]:6.1f} ms")


def image_classification(random):
    """Pictures of `fashion_mnist`."""
    from recipes.image_classification import model
    from shared.training.losses import SmoothedCrossEntropy

    network = model.build_model((28, 28, 1), 10)
    pixels = random.integers(0, 256, (128, 28, 28, 1)).astype("uint8")
    return network, SmoothedCrossEntropy(0.1), (pixels, random.integers(0, 10, 128))


def captioning(random):
    """Photographs of 96 pixels with three captions each."""
    from recipes.captioning import data, model
    from shared.training.losses import SmoothedCrossEntropy

    words, steps = 3000, 21
    network = model.build_model(words, 3, steps)
    pictures = random.integers(0, 256, (32, data.SIDE, data.SIDE, 3)).astype("uint8")
    written = random.integers(1, words, (32, 3, steps)).astype("int32")
    losses = {
        "captions": SmoothedCrossEntropy(0.1),
        "words": "mean_squared_error",
    }
    targets = {"captions": written, "words": random.random((32, words)).astype("float32")}
    return network, losses, ({"image": pictures, "written": written}, targets)


def frame_labeling(random):
    """Clips of 75 frames of `grid_frames`."""
    import keras

    from recipes.frame_labeling import data, model

    height, width = data.SIZE
    network = model.build_model((height, width, 1), 52)
    frames = random.integers(0, 256, (16, 75, height, width, 1)).astype("uint8")
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    present = np.ones((16, 75), bool)
    return network, loss, ({"frames": frames, "present": present}, random.integers(0, 52, (16, 75)))


def translation(random):
    """Pairs of sentences of 20 subwords out of 6,000."""
    from recipes.translation import model
    from shared.training.losses import SmoothedCrossEntropy

    network = model.build_model(6000, 6000)
    source, written = random.integers(4, 6000, (2, 64, 20)).astype("int32")
    return network, SmoothedCrossEntropy(0.1), ({"source": source, "written": written}, written)


NETWORKS = {
    build.__name__: build
    for build in (image_classification, captioning, frame_labeling, translation)
}

if __name__ == "__main__":
    main()
