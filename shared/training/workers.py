"""Several processes, most often one on each machine, that train one network together, on JAX.

All know the same batches in the same order, and each prepares its own rows of every one. The first
one alone writes the run folder and decides when to stop. Where one ends too early, none can go on:
each of the others says so in one line and ends.
"""

import atexit
import contextlib
import os
import signal
import subprocess
import sys

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

# Where a worker is gone, JAX aborts the process from a thread of its own. What then says so is a
# process that reads from this one: Python's handler of signals writes their numbers to it.
WATCHER = """
import signal, sys
if sys.stdin.buffer.read()[-1:] == bytes([signal.SIGABRT]):
    print("Error:", sys.argv[1], file=sys.stderr, flush=True)
"""

_watcher = None  # the process that runs it, from `join` on


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
    global _watcher
    if _watcher:
        return
    import jax

    number, arguments = place()
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
    command = [sys.executable, "-c", WATCHER, GONE]
    _watcher = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)
    os.set_blocking(_watcher.stdin.fileno(), False)
    signal.signal(signal.SIGABRT, lambda *_: None)  # Python takes note of those that it handles
    signal.set_wakeup_fd(_watcher.stdin.fileno())
    _silence_libraries(number)


def _silence_libraries(number):
    """Let what is written in C++, such as JAX's twenty lines on the way to `abort`, go nowhere."""
    python_alone = os.fdopen(os.dup(2), "w", buffering=1, errors="backslashreplace")
    with open(os.devnull, "w") as nothing:
        os.dup2(nothing.fileno(), 2)
        if number:  # the first alone has something to tell
            os.dup2(nothing.fileno(), 1)
    sys.stderr = python_alone


@contextlib.contextmanager
def together():
    """For what workers do together: one that fails and the others do not wait for each other."""
    try:
        yield
    except Exception as error:
        if _watcher and any(word in str(error).lower() for word in BETWEEN):
            os.write(_watcher.stdin.fileno(), bytes([signal.SIGABRT]))
            _leave(1)
        if _watcher:
            atexit.register(_leave, 128 + error.signal_number if isinstance(error, Stopped) else 1)
        raise
    if _watcher:
        _part()


def _part():
    """After the last step each goes on alone: what follows is the first one's."""
    global _watcher
    import jax
    import keras

    keras.distribution.set_distribution(None)
    jax.distributed.shutdown()
    signal.set_wakeup_fd(-1)
    _watcher.stdin.close()
    _watcher = None


def _leave(code):
    """End the process without waiting for the others, as JAX would."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
