"""`runs/index.html`: all runs side by side. `make report` writes it.

It needs neither Keras nor the recipes: what it shows stands in the run folders. A run that is
damaged, or not finished, has a row that says so.
"""

import datetime
import math
import os
import re
from pathlib import Path
from urllib.parse import quote

from shared.errors import UserError, errors_in_one_line
from shared.evaluation.report import environment, markup, style
from shared.files import read_json, write_text
from shared.training.folders import RUNS
from shared.training.run import MODEL, Run

HERE = Path(__file__).parent
PAGE, BOOK = "index.html", "lessons/index.html"
DEPTH = 3  # folders below `runs/` in which a run may be, as in runs/lessons/networks/translation
COLUMNS = ("run", "recipe", "data", "split", "cell", "units", "layers", "metrics")
COLUMNS += ("parameters", "minutes", "begun", "state")
NUMBERS = {"units", "layers", "parameters", "metrics", "minutes"}
SHOWN = 4  # metrics of a run
DAMAGED = "damaged: its files are not as a run writes them"
LEGEND = (
    "The newest run comes first; a column's name sorts by it. In parentheses stands what can be "
    "had without looking at the input. Metrics are sorted by the first one of each run."
)


def main():
    with errors_in_one_line():
        print(f"Written: {write_overview()}")


def write_overview(runs=RUNS):
    """Write the page of all runs.

    Args:
        runs: the folder that holds them.

    Returns:
        The page's `Path`.

    Raises:
        UserError: where it can't be written.
    """
    runs = Path(runs)
    rows = [describe(folder, runs) for folder in run_folders(runs)]
    rows.sort(key=lambda row: row["sorted_by"]["begun"], reverse=True)
    page = environment().from_string((HERE / "overview.html").read_text(encoding="utf-8"))
    text = page.render(
        style=style(),
        script=markup((HERE / "overview.js").read_text(encoding="utf-8")),
        facts=f"{len(rows)} run{'' if len(rows) == 1 else 's'} in {runs}",
        legend=LEGEND,
        columns=COLUMNS,
        numbers=NUMBERS,
        runs=rows,
        book=BOOK if (runs / BOOK).exists() else "",
    )
    try:
        runs.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"Can't write to {runs}: {error.strerror}.") from error
    # A folder's name need not be a text.
    write_text(runs / PAGE, text.encode(errors="backslashreplace").decode())
    return runs / PAGE


def run_folders(runs):
    """The folders that hold a run, each once: `runs/<recipe>/latest` is one of the others."""
    found = {}
    for depth in range(1, DEPTH + 1):
        for path in runs.glob("/".join(["*"] * depth + ["config.json"])):
            below = path.parent.relative_to(runs)
            if not any((runs / each).is_symlink() for each in (below, *below.parents)[:-1]):
                found[path.parent] = None
    return list(found)


def describe(folder, runs):
    """A run as a row of the table, whatever is in its folder.

    Args:
        folder: the run's `Path`.
        runs: the folder that holds all.

    Returns:
        Dictionary: what stands in each column, `sorted_by`, and a `link` to its page.
    """
    row = dict.fromkeys(COLUMNS, "")
    name = folder.relative_to(runs).as_posix()
    report = folder / "report.html"
    link = quote(os.fsencode(f"{name}/report.html")) if report.is_file() else ""
    row |= {"run": name, "metrics": [], "more": "", "link": link}
    keys = dict.fromkeys(COLUMNS, "")
    keys["run"] = name
    try:
        _of_training(row, keys, folder)
        _of_measurement(row, keys, folder)
    except (UserError, TypeError, ValueError, KeyError, AttributeError, OSError) as error:
        known = isinstance(error, UserError)
        row["state"] = re.split(r": | \(", str(error))[0] if known else DAMAGED
    for column in set(COLUMNS) - {"metrics", "begun"}:
        keys[column] = keys[column] or row[column]
    return {**row, "sorted_by": keys}


def _of_training(row, keys, folder):
    """What `config.json` and `history.csv` say."""
    config = read_json(folder / "config.json")
    options = config["options"]
    row["recipe"] = str(config.get("recipe", ""))
    if row["run"].startswith(f"{row['recipe']}/"):
        row["run"] = folder.name
    row["data"] = str(config["dataset"]["name"])
    row["cell"] = str(options.get("cell") or "")
    for column in ("units", "layers"):
        row[column] = int(options[column]) if column in options else ""
    begun = _begun(config, folder)
    row["begun"] = begun.strftime("%Y-%m-%d %H:%M")
    keys["begun"] = begun.astimezone(datetime.UTC).isoformat()
    epochs = int(options["epochs"])
    if not (folder / "history.csv").exists():
        row["state"] = "no epoch is done"
        return
    history = Run(row["recipe"], folder).load_history()
    row["minutes"] = f"{sum(each['seconds'] for each in history) / 60:.1f}"
    if len(history) < epochs:
        row["state"] = f"{len(history)} of {epochs} epochs"
    elif not (folder / MODEL).exists():
        row["state"] = f"without {MODEL}"


def _begun(config, folder):
    """When the training began."""
    try:
        begun = datetime.datetime.fromisoformat(config["started"])
    except (KeyError, TypeError, ValueError):
        begun = datetime.datetime.fromtimestamp((folder / "config.json").stat().st_mtime)
    return begun.astimezone()


def _of_measurement(row, keys, folder):
    """What `metrics.json` says."""
    if not (folder / "metrics.json").exists():
        row["state"] = row["state"] or "not evaluated"
        return
    record = read_json(folder / "metrics.json")
    row["data"], row["split"] = str(record["dataset"]), str(record["split"])
    row["parameters"] = f"{int(record['parameters']):,}"
    keys["parameters"] = int(record["parameters"])
    metrics = {str(name): float(value) for name, value in record["metrics"].items()}
    baselines = record.get("baselines", {})
    for name, value in list(metrics.items())[:SHOWN]:
        beside = [
            f"{of} {float(figures[name]):.4g}"
            for of, figures in baselines.items()
            if name in figures
        ]
        told = f"({', '.join(beside)})" if beside else ""
        row["metrics"].append({"name": name, "value": f"{value:.4g}", "beside": told})
    first = next(iter(metrics.values()), math.nan)
    keys["metrics"] = "" if math.isnan(first) else first
    if len(metrics) > SHOWN:
        row["more"] = f"and {len(metrics) - SHOWN} more"


if __name__ == "__main__":
    main()
