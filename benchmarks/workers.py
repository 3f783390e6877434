"""How many examples a second several processes train on, with and without talking to each other.

    KERAS_BACKEND=jax python -m benchmarks.workers --workers 1 --workers 2 --workers 4

`together` is `--distribute multi-worker` on this machine. `apart` are as many trainings at the same
time that know nothing of each other, each with its share of the examples and of each batch: what
is lost between the two is what communication costs. All processes share this machine's cores, so
this tells the price of communication, not what more machines would gain.
"""

import csv
import os
import socket
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import click

EXAMPLES, BATCH, EPOCHS = 1024, 64, 10
RECIPES = {
    "sentiment": ["--max-length", "32", "--units", "64"],
    "translation": ["--max-length", "24", "--units", "64", "--vocabulary-size", "400"],
}


@click.command()
@click.option("--workers", type=int, multiple=True, default=(1, 2, 4), help="How many.")
@click.option("--recipe", type=click.Choice(RECIPES), default="sentiment", help="What to train.")
def main(workers, recipe):
    """Measure each number of workers, together and apart, and print a table."""
    print(f"{recipe}, {os.cpu_count()} cores, {BATCH} examples in a batch")
    print("| workers | together, examples/s | apart, examples/s |\n|---|---|---|")
    for count in workers:
        together, apart = measure(recipe, count, True), measure(recipe, count, False)
        print(f"| {count} | {together:.0f} | {apart:.0f} |", flush=True)


def measure(recipe, count, together):
    """Examples a second that `count` processes train on and validate, all of them together."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    share = 1 if together else count
    with tempfile.TemporaryDirectory() as folder:
        started = []
        for number in range(count):
            run = Path(folder, "run" if together else f"run{number}")
            command = [sys.executable, "-m", f"recipes.{recipe}", "train", "--run", str(run)]
            command += ["--dataset", "sample", "--epochs", str(EPOCHS), *RECIPES[recipe]]
            command += ["--limit", str(EXAMPLES // share), "--batch-size", str(BATCH // share)]
            command += ["--distribute", "multi-worker"] if together else []
            place = {
                "JAX_COORDINATOR_ADDRESS": f"127.0.0.1:{port}",
                "JAX_NUM_PROCESSES": str(count),
                "JAX_PROCESS_ID": str(number),
            }
            quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
            environment = {**os.environ, **place, "KERAS_BACKEND": "jax"}
            started.append((subprocess.Popen(command, env=environment, **quiet), run))
        for process, _ in started:
            if process.wait():
                raise click.ClickException(f"A training of {recipe} failed.")
        seconds = [seconds_of(run) for _, run in started]
    return EXAMPLES / max(seconds)


def seconds_of(run):
    """The median time of an epoch; the first ones, in which most is compiled, don't count."""
    with open(run / "history.csv") as file:
        rows = list(csv.DictReader(file))
    return statistics.median(float(row["seconds"]) for row in rows[EPOCHS // 2 :])


if __name__ == "__main__":
    main()
