"""A training on two devices and on one, in a process of its own; see `test_distribution`.

    python -m tests.training.two_devices FOLDER

A process has as many devices as it began with, so this can't be done within the tests' own.
"""

import os
import signal
import sys
import types
from pathlib import Path

os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=2"  # which JAX asks for

import keras
import numpy as np
import tensorflow as tf

from shared.data.sources import Source
from shared.data.training_data import TrainingData
from shared.errors import Stopped
from shared.layers import MaskedMaxPooling1D, recurrent
from shared.training.devices import prepare
from shared.training.fit import fit
from shared.training.folders import start_run
from tests.training.trainings import At

SIZES = (7, 4, 1, 6)  # of batches; one example alone leaves a device with nothing of its own


def data():
    """Sequences of several lengths, padded; one label for each, and one for each of its steps."""
    random = np.random.default_rng(0)
    batches = []
    for size, length in zip(SIZES, (4, 8, 4, 8), strict=True):
        ids = random.integers(1, 20, (size, length)).astype("int32")
        ids[: size // 2, length // 2 :] = 0
        targets = {"one": ids.max(axis=1) % 3, "each": ids % 4}
        weights = {"one": np.ones(size, "float32"), "each": (ids > 0).astype("float32")}
        batches.append((ids, targets, weights))

    def generate():
        yield from batches

    kinds = tf.TensorSpec((None, None), "int32"), tf.TensorSpec((None,), "int32")
    weights = tf.TensorSpec((None,), "float32"), tf.TensorSpec((None, None), "float32")
    kinds = (
        kinds[0],
        {"one": kinds[1], "each": kinds[0]},
        {"one": weights[0], "each": weights[1]},
    )
    dataset = tf.data.Dataset.from_generator(generate, output_signature=kinds)
    dataset = dataset.apply(tf.data.experimental.assert_cardinality(len(SIZES)))
    return TrainingData(lambda epoch: dataset, dataset, len(SIZES), (), np.inf)


def train(folder, distribute, resume=False, callbacks=()):
    """Two epochs, with two losses of which one is over steps, and gradients that are clipped."""
    options = types.SimpleNamespace(
        recipe="test",
        run=str(folder),
        resume=resume,
        seed=4,
        precision="float32",
        distribute=distribute,
        epochs=2,
        checkpoint_every=2.0,
        data_dir=None,
    )
    with prepare(options):
        ids = keras.Input((None,), dtype="int32")
        x = keras.layers.Embedding(20, 6, mask_zero=True)(ids)
        x = recurrent("lstm", 5, return_sequences=True)(x)
        each = keras.layers.Dense(4, name="each")(x)
        x = keras.layers.BatchNormalization(momentum=0.5)(MaskedMaxPooling1D()(x))
        network = keras.Model(ids, {"one": keras.layers.Dense(3, name="one")(x), "each": each})
        network.compile(
            keras.optimizers.Adam(0.05, global_clipnorm=0.1),
            loss={
                "one": keras.losses.SparseCategoricalCrossentropy(from_logits=True),
                "each": keras.losses.SparseCategoricalCrossentropy(
                    from_logits=True, reduction="mean_with_sample_weight"
                ),
            },
            loss_weights={"one": 1.0, "each": 0.5},
            weighted_metrics={"each": ["accuracy"], "one": ["accuracy"]},
        )
    with start_run(options, Source("sample", "bundled", (), None)) as run:
        fit(network, data(), run, options, "val_loss", callbacks=callbacks)
    keras.distribution.set_distribution(None)


def main(folder):
    if keras.backend.backend() == "tensorflow":
        (cpu,) = tf.config.list_physical_devices("CPU")
        two = [tf.config.LogicalDeviceConfiguration()] * 2
        tf.config.set_logical_device_configuration(cpu, two)
    train(folder / "one", "none")
    train(folder / "two", "mirrored")
    try:
        stop = At(lambda: os.kill(os.getpid(), signal.SIGTERM), epoch=2, batch=3)
        train(folder / "stopped", "mirrored", callbacks=[stop])
    except Stopped:
        train(folder / "stopped", "mirrored", resume=True)
        (folder / "stopped" / "was stopped").touch()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
