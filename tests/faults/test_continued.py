"""Every recipe with every cell, stopped within an epoch: it ends as if it had not been."""

import os
import signal

import pytest

from shared.training.guard import Guard
from tests.conftest import call, small
from tests.training.trainings import assert_same

CELLS = ("rnn", "lstm", "gru", "mingru")
MIXED = dict(zip(CELLS, 2 * ("mixed_bfloat16", "mixed_float16"), strict=True))
MORE = {
    "captioning": ["--image-size", 32],
    "image_classification": ["--scan", "rows"],  # which has no cell by default
    "language_modeling": ["--limit", 400, "--timesteps", 4],  # of tokens
}
SHORT = ("language_modeling", "gru", "mixed_float16")  # what every `make test` tries


@pytest.fixture
def stop(monkeypatch):
    """Send a signal after the second batch of the second epoch."""
    watch = Guard.on_train_batch_end

    def watch_and_stop(self, batch, logs=None):
        if (self.moment.epoch, self.first_batch + batch) == (1, 1):
            os.kill(os.getpid(), signal.SIGTERM)
        watch(self, batch, logs)

    def patched():
        monkeypatch.setattr(Guard, "on_train_batch_end", watch_and_stop)
        return lambda: monkeypatch.setattr(Guard, "on_train_batch_end", watch)

    return patched


@pytest.mark.parametrize("mixed", [False, True], ids=["float32", "mixed"])
@pytest.mark.parametrize("cell", CELLS)
def test_stopped_and_continued(recipe, cell, mixed, request, stop, tmp_path, monkeypatch, injected):
    precision = MIXED[cell] if mixed else "float32"
    if not request.config.getoption("--faults") and (recipe, cell, precision) != SHORT:
        pytest.skip("takes minutes: make test-faults")
    monkeypatch.chdir(tmp_path)
    options = small(recipe, "--limit", 96, "--epochs", 2, "--units", 8, "--cell", cell)
    options += ["--precision", precision, "--batch-size", 16, *MORE.get(recipe, [])]
    result = call(recipe, "train", "--run", "straight", *options)
    assert result.exit_code == 0, result.output

    go_on = stop()
    result = call(recipe, "train", "--run", "stopped", *options)
    assert result.exit_code == 128 + signal.SIGTERM, result.output
    assert "Stopped and saved after batch 2 of epoch 2. Go on with: " in result.stderr
    go_on()
    result = call(recipe, "train", "--resume", "--run", "stopped")
    assert result.exit_code == 0, result.output
    assert "Continuing after batch 2 of" in result.output
    assert_same(tmp_path / "stopped", tmp_path / "straight")
    injected(f"SIGTERM within an epoch, {precision}")
