"""What grows with the number of timesteps: time, peak memory, and the wait for the first call.

Each measurement needs a process of its own: memory once taken is not given back, and a first call
is only first once. `python -m benchmarks.growth ours 400 kept 256` is such a process: whose layer,
timesteps, what becomes of freed memory, units. It prints JSON.
"""

import json
import os
import resource
import statistics
import subprocess
import sys
import time

from . import report

TIMESTEPS = (100, 200, 400, 800)


def measure_apart(source, timesteps, memory="kept", units=256):
    """`measure` in a fresh process, that keeps its freed memory or not.

    Raises:
        RuntimeError: if the process failed, with what it printed.
    """
    ended = subprocess.run(
        [sys.executable, "-m", "benchmarks.growth", source, str(timesteps), memory, str(units)],
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        check=False,
    )
    if ended.returncode:
        raise RuntimeError(f"{source} at {timesteps} timesteps failed:\n{ended.stderr}")
    return json.loads(ended.stdout.splitlines()[-1])


def measure(source, timesteps, units):
    """One LSTM, forward and in training, from the very first call.

    Returns:
        A dictionary with the seconds of the first forward pass and of the first training step
        (compilation included) and of a later training step (median), and the bytes that memory
        peaked above what it was with everything imported and all data there.
    """
    from .contenders import Case, KerasContender, make_layer

    case = Case("LSTM", units, timesteps=timesteps)
    contender = KerasContender(case, make_layer(case, source))
    before = _peak_bytes()
    first_forward = _seconds(contender.forward)
    first_training = contender.train(1)[0]
    later = [seconds for _ in range(2) for seconds in contender.train(3)[1:]]
    return {
        "source": source,
        "timesteps": timesteps,
        "first_forward": first_forward,
        "first_training": first_training,
        "training": statistics.median(later),
        "peak_bytes": _peak_bytes() - before,
    }


def _seconds(call):
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


def _peak_bytes():
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


if __name__ == "__main__":
    _, chosen, steps, freed, width = sys.argv
    report.take_memory_option(freed)
    print(json.dumps(measure(chosen, int(steps), int(width))))
