"""Measure how much of a training step is spent waiting for data, where images are read.

    python -m benchmarks.pipelines                       in about two minutes on two cores
    python -m benchmarks.pipelines --recipe captioning --dataset sample

Each recipe's own `train` command sets everything up, with its default options; in the place of its
training, some steps of its first epoch are taken one by one, and the time until a batch is there is
told apart from the time until the network has learned from it. Where the public data is at hand it
is what is measured, else the sample, as everywhere.

Writes `pipelines.md` and `pipelines.json` into benchmarks/results/.
"""

import contextlib
import importlib
import json
import os
import tempfile
import time
from pathlib import Path
from unittest import mock

import click
from tqdm import tqdm

from . import report

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

RESULTS = Path(__file__).parent / "results"
RECIPES = ("image_classification", "captioning", "frame_labeling")
WARM_UP = 5  # steps before the measured ones: compilation, and a prefetch that has to fill


@click.command()
@click.option("--recipe", "recipes", multiple=True, default=RECIPES, show_default=True)
@click.option("--dataset", metavar="NAME", help="In the place of each recipe's own.")
@click.option("--steps", default=40, type=click.IntRange(1), show_default=True)
@click.option("--output", default=RESULTS, type=click.Path(path_type=Path), show_default=True)
@report.memory_option
def main(recipes, dataset, steps, output, memory):
    """Measure, and write a table and a JSON file."""
    begun = time.perf_counter()
    output = output.resolve()
    report.take_memory_option(memory)
    measured = [measure(recipe, dataset, steps) for recipe in recipes]
    seconds = time.perf_counter() - begun
    results = {"machine": report.describe_machine(), "memory": memory}
    results |= {"cases": measured, "seconds": seconds}
    output.mkdir(parents=True, exist_ok=True)
    (output / "pipelines.json").write_text(json.dumps(results, indent=1) + "\n")
    (output / "pipelines.md").write_text(as_markdown(results))
    print(f"{seconds:.0f} seconds. Written: {output}/pipelines.md and .json")


def measure(recipe, dataset, steps):
    """Set a recipe's training up, and take some steps of its first epoch.

    Args:
        recipe: its folder's name.
        dataset: a data set's name, or None for the recipe's own.
        steps: how many steps to measure.

    Returns:
        A dictionary: recipe, data set, examples per batch, and the seconds of each step's waiting
        and of its learning.
    """
    found = {"recipe": recipe}

    def instead_of_fit(network, data, run, *arguments, **more):
        options = run.options
        found.update(dataset=run.dataset, batch_size=options.batch_size)
        found.update(take_steps(network, data.batches(0), steps, recipe))

    command = importlib.import_module(f"recipes.{recipe}.__main__").recipe
    chosen = ["--dataset", dataset] if dataset else []
    with (
        tempfile.TemporaryDirectory() as folder,
        contextlib.chdir(folder),  # where `runs/` then is, and goes
        mock.patch("shared.training.fit.fit", instead_of_fit),
    ):
        command.main(["train", *chosen], standalone_mode=False)
    return found


def take_steps(network, batches, steps, name):
    """Train on the first batches, one by one.

    Returns:
        A dictionary with two lists of seconds, a number for each measured step: `waiting` and
        `learning`.
    """
    from shared.data.examples import untuned

    waiting, learning = [], []
    iterator = iter(untuned(batches))
    for _ in tqdm(range(WARM_UP + steps), desc=name, unit="step"):
        asked = time.perf_counter()
        batch = next(iterator, None)
        if batch is None:  # the end of the epoch
            break
        there = time.perf_counter()
        network.train_on_batch(*batch)
        waiting.append(there - asked)
        learning.append(time.perf_counter() - there)
    return {"waiting": waiting[WARM_UP:], "learning": learning[WARM_UP:]}


def share_of_waiting(case):
    """The part of all steps' time that was spent waiting, 0 to 1."""
    waiting, learning = sum(case["waiting"]), sum(case["learning"])
    return waiting / (waiting + learning)


def as_markdown(results):
    """The table, with a line on how to read it."""
    lines = [
        "# Input pipelines, measured",
        "",
        report.facts(results, "benchmarks.pipelines"),
        "",
        "Steps of each recipe's training with its default options: how long a step took, and the "
        "share of that time in which the network had no batch to learn from. Batches are prepared "
        "on the same cores, so a pipeline that waits for nothing still takes its part of them.",
        "",
        "| recipe | data | batch | steps | ms per step | waiting |",
        "|---|---|---|---|---|---|",
    ]
    for case in results["cases"]:
        steps = len(case["waiting"])
        milliseconds = 1000 * (sum(case["waiting"]) + sum(case["learning"])) / steps
        lines.append(
            f"| {case['recipe']} | {case['dataset']} | {case['batch_size']} | {steps} | "
            f"{milliseconds:.0f} | {share_of_waiting(case):.1%} |"
        )
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    main()
