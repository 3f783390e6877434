"""Half precision is measured before a training, and called slower where it is."""

import types

import keras
import numpy as np
import pytest

from shared.training import devices, precision


@pytest.fixture(autouse=True)
def policy():
    before = keras.config.dtype_policy()
    yield
    keras.config.set_dtype_policy(before)


def slowed(monkeypatch, slow):
    """Products of matrices of this format take a hundredth of a second more."""
    multiply = keras.ops.matmul

    def matmul(a, b):
        if a.dtype == slow:
            precision.time.sleep(0.05)
        return multiply(a, b)

    monkeypatch.setattr(keras.ops, "matmul", matmul)


@pytest.mark.parametrize("slow, said", [("bfloat16", True), ("float32", False)])
def test_what_is_slower_is_measured(slow, said, monkeypatch, capsys):
    slowed(monkeypatch, slow)
    options = types.SimpleNamespace(seed=1, precision="mixed_bfloat16", distribute="none")
    devices.prepare(options)
    line = "--precision mixed_bfloat16 is slower than float32 here"
    assert capsys.readouterr().out.startswith(line) == said
    assert keras.config.dtype_policy().name == "mixed_bfloat16"


def test_nothing_is_measured_in_float32(monkeypatch):
    monkeypatch.setattr(precision, "cost_of_half", None)
    assert precision.warning_for("float32") == ""


def test_the_seed_decides_all_the_same():
    """The measurement draws nothing from the stream of the training."""
    drawn = []
    for precision_ in ("float32", "mixed_bfloat16"):
        options = types.SimpleNamespace(seed=1, precision=precision_, distribute="none")
        devices.prepare(options)
        drawn.append(keras.ops.convert_to_numpy(keras.random.normal((3,), dtype="float32")))
    np.testing.assert_array_equal(*drawn)
