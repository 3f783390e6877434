"""A small training, as recipes do it, for the tests of what they have in common."""

import io
import types
import zipfile

import h5py
import keras
import numpy as np

from shared.data.sources import Source
from shared.data.training_data import TrainingData
from shared.training.fit import fit
from shared.training.folders import start_run
from shared.training.run import Run
from tests.conftest import call, small

STEPS, BATCH = 6, 16  # batches of an epoch, examples of a batch


def examples():
    generator = np.random.default_rng(0)
    inputs = generator.normal(size=(STEPS * BATCH, 5)).astype("float32")
    return inputs, (inputs @ [1, -2, 0.5, 0, 3]).astype("float32")[:, None]


def make_network(seed=4, epochs=10):
    """With dropout, and a learning rate that falls until the last epoch."""
    keras.utils.set_random_seed(seed)
    network = keras.Sequential(
        [keras.Input((5,)), keras.layers.Dense(8), keras.layers.Dropout(0.4), keras.layers.Dense(1)]
    )
    falling = keras.optimizers.schedules.CosineDecay(0.05, epochs * STEPS)
    network.compile(keras.optimizers.Adam(falling), "mse", metrics=["mae"])
    return network


def make_data(guessing=np.inf, broken=(), broken_validation=()):
    """`TrainingData` of `examples()`.

    Args:
        guessing: the loss of guessing.
        broken: epoch and batch, both from 1, in which a target becomes a value, the third.
        broken_validation: the same for a batch of the validation: batch, value.
    """
    import tensorflow as tf

    def batched(inputs, targets):
        return tf.data.Dataset.from_tensor_slices((inputs, targets)).batch(BATCH)

    def batches(epoch):
        inputs, targets = examples()
        order = np.random.default_rng(epoch).permutation(len(inputs))
        inputs, targets = inputs[order], targets[order]
        if broken and broken[0] == epoch + 1:
            targets[broken[1] * BATCH - 1] = broken[2]
        return batched(inputs, targets)

    inputs, targets = examples()
    if broken_validation:
        targets[broken_validation[0] * BATCH - 1] = broken_validation[1]
    return TrainingData(batches, batched(inputs, targets), STEPS, (), guessing)


def train(folder, network, data, epochs, monitor="val_loss", *, resume=False, every=2.0, **more):
    """Train in a run folder; the history."""
    options = types.SimpleNamespace(
        recipe="test",
        run=str(folder),
        resume=resume,
        seed=4,
        distribute="none",
        epochs=epochs,
        checkpoint_every=every,
        data_dir=None,
    )
    with start_run(options, Source("sample", "bundled", (), None)) as run:
        return fit(network, data, run, options, monitor, **more)


class At(keras.callbacks.Callback):
    """Do something after one batch of an epoch, or of its validation; both count from 1."""

    def __init__(self, do, epoch, batch=None, validation_batch=None):
        super().__init__()
        self.do, self.place = do, (epoch, batch, validation_batch)
        self.epoch = 0

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch + 1

    def on_train_batch_end(self, batch, logs=None):
        if self.place == (self.epoch, batch + 1, None):
            self.do()

    def on_test_batch_end(self, batch, logs=None):
        if self.place == (self.epoch, None, batch + 1):
            self.do()


def left_in(folder):
    """All that a training leaves that has to be the same: arrays by name, and the history."""
    with np.load(folder / "checkpoint" / "latest.npz") as saved:
        arrays = {name: saved[name] for name in saved if name != "facts"}
    with zipfile.ZipFile(folder / "model.keras") as archive:
        weights = h5py.File(io.BytesIO(archive.read("model.weights.h5")))

    def add(name, found):
        if isinstance(found, h5py.Dataset):
            arrays[f"best {name}"] = found[()]

    weights.visititems(add)
    history = Run("test", folder).load_history()
    for row in history:
        del row["seconds"]
    return arrays, history


def assert_same(folder, expected):
    """Raise where two trainings didn't leave the same, bit for bit."""
    (found, found_history), (wanted, history) = left_in(folder), left_in(expected)
    assert found.keys() == wanted.keys() and len(found) > 10
    for name, array in wanted.items():
        np.testing.assert_array_equal(found[name], array, err_msg=name)
    assert found_history == history


def train_tiny(recipe, folder):
    """Train a recipe on its sample for seconds; the folder of the run."""
    options = small(recipe, "--limit", "32", "--epochs", "1", "--units", "8")
    result = call(recipe, "train", *options, "--run", folder / "run")
    assert result.exit_code == 0, result.output
    return folder / "run"
