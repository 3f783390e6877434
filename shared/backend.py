"""Which backend Keras computes with, and Keras's import, which takes seconds."""

import importlib.util
import json
import os
import shlex
import sys
from pathlib import Path

from shared.errors import UserError
from shared.quiet import quiet_import

BACKENDS = ("tensorflow", "jax", "torch")
# Which versions, for `pip install -c`.
VERSIONS = Path(__file__).parents[1] / "tests" / "backends" / "requirements.txt"


def backend():
    """The name of the backend, found as Keras finds it but without its import.

    `KERAS_BACKEND` comes first, then Keras's file of settings, then TensorFlow.
    """
    if os.environ.get("KERAS_BACKEND"):
        return os.environ["KERAS_BACKEND"]
    home = os.environ.get("KERAS_HOME", "~/.keras")
    try:
        settings = json.loads(Path(home, "keras.json").expanduser().read_text())
        return settings.get("backend", "tensorflow")
    except (OSError, ValueError):
        return "tensorflow"


def check_backend():
    """Raise UserError where Keras would find no backend of that name, or none that is installed."""
    name = backend()
    if name not in BACKENDS:
        raise UserError(
            f"The Keras backend {name!r} does not exist. Set KERAS_BACKEND to one of "
            f"{', '.join(BACKENDS)}."
        )
    if importlib.util.find_spec(name) is None:
        install = [sys.executable, "-m", "pip", "install", "-c", os.path.relpath(VERSIONS), name]
        raise UserError(
            f"The Keras backend {name!r} isn't installed. Install it: {shlex.join(install)}"
        )


def load_keras(data=False):
    """Import Keras and its backend, without what their libraries say while they load.

    Args:
        data: whether data will be read. `tf.data` does that, so TensorFlow is imported on every
            backend.

    Raises:
        UserError: see `check_backend`.
    """
    check_backend()
    with quiet_import():
        import keras

        if data or keras.backend.backend() == "tensorflow":
            import tensorflow as tf

            tf.config.list_physical_devices()  # where there is no GPU, this is what says so
