"""Where and in which precision a training computes."""

import contextlib
import os
import platform

from shared.errors import UserError
from shared.training import workers
from shared.training.precision import warning_for

WORKING = {"tensorflow": ("none", "mirrored"), "jax": ("none", "mirrored", "multi-worker")}


def check(options):
    """Raise UserError where the backend can't distribute as asked; arguments as of `prepare`."""
    import keras

    backend = keras.backend.backend()
    if options.distribute not in WORKING.get(backend, ("none",)):
        raise UserError(
            f"--distribute {options.distribute} does not work on the {backend} backend; "
            "set KERAS_BACKEND=jax for it."
        )
    if options.distribute == "multi-worker":
        workers.place()


def prepare(options):
    """Set seed, precision and distribution before the network is built.

    Call it once, before anything is drawn at random; then build, compile and fit the network
    within the context manager that it returns.

    Args:
        options: `seed`, `precision` and `distribute` of the command line.

    Raises:
        UserError: see `check`.
    """
    import keras

    check(options)
    if options.distribute == "multi-worker":
        workers.join()
    keras.utils.set_random_seed(options.seed)
    keras.config.set_dtype_policy(options.precision)
    if slower := warning_for(options.precision):
        print(slower, flush=True)
    backend = keras.backend.backend()
    if options.distribute == "none":
        return contextlib.nullcontext()
    if backend == "tensorflow":
        return _mirrored_strategy().scope()
    keras.distribution.set_distribution(keras.distribution.DataParallel(auto_shard_dataset=False))
    return contextlib.nullcontext()


def _mirrored_strategy():
    """TensorFlow's strategy for all GPUs of this machine, or where there is none, its CPU."""
    import tensorflow as tf

    if tf.config.list_logical_devices("GPU"):
        return tf.distribute.MirroredStrategy()
    # A CPU that was divided, as the tests do. Its parts share one memory: collectives, which
    # MirroredStrategy would take, wait for threads that the others need.
    devices = [device.name for device in tf.config.list_logical_devices("CPU")]
    return tf.distribute.MirroredStrategy(devices, tf.distribute.ReductionToOneDevice())


def describe_device():
    """The device that the backend computes on, in words."""
    import keras

    names = []
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        for device in tf.config.list_physical_devices("GPU"):
            details = tf.config.experimental.get_device_details(device)
            names.append(details.get("device_name", device.name))
    elif backend == "jax":
        import jax

        names = [device.device_kind for device in jax.devices() if device.platform != "cpu"]
    elif backend == "torch":
        import torch

        names = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return ", ".join(names) or f"CPU ({platform.machine()}, {os.cpu_count()} cores)"
