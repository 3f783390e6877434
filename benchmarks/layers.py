"""Measure our recurrent layers against Keras's, PyTorch's, a naive cell and the bare products.

    python -m benchmarks.layers                       everything, in under ten minutes on two cores
    python -m benchmarks.layers --only "LSTM, 256"    the cases whose names contain it
    python -m benchmarks.layers --beside NAME         a package of layers beside ours, such as a
                                                      copy of `shared/layers` before an edit

Writes `layers.md`, `layers.json` and `layers.svg` into benchmarks/results/.
"""

import os
import time
from pathlib import Path

import click
from tqdm import tqdm

from . import report

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

RESULTS = Path(__file__).parent / "results"
ROUNDS = 9
SECONDS_PER_CASE = 22  # after which a case's rounds end, three at least


@click.command()
@click.option("--only", default="", help="Measure the cases whose name contains this.")
@click.option("--rounds", default=ROUNDS, type=click.IntRange(3), show_default=True)
@click.option("--growth/--no-growth", default=True, help="Memory and time over timesteps.")
@click.option("--compilations/--no-compilations", default=True, help="XLA in the recipe.")
@click.option("--beside", metavar="NAME", help="A package of layers to measure as well.")
@click.option("--reviews", default=0, show_default=True, help="Of that recipe; 0 for all.")
@click.option("--output", default=RESULTS, type=click.Path(path_type=Path), show_default=True)
@report.memory_option
def main(only, rounds, growth, compilations, beside, reviews, output, memory):
    """Measure, side by side, and write a table, a JSON file and a plot."""
    begun = time.perf_counter()
    report.take_memory_option(memory)
    from .compilations import measure_compilations
    from .growth import TIMESTEPS, measure_apart

    cases = [case for case in all_cases() if only in case.name]
    results = {"machine": report.describe_machine(), "memory": memory}
    results |= {"cases": [], "growth": [], "compilations": []}
    apart = [(s, t) for t in TIMESTEPS for s in ("ours", "keras")] if growth else []
    work = len(cases) * rounds + len(apart) * 3 + 6 * compilations
    with tqdm(total=work, unit="turn", dynamic_ncols=True) as bar:
        # The processes of their own first, while this one is small and idle.
        for source, timesteps in apart:
            bar.set_description(f"memory of {source}, {timesteps} steps")
            results["growth"].append(measure_apart(source, timesteps, memory))
            bar.update(3)
        if compilations:
            bar.set_description("compilations of the sentiment recipe")
            results["compilations"].append(measure_compilations(reviews or None))
            bar.update(6)
        for number, case in enumerate(cases, start=1):
            bar.set_description(case.name)
            results["cases"].append(measure_case(case, rounds, beside))
            bar.update(number * rounds + work - len(cases) * rounds - bar.n)
    results["seconds"] = time.perf_counter() - begun
    output.mkdir(parents=True, exist_ok=True)
    report.write(results, output)
    print(f"{results['seconds']:.0f} seconds. Written: {output}/layers.md, .json and .svg")


def all_cases():
    """The cases, those that are told apart first by size, then by kind of layer."""
    from .contenders import Case

    return [
        Case("LSTM", 128),
        Case("LSTM", 256),
        Case("LSTM", 256, timesteps=400),
        Case("LSTM", 64, batch=32),
        Case("SimpleRNN", 256),
        Case("GRU", 256),
        Case("MinGRU", 256),
        Case("LSTM", 256, bidirectional=True),
        Case("LSTM", 256, stacked=2),
        Case("LSTM", 256, masked=True),
    ]


def measure_case(case, rounds, beside=None):
    """All contenders of a case in turns; `beside`: see `contenders_of`."""
    import keras

    from .contenders import contenders_of
    from .timing import measure_in_turns

    keras.backend.clear_session()
    keras.utils.set_random_seed(0)
    contenders = {name: make() for name, make in contenders_of(case, beside).items()}
    return {"name": case.name, **measure_in_turns(contenders, rounds, SECONDS_PER_CASE)}


if __name__ == "__main__":
    main()
