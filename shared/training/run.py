"""The run folder: everything that a training leaves behind, and all that using it needs."""

import csv
import datetime
import importlib.metadata
import io
import os
import platform
import time
from pathlib import Path
from types import SimpleNamespace

from shared.errors import UserError
from shared.files import read_json, replacing, write_json, write_text
from shared.training.devices import check, describe_device

RUNS = Path("runs")


class Run:
    """A run folder.

    `config.json`, `history.csv`, `checkpoint/`, `model.keras`, `metrics.json`, `report.html`, and
    the recipe's own files (vocabulary, class names), all written whole or not at all.

    Attributes:
        recipe: the recipe's name.
        folder: the run's `Path`.
    """

    def __init__(self, recipe, folder):
        self.recipe = recipe
        self.folder = Path(folder)

    def path(self, name):
        return self.folder / name

    @property
    def config(self):
        """What `config.json` says: options, data set, versions, device."""
        return read_json(self.path("config.json"))

    @property
    def options(self):
        """The options of the training, as a namespace."""
        return SimpleNamespace(**self.config["options"])

    @property
    def dataset(self):
        """The name of the data set that the run was trained on."""
        return self.config["dataset"]["name"]

    @property
    def notice(self):
        """The line to show wherever this run is shown; empty for a run on public data."""
        return self.config["dataset"].get("notice", "")

    def check_unchanged(self, source):
        """Raise UserError where the user's files that the run was trained on are other ones now.

        Their splits would be others. The version of a `Source` of files says what is in them.
        """
        trained = self.config["dataset"]
        own = source.files and list(source.files) == trained.get("files")
        if own and source.version != trained["version"]:
            raise UserError(
                f"{source.name} has changed since {self.folder} was trained on it. Train a new run."
            )

    def save_config(self, options, source):
        """Write `config.json` from the training's options and its data `Source`."""
        import keras

        versions = {"python": platform.python_version()}
        for package in ("keras", "tensorflow", "jax", "torch", "tensorflow-datasets", "numpy"):
            try:
                versions[package] = importlib.metadata.version(package)
            except importlib.metadata.PackageNotFoundError:
                continue
        config = {
            "recipe": self.recipe,
            "dataset": source.describe(),
            "seed": options.seed,
            "options": {
                name: value
                for name, value in vars(options).items()
                if name not in ("resume", "evaluate")
            },
            "backend": keras.backend.backend(),
            "device": describe_device(),
            "versions": versions,
            "started": datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
        }
        write_json(self.path("config.json"), config)

    def save_model(self, network, name="model.keras"):
        with replacing(self.path(name)) as temporary:
            network.save(temporary)

    def load_model(self, name="model.keras"):
        """Load a model of the run, without any code that might be hidden in it (safe mode).

        Raises:
            UserError: where it is absent or damaged.
        """
        import keras

        import shared.layers  # noqa: F401  registers our layers under their saved names

        path = self.path(name)
        if not path.is_file():
            raise UserError(
                f"{self.folder} has no {name}: its training ended too early. Continue it: "
                f"python -m recipes.{self.recipe} train --resume --run {self.folder}"
            )
        try:
            return keras.saving.load_model(path, compile=False, safe_mode=True)
        except Exception as error:  # a damaged archive fails in zip, JSON, HDF5 or Keras
            raise UserError(
                f"{path} is damaged or is not a Keras model ({type(error).__name__}). Train again, "
                "or choose another run with --run."
            ) from error

    def save_history(self, history):
        """Write `history.csv`: one row for each dictionary in `history`."""
        text = io.StringIO()
        writer = csv.DictWriter(text, fieldnames=list(history[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(history)
        write_text(self.path("history.csv"), text.getvalue())

    def load_history(self):
        """Read `history.csv`: a dictionary for each epoch; an empty list where there is none.

        Raises:
            UserError: where it is damaged.
        """
        path = self.path("history.csv")
        if not path.is_file():
            return []
        try:
            with open(path, newline="", encoding="utf-8") as file:
                rows = list(csv.DictReader(file))
            kinds = {"epoch": int, "dataset": str}
            return [{key: kinds.get(key, float)(row[key]) for key in row} for row in rows]
        except (OSError, ValueError, TypeError) as error:
            raise UserError(f"{path} is damaged ({error}). Start a new run.") from error

    def save_metrics(self, source, split, examples, metrics, parameters, **more):
        """Write `metrics.json`: what was measured, on what, and what it took to get there.

        Args:
            source: the data `Source` measured on.
            split: name of the split.
            examples: how many examples it was measured on.
            metrics: dictionary name -> float.
            parameters: the network's number of weights.
            more: anything else worth keeping beside the numbers.

        Returns:
            What was written.
        """
        record = {
            "recipe": self.recipe,
            "dataset": source.name,
            "split": split,
            "examples": examples,
            "seed": self.config["seed"],
            "metrics": metrics,
            "wall_seconds": round(sum(row["seconds"] for row in self.load_history()), 1),
            "parameters": parameters,
            **more,
        }
        if source.notice or self.notice:
            record["notice"] = source.notice or self.notice
        write_json(self.path("metrics.json"), record)
        return record


def start_run(options, source):
    """The run folder to train in: a new one with its `config.json`, or with `resume` an old one.

    Args:
        options: the namespace of `train`.
        source: the data `Source`.

    Raises:
        UserError: where that can't be; then nothing is written.
    """
    check(options)
    if options.resume:
        run = open_run(options.recipe, options.run)
        run.check_unchanged(source)
        return run
    run = new_run(options.recipe, options.run)
    run.save_config(options, source)
    return run


def new_run(recipe, folder=None):
    """Make a run folder; `runs/<recipe>/latest` points to the newest of those in that folder.

    Args:
        recipe: the recipe's name.
        folder: a folder that is empty or doesn't exist; None for a new dated one.

    Raises:
        UserError: where the folder can't be made or already holds a run.
    """
    dated = RUNS / recipe / time.strftime("%Y%m%d-%H%M%S")
    folder = Path(folder) if folder else _not_taken(dated)
    check_free(folder)
    try:
        (folder / "checkpoint").mkdir(parents=True, exist_ok=True)
        probe = folder / ".writable"
        probe.touch()
        probe.unlink()
        if folder.resolve().parent == (RUNS / recipe).resolve():
            _point_latest_to(folder, RUNS / recipe / "latest")
    except OSError as error:
        raise UserError(
            f"Can't write to the run folder {folder}: {error.strerror}. Choose another with --run."
        ) from error
    return Run(recipe, folder)


def check_free(folder):
    """Raise UserError where a folder already holds a run."""
    if Path(folder, "config.json").exists():
        raise UserError(
            f"{folder} already holds a run. Continue it with --resume, or choose another --run."
        )


def open_run(recipe, folder=None):
    """Open an existing run folder; None means the newest.

    Raises:
        UserError: where there is none, or it belongs to another recipe.
    """
    train = f"Train first: python -m recipes.{recipe} train"
    if folder is None:
        folder = RUNS / recipe / "latest"
        if not folder.exists():
            raise UserError(f"There is no run in {RUNS / recipe} yet. {train}")
        folder = Path(os.path.relpath(folder.resolve()))
    run = Run(recipe, folder)
    if not run.folder.is_dir():
        raise UserError(f"There is no run folder {run.folder}. {train}")
    if not run.path("config.json").is_file():
        raise UserError(f"{run.folder} is not a run folder: it has no config.json. {train}")
    config = run.config
    if not isinstance(config, dict) or not {"recipe", "options", "dataset"} <= set(config):
        raise UserError(f"{run.path('config.json')} is damaged: it lacks what a run needs. {train}")
    if config["recipe"] != recipe:
        raise UserError(
            f"{run.folder} is a run of the recipe {config['recipe']}, not {recipe}. Use it with: "
            f"python -m recipes.{config['recipe']}"
        )
    return run


def _not_taken(folder):
    """The folder itself, or, for a second run within one second, the next free name."""
    candidate, number = folder, 2
    while candidate.exists():
        candidate = folder.with_name(f"{folder.name}-{number}")
        number += 1
    return candidate


def _point_latest_to(folder, link):
    link.parent.mkdir(parents=True, exist_ok=True)
    temporary = link.with_name(f".latest-{os.getpid()}")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(os.path.relpath(folder.resolve(), link.parent.resolve()))
    os.replace(temporary, link)
