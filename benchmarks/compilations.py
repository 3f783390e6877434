"""How often, and for how long, XLA compiles in the first epoch of the sentiment recipe.

Each bucket of lengths is a shape of its own, and a shape is compiled once. TensorFlow writes down
each compilation when asked to by TF_CPP_VMODULE; here the recipe trains for one epoch in a process
of its own, and its log is read. Other backends are not measured.
"""

import csv
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

_COMPILED = re.compile(r"device_compilation_profiler.*\] Compiled .*compile time: (\d+) us")


def measure_compilations(limit=None, arguments=()):
    """Train the sentiment recipe for one epoch.

    Args:
        limit: how many reviews, all if None.
        arguments: further options of the recipe.

    Returns:
        A dictionary: the data set, the number of compilations, the sum of their seconds, and the
        seconds of the epoch, validation included.

    Raises:
        RuntimeError: if the recipe failed, with what it printed.
    """
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        command = [sys.executable, "-m", "recipes.sentiment", "train", "--epochs", "1"]
        command += ["--run", str(run), *arguments]
        command += ["--limit", str(limit)] if limit else []
        ended = subprocess.run(
            command,
            env={
                **os.environ,
                "TF_CPP_MIN_LOG_LEVEL": "0",
                "TF_CPP_VMODULE": "device_compilation_profiler=1",
            },
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        if ended.returncode:
            raise RuntimeError(f"The sentiment recipe failed:\n{ended.stdout}{ended.stderr}")
        with open(run / "history.csv") as file:
            epoch = next(csv.DictReader(file))
    microseconds = [int(us) for us in _COMPILED.findall(ended.stderr)]
    return {
        "dataset": epoch["dataset"],
        "limit": limit,
        "compilations": len(microseconds),
        "compilation_seconds": sum(microseconds) / 1e6,
        "epoch_seconds": float(epoch["seconds"]),
    }
