"""Every recipe from end to end on the Keras backend in use, and its answers on all others.

Run where there are others (make test-backends). On TensorFlow the smoke tests do it as well.
"""

import importlib.util
import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from shared.backend import BACKENDS, backend
from shared.training.guard import Guard
from tests.conftest import call, environment, inputs_of, small
from tests.training.trainings import assert_same

INSTALLED = [name for name in BACKENDS if importlib.util.find_spec(name)]
pytestmark = pytest.mark.skipif(len(INSTALLED) < 2, reason="run by make test-backends")


# A limit counts characters there.
OWN = {"language_modeling": ["--limit", 800, "--timesteps", 16]}


def arguments_of(recipe):
    """Of a training of two short epochs of several batches."""
    common = ["--limit", 48, "--batch-size", 16, "--epochs", 2, "--units", 8]
    return small(recipe, *common, *OWN.get(recipe, ()))


@pytest.fixture(scope="session")
def trained(recipe, tmp_path_factory):
    """The folder of a run of two short epochs."""
    folder = tmp_path_factory.mktemp(recipe) / "run"
    result = call(recipe, "train", "--run", folder, *arguments_of(recipe))
    assert result.exit_code == 0, result.output
    return folder


def test_stopped_and_continued_it_ends_with_the_same_weights(
    recipe, trained, tmp_path, monkeypatch
):
    """Bit for bit, when a signal stops it within an epoch, on this backend as on any."""
    run = tmp_path / "stopped"
    with monkeypatch.context() as patch:
        end_of_batch = Guard.on_train_batch_end

        def stop_in_the_second_epoch(self, batch, logs=None):
            if self.moment.epoch == 1 and batch == 0:
                os.kill(os.getpid(), signal.SIGTERM)
            end_of_batch(self, batch, logs)

        patch.setattr(Guard, "on_train_batch_end", stop_in_the_second_epoch)
        result = call(recipe, "train", "--run", run, *arguments_of(recipe))
    assert result.exit_code == 128 + signal.SIGTERM, result.output
    assert f"train --resume --run {run}" in result.stderr
    result = call(recipe, "train", "--resume", "--run", run)
    assert result.exit_code == 0, result.output
    assert_same(run, trained)


def test_every_other_command(recipe, trained, tmp_path, monkeypatch):
    monkeypatch.setattr("shared.evaluation.gradients.TIMESTEPS", 20)  # as telling, and quicker
    (one, *_) = inputs_of(recipe, tmp_path)
    commands = importlib.import_module(f"recipes.{recipe}.__main__").recipe.commands
    assert {"evaluate", "predict", "inspect", "gradients"} <= set(commands)
    for name in commands.keys() - {"train"}:
        asked = [one for each in commands[name].params if each.param_type_name == "argument"]
        result = call(recipe, name, "--run", trained, *asked)
        refused = isinstance(result.exception, SystemExit) and "--scan rows" in result.stderr
        assert result.exit_code == 0 or (name == "gradients" and refused), result.output
    assert json.loads((trained / "metrics.json").read_text())["metrics"]


# What a run answers, then what each of its networks says of drawn numbers.
ANSWERS = """
import importlib, json, sys
from pathlib import Path

import keras
import numpy as np

recipe, folder, *inputs = sys.argv[1:]
group = importlib.import_module(f"recipes.{recipe}.__main__").recipe
group.main(["predict", "--json", "--run", folder, *inputs], recipe, standalone_mode=False)
importlib.import_module(f"recipes.{recipe}.model")  # which registers its own layers
random = np.random.default_rng(0)
for path in sorted(Path(folder).rglob("model.keras")):
    network = keras.saving.load_model(path, compile=False)
    given = []
    for tensor in network.inputs:
        shape = [size or 12 for size in tensor.shape]
        numbers = random.integers(1, 3, shape) if "int" in tensor.dtype else random.random(shape)
        given.append(numbers * 255 if len(shape) > 3 else numbers)
    outputs = keras.tree.flatten(network(given if len(given) > 1 else given[0], training=False))
    print(json.dumps([keras.ops.convert_to_numpy(array).tolist() for array in outputs]))
"""


def test_predicts_the_same_on_every_backend(recipe, trained, tmp_path):
    """In new processes, whichever it was trained on: each number to 1e-4, all else alike."""
    inputs = inputs_of(recipe, tmp_path)

    def answers(name):
        result = subprocess.run(
            [sys.executable, "-c", ANSWERS, recipe, trained, *inputs],
            env={**environment(), "KERAS_BACKEND": name},
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert result.returncode == 0, result.stderr
        numbers, lines = [], result.stdout.splitlines()
        rest = [json.loads(line, parse_float=lambda t: numbers.append(float(t))) for line in lines]
        return numbers, rest

    numbers, rest = answers(backend())
    assert len(numbers) > 10 and len(rest) > len(inputs)
    for name in INSTALLED:
        if name != backend():
            found, found_rest = answers(name)
            np.testing.assert_allclose(found, numbers, rtol=1e-4, atol=1e-4, err_msg=name)
            assert found_rest == rest, name
