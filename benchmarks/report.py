"""The measurements as a markdown table, JSON and a plot."""

import importlib.util
import json
import os
import platform
import statistics
from datetime import date
from importlib.metadata import PackageNotFoundError, version

import click

from .timing import ratio

MEGABYTE = 2**20

memory_option = click.option(
    "--memory",
    type=click.Choice(["kept", "default"]),
    default="kept",
    show_default=True,
    help="What the C library does with freed memory: keep it, as with our layers, or as it comes.",
)


def take_memory_option(memory):
    """Have the C library do with freed memory what `--memory` says, whoever is measured."""
    from shared.layers.loops.memory import DECLINE, keep_freed_memory

    if memory == "default":
        os.environ[DECLINE] = "0"
    else:
        keep_freed_memory()


def describe_machine():
    """Device, cores and versions: what a figure means nothing without."""
    import keras

    from shared.training.devices import describe_device

    def installed(package):
        try:
            return version(package)
        except PackageNotFoundError:
            return None

    packages = ("keras", "tensorflow", "jax", "torch", "numpy")
    return {
        "backend": keras.backend.backend(),
        "device": describe_device(),
        "cores": os.cpu_count(),
        "processor": _processor(),
        "python": platform.python_version(),
        "date": date.today().isoformat(),
        "versions": {name: installed(name) for name in packages if installed(name)},
        "torch": importlib.util.find_spec("torch") is not None,
    }


def write(results, folder):
    """Write layers.md, layers.json and layers.svg into the folder."""
    (folder / "layers.json").write_text(json.dumps(results, indent=1) + "\n")
    gpus = [json.loads(path.read_text()) for path in sorted(folder.glob("gpu-*.json"))]
    (folder / "layers.md").write_text(as_markdown(results, gpus))
    plot(results, folder / "layers.svg")


def as_markdown(results, gpus=()):
    """The tables, with a line on how to read each; `gpus`: what `benchmarks.gpu` measured."""
    lines = ["# Our recurrent layers, measured", "", facts(results, "benchmarks.layers"), ""]
    if results["cases"]:
        lines += _speed(results["cases"]) + _milliseconds(results["cases"])
    if results["growth"]:
        lines += _growth(results["growth"])
    for measured in results["compilations"]:
        lines += _compilations(measured)
    return "\n".join([*lines, *gpu_rows(gpus)])


def gpu_rows(gpus):
    """The table of the layers on GPUs, a backend after the other."""
    lines = []
    for results in gpus:
        backend = results["machine"]["backend"]
        lines += [
            f"## On a GPU: {results['machine']['device']}, {backend} backend",
            "",
            facts(results, f"benchmarks.gpu` with `KERAS_BACKEND={backend}"),
            "",
            "The layer alone: a forward pass / a forward pass and the gradients of the weights. "
            "Times faster as above; at the right our milliseconds.",
            "",
            "| layer (128 inputs) | numbers | keras.layers | torch.nn | ours without mask | ms |",
            "|---|---|---|---|---|---|",
        ]
        for case in results["cases"]:
            row = [
                case["failed"].get(name) or _versus(case, name, "ours")
                for name in ("keras", "torch", "ours without mask")
            ]
            row.append(_medians(case, "ours", digits=2))
            lines.append(f"| {case['name']} | {case['dtype']} | {' | '.join(row)} |")
        lines.append("")
    return lines


def facts(results, module):
    """When, where and with which command the results were measured, in one line."""
    machine = results["machine"]
    packages = ", ".join(f"{name} {number}" for name, number in machine["versions"].items())
    return (
        f"{machine['date']}, {machine['backend']} backend, {machine['device']}, "
        f"{machine['processor']}; Python {machine['python']}, {packages}; "
        f"freed memory {'kept' if results.get('memory') == 'kept' else 'as the C library does'}; "
        f"`python -m {module}`, {results['seconds'] / 60:.1f} minutes."
    )


def _speed(cases):
    lines = [
        "## Times faster, forward / training step",
        "",
        "Median over interleaved rounds (in brackets the quartiles) of the time of the column's "
        "contender divided by ours; above 1, ours is faster. `floor` is the reverse: our time as a "
        "multiple of the bare matrix products'. A training step is one of `fit`, with Adam.",
        "",
        "| layer (128 inputs) | keras.layers | naive cell | torch.nn | floor |",
        "|---|---|---|---|---|",
    ]
    for case in cases:
        if "keras" not in case["forward"] or "ours without mask" in case["forward"]:
            continue
        row = [_versus(case, "keras", "ours"), _versus(case, "naive", "ours")]
        row += [_versus(case, "torch", "ours"), _versus(case, "ours", "floor")]
        lines.append(f"| {case['name']} | {' | '.join(row)} |")
    lines.append("")
    for case in cases:
        if "ours without mask" in case["forward"]:
            lines += [
                f"{case['name']}, right-padded, lengths from half to full: against keras.layers "
                f"with the same mask {_versus(case, 'keras', 'ours')}; against ours without a mask "
                f"{_versus(case, 'ours without mask', 'ours')}.",
                "",
            ]
        if "our LSTM" in case["forward"]:
            lines += [
                f"{case['name']}, which Keras has not: against our LSTM of that size "
                f"{_versus(case, 'our LSTM', 'ours')}.",
                "",
            ]
        if "beside" in case["forward"]:
            lines += [
                f"{case['name']}: the layers beside ours against ours "
                f"{_versus(case, 'beside', 'ours')}.",
                "",
            ]
    return lines


