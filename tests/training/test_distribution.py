"""A training on several devices gives what one device gives with the same batches."""

import subprocess
import sys

import keras
import numpy as np
import pytest

from shared.data.shares import Share, divided
from tests.conftest import ROOT, environment
from tests.training.trainings import left_in

pytestmark = pytest.mark.skipif(
    keras.backend.backend() == "torch", reason="which trains on one device"
)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The folder in which `two_devices` has trained."""
    folder = tmp_path_factory.mktemp("devices")
    command = [sys.executable, "-m", "tests.training.two_devices", folder]
    done = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, timeout=900)
    assert done.returncode == 0, done.stderr.decode()[-3000:]
    return folder


def test_two_devices_train_as_one_does(trained):
    """Also where batches are incomplete or normalized, steps padded, gradients clipped."""
    (arrays, history), (expected, of_one) = left_in(trained / "two"), left_in(trained / "one")
    for found, wanted in zip(history, of_one, strict=True):
        assert found == pytest.approx(wanted, abs=1e-5)
    compared = [name for name in expected if not name.startswith("metrics")]
    assert arrays.keys() >= set(compared) and len(compared) > 20
    for name in compared:
        np.testing.assert_allclose(arrays[name], expected[name], atol=2e-4, err_msg=name)


def test_a_distributed_training_that_was_stopped_goes_on_as_if_it_had_not_been(trained):
    assert (trained / "stopped" / "was stopped").exists()
    (arrays, history), (expected, never) = left_in(trained / "stopped"), left_in(trained / "two")
    for name in [name for name in expected if not name.startswith("metrics")]:
        np.testing.assert_array_equal(arrays[name], expected[name], err_msg=name)
    for found, wanted in zip(history, never, strict=True):  # each device's sums are kept as one
        assert found == pytest.approx(wanted, abs=1e-6)


@pytest.mark.parametrize("weighted", [False, True])
def test_incomplete_batches_are_filled_with_examples_of_no_weight(weighted):
    import tensorflow as tf

    inputs = np.arange(20).reshape(10, 2)
    weights = (np.ones((10, 1)) / 2,) if weighted else ()
    batches = tf.data.Dataset.from_tensor_slices((inputs, inputs[:, 0], *weights)).batch(7)
    found = list(divided(batches, Share(0, 1, 4)).as_numpy_iterator())
    assert [len(targets) for _, targets, _ in found] == [8, 4]
    for (filled, targets, weights), real in zip(found, (7, 3), strict=True):
        np.testing.assert_array_equal(filled[real:], filled[: len(filled) - real])
        np.testing.assert_array_equal(filled[:, 0], targets)
        assert (weights[:real] == (0.5 if weighted else 1)).all() and not weights[real:].any()
    every = np.concatenate([filled[w.reshape(-1) > 0] for filled, _, w in found])
    np.testing.assert_array_equal(every, inputs)
