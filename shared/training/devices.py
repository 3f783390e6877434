"""Where and in which precision a training computes."""

import contextlib
import os
import platform

from shared.errors import UserError


def prepare(options):
    """Set seed, precision and distribution before the network is built.

    Call it once, before anything is drawn at random; then build, compile and fit the network
    within the context manager that it returns.

    Args:
        options: `seed`, `precision` and `distribute` of the command line.

    Raises:
        UserError: where the backend can't distribute as asked.
    """
    import keras

    keras.utils.set_random_seed(options.seed)
    keras.config.set_dtype_policy(options.precision)
    backend = keras.backend.backend()
    if options.distribute == "none":
        return contextlib.nullcontext()
    if backend == "tensorflow" and options.distribute == "mirrored":
        import tensorflow as tf

        return tf.distribute.MirroredStrategy().scope()
    if backend == "jax":
        if options.distribute == "multi-worker":
            _join_workers()
        keras.distribution.set_distribution(
            keras.distribution.DataParallel(auto_shard_dataset=False)
        )
        return contextlib.nullcontext()
    raise UserError(
        f"--distribute {options.distribute} does not work on the {backend} backend; "
        "set KERAS_BACKEND=jax for it."
    )


def _join_workers():
    """Meet the other processes, as named in the variables that JAX documents for it."""
    import jax

    try:
        jax.distributed.initialize(
            coordinator_address=os.environ["JAX_COORDINATOR_ADDRESS"],
            num_processes=int(os.environ["JAX_NUM_PROCESSES"]),
            process_id=int(os.environ["JAX_PROCESS_ID"]),
        )
    except (KeyError, ValueError) as error:
        raise UserError(
            "--distribute multi-worker needs JAX_COORDINATOR_ADDRESS (host:port of the first "
            f"worker), JAX_NUM_PROCESSES and JAX_PROCESS_ID in the environment; {error} is missing "
            "or wrong."
        ) from error


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