def _versus(case, over, under):
    if over not in case["forward"] or under not in case["forward"]:
        return ""
    parts = []
    for kind in ("forward", "training"):
        times = ratio(case[kind][over], case[kind][under])
        parts.append("{median:.2f} ({low:.2f}-{high:.2f})".format(**times))
    return " / ".join(parts)


def _milliseconds(cases):
    names = list(dict.fromkeys(name for case in cases for name in case["forward"]))
    lines = [
        "## Milliseconds, forward / training step (medians)",
        "",
        f"| | {' | '.join(names)} |",
        f"|---{'|---' * len(names)}|",
    ]
    for case in cases:
        row = [_medians(case, name, digits=1) if name in case["forward"] else "" for name in names]
        lines.append(f"| {case['name']} | {' | '.join(row)} |")
    return [*lines, ""]


def _medians(case, name, digits):
    """Milliseconds of a contender, forward / training."""
    return " / ".join(
        f"{1000 * statistics.median(case[kind][name]):.{digits}f}"
        for kind in ("forward", "training")
    )


def _growth(growth):
    lines = [
        "## Over timesteps: LSTM, 256 units, 128 inputs, batch 64, each in a fresh process",
        "",
        "Peak memory is what a few forward passes and training steps added to a process with "
        "everything imported and all data there. First calls include compilation.",
        "",
        "| timesteps | | training step, ms | peak memory, MB | first forward, s | "
        "first training step, s |",
        "|---|---|---|---|---|---|",
    ]
    for row in growth:
        lines.append(
            f"| {row['timesteps']} | {row['source']} | {1000 * row['training']:.0f} | "
            f"{row['peak_bytes'] / MEGABYTE:.0f} | {row['first_forward']:.2f} | "
            f"{row['first_training']:.2f} |"
        )
    return [*lines, ""]


def _compilations(measured):
    share = measured["compilation_seconds"] / measured["epoch_seconds"]
    examples = f"the first {measured['limit']} reviews" if measured["limit"] else "all reviews"
    return [
        "## Compilations",
        "",
        f"One epoch of the sentiment recipe over {examples} of {measured['dataset']}, bucketed by "
        f"length, validation included: {measured['compilations']} XLA compilations, "
        f"{measured['compilation_seconds']:.1f} of {measured['epoch_seconds']:.1f} seconds "
        f"({share:.0%}).",
        "",
    ]


def plot(results, path):
    """Speed against keras.layers for each case; memory and time over timesteps."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (speed, memory, step) = pyplot.subplots(
        1, 3, figsize=(14, 4.5), width_ratios=[2, 1, 1], layout="constrained"
    )
    cases = [case for case in results["cases"] if "keras" in case["forward"]]
    for offset, kind in ((0.2, "forward"), (-0.2, "training")):
        ratios = [ratio(case[kind]["keras"], case[kind]["ours"]) for case in cases]
        medians = [each["median"] for each in ratios]
        spread = [
            [each["median"] - each["low"] for each in ratios],
            [each["high"] - each["median"] for each in ratios],
        ]
        rows = [offset - place for place in range(len(cases))]
        speed.barh(rows, medians, height=0.38, xerr=spread, label=kind)
    speed.axvline(1, color="black", linewidth=0.8)
    speed.set_yticks([-place for place in range(len(cases))], [case["name"] for case in cases])
    speed.set_xlabel("times faster than keras.layers")
    speed.legend(frameon=False)
    for source in dict.fromkeys(row["source"] for row in results["growth"]):
        rows = [row for row in results["growth"] if row["source"] == source]
        timesteps = [row["timesteps"] for row in rows]
        memory.plot(timesteps, [row["peak_bytes"] / MEGABYTE for row in rows], "o-", label=source)
        step.plot(timesteps, [row["training"] for row in rows], "o-", label=source)
    for axes, label in ((memory, "peak memory, MB"), (step, "training step, seconds")):
        axes.set_xlabel("timesteps")
        axes.set_ylabel(label)
        axes.set_xlim(left=0)
        axes.set_ylim(bottom=0)
        if results["growth"]:
            axes.legend(frameon=False)
    figure.savefig(path)
    pyplot.close(figure)


def _processor():
    try:
        with open("/proc/cpuinfo") as file:
            names = [line.split(":", 1)[1].strip() for line in file if "model name" in line]
        return names[0]
    except (OSError, IndexError):
        return platform.processor() or platform.machine()
