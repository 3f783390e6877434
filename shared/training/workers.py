"""Several processes, most often one on each machine, that train one network together, on JAX.

All draw the same batches in the same order, and each takes its own rows of every batch. The first
one alone writes the run folder and decides when to stop. Where one ends too early, none can go on:
each of the others says so in one line and ends.
"""

import atexit
import contextlib
import functools
import os
import sys
import threading

from shared.errors import Stopped, UserError, one_line

HEARTBEAT = 30  # seconds without a sign of life after which a worker counts as gone
MEETING = 300  # seconds that the workers wait for each other at the start
SLURM = ("SLURM_JOB_ID", "SLURM_STEP_NODELIST", "SLURM_NTASKS", "SLURM_PROCID", "SLURM_LOCALID")
# What is in the errors of the libraries through which JAX's processes talk, of whatever class.
BETWEEN = ("gloo", "nccl", "coordination service", "connection closed", "heartbeat")
GONE = (
    "Another worker has ended, so this one can't go on. Start all workers again, with --resume and "
    "the --run of the first."
)

_joined = False
_said = threading.Lock()


def place():
    """Which of the workers this process is, and what `jax.distributed.initialize` needs to know.

    Returns:
        The number of this worker, from 0, and a dictionary of arguments. Those that JAX finds out
        by itself, from Slurm, are not in it.

    Raises:
        UserError: where the environment doesn't tell.
    """
    environment = os.environ
    # A job that Kubernetes indexes says in this variable which of its pods this one is.
    number = environment.get("JAX_PROCESS_ID", environment.get("JOB_COMPLETION_INDEX"))
    try:
        if "JAX_COORDINATOR_ADDRESS" not in environment and environment.keys() >= set(SLURM):
            return int(environment["SLURM_PROCID"]), {}
        count = int(environment["JAX_NUM_PROCESSES"])
        if number is None:
            raise KeyError("JAX_PROCESS_ID")
        if not 0 <= int(number) < count:
            raise ValueError(f"JAX_PROCESS_ID {number} of {count}")
        return int(number), {
            "coordinator_address": environment["JAX_COORDINATOR_ADDRESS"],
            "num_processes": count,
            "process_id": int(number),
            "cluster_detection_method": "deactivate",
        }
    except (KeyError, ValueError) as error:
        raise UserError(
            "--distribute multi-worker needs JAX_COORDINATOR_ADDRESS (host:port of the first "
            "worker), JAX_NUM_PROCESSES and JAX_PROCESS_ID in the environment, or to be started "
            f"by Slurm's srun; {error} is missing or wrong."
        ) from error


def follows(options):
    """Whether another process writes the run of these options."""
    try:
        return options.distribute == "multi-worker" and place()[0] > 0
    except UserError:  # which is raised once more where it can't be done without
        return False


def join():
    """Wait until all workers are there; to be called before JAX computes anything.

    Raises:
        UserError: where they don't come.
    """
    global _joined
    if _joined:
        return
    import jax
    from jax._src.lib import _jax

    _, arguments = place()
    # What JAX does by itself where a worker is gone is to abort, with twenty lines.
    plain = _jax.get_distributed_runtime_client
    _jax.get_distributed_runtime_client = functools.partial(
        plain, missed_heartbeat_callback=lambda status: _end()
    )
    try:
        jax.distributed.initialize(
            **arguments,
            heartbeat_timeout_seconds=HEARTBEAT,
            initialization_timeout=MEETING,
        )
    except Exception as error:
        atexit.register(_leave, 1)
        raise UserError(
            f"The workers did not meet: {one_line(error)[:300]}. Start them all within "
            f"{MEETING // 60} minutes, with the same address and number of processes."
        ) from error
    finally:
        _jax.get_distributed_runtime_client = plain
    _joined = True


@contextlib.contextmanager
def together():
    """For what workers do together: one that fails and the others do not wait for each other."""
    try:
        yield
    except Exception as error:
        if not _joined:
            raise
        atexit.register(_leave, 128 + error.signal_number if isinstance(error, Stopped) else 1)
        if not any(word in str(error).lower() for word in BETWEEN):
            raise
        if not _said.acquire(blocking=False):
            threading.Event().wait()  # the other thread ends the process
        raise UserError(GONE) from error
    if _joined:
        _part()


def _part():
    """After the last step each goes on alone: what follows is the first one's."""
    global _joined
    import jax
    import keras

    keras.distribution.set_distribution(None)
    jax.distributed.shutdown()
    _joined = False


def _end():
    """Say that another worker is gone, and end this process, whatever it is doing."""
    if _said.acquire(blocking=False):
        os.write(2, f"Error: {GONE}\n".encode())
        os._exit(1)


def _leave(code):
    """End the process without waiting for the others, as JAX would."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
