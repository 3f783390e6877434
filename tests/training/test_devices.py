"""Precision and distribution are set before the network is built, or refused in one line."""

import types

import keras
import pytest

from shared.data.sources import Source
from shared.errors import UserError
from shared.training.devices import describe_device, prepare
from shared.training.folders import start_run


def options(**given):
    return types.SimpleNamespace(
        **{"seed": 1, "precision": "float32", "distribute": "none", **given}
    )


@pytest.fixture(autouse=True)
def back_to_normal():
    yield
    keras.config.set_dtype_policy("float32")


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16", "mixed_float16"])
def test_layers_built_within_have_the_precision(precision):
    with prepare(options(precision=precision)):
        layer = keras.layers.Dense(2)
    assert layer.dtype_policy.name == precision


def test_the_seed_decides_the_weights():
    def weights(seed):
        with prepare(options(seed=seed)):
            return keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)]).get_weights()[0]

    assert (weights(1) == weights(1)).all()
    assert (weights(1) != weights(2)).all()


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="TensorFlow's strategies")
def test_mirrored_makes_mirrored_variables_and_workers_are_refused():
    with prepare(options(distribute="mirrored")):
        layer = keras.layers.Dense(2)
        layer.build((None, 3))
    assert "Mirrored" in type(layer.kernel.value).__name__ + type(layer.kernel._value).__name__
    with pytest.raises(UserError, match="multi-worker does not work on the tensorflow backend"):
        prepare(options(distribute="multi-worker"))


@pytest.mark.skipif(keras.backend.backend() == "jax", reason="which can do it")
def test_a_run_that_can_not_be_distributed_writes_nothing(tmp_path):
    given = options(distribute="multi-worker", recipe="x", run=str(tmp_path / "x"), resume=False)
    with pytest.raises(UserError, match="multi-worker does not work"):
        start_run(given, Source("sample", "bundled", (), None)).__enter__()
    assert not list(tmp_path.iterdir())


def test_the_device_has_a_name():
    assert describe_device()
