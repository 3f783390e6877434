"""A run: everything that a training leaves behind, and all that using it needs."""

import csv
import datetime
import hashlib
import importlib.metadata
import io
import json
import math
import platform
import shlex
import zipfile
from pathlib import Path
from types import SimpleNamespace

from shared.errors import UserError
from shared.files import (
    digest,
    read_json,
    remove_temporaries,
    replacing,
    write_bytes,
    write_json,
    write_text,
)
from shared.training.devices import describe_device

MODEL = "model.keras"
BELONGING = "belonging.json"  # within `MODEL`: what belongs to it
CHANGEABLE = ("epochs", "checkpoint_every", "data_dir")  # options that a continued run may change


class Run:
    """A run folder.

    `config.json`, `history.csv`, `checkpoint/`, `model.keras`, `metrics.json`, `report.html`, and
    the recipe's own files (vocabulary, class names), all written whole or not at all.

    Attributes:
        recipe: the recipe's name.
        folder: the run's `Path`.
        belonging: size and hash of each file that the network can't do without, by name, and the
            hash of `config.json`. It is saved within `model.keras`, so that nothing comes between
            the two, and `check_belonging` refuses files that are not those.
    """

    writes = True  # see `workers.Follower`

    def __init__(self, recipe, folder):
        self.recipe = recipe
        self.folder = Path(folder)
        self.belonging = {}

    def path(self, name):
        return self.folder / name

    def part(self, name):
        """The `Part` of that name, for a run that trains several networks."""
        return Part(self, name)

    @property
    def resume_command(self):
        """What continues the training, on the backend that it was begun on."""
        folder = shlex.quote(str(self.folder))
        trained_on = self.config["backend"]
        setting = "" if trained_on == "tensorflow" else f"KERAS_BACKEND={trained_on} "
        return f"{setting}python -m recipes.{self.recipe} train --resume --run {folder}"

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
        config["sha256"] = self.belonging["config.json"] = hash_of(config)
        write_json(self.path("config.json"), config)

    def change_config(self, options):
        """Write to `config.json` what a continued run has changed of its options."""
        config = self.config
        config["options"].update({name: getattr(options, name) for name in CHANGEABLE})
        write_json(self.path("config.json"), config)

    def check_config(self):
        """Raise UserError where `config.json` is not as `save_config` wrote it."""
        path, config = self.path("config.json"), self.config
        if isinstance(config, dict) and config.get("recipe", self.recipe) != self.recipe:
            raise UserError(
                f"{self.folder} is a run of the recipe {config['recipe']}, not {self.recipe}. Use "
                f"it with: python -m recipes.{config['recipe']}"
            )
        try:
            options, dataset = config["options"], config["dataset"]
            whole = config["sha256"] == hash_of(config)
            whole &= set(options) >= set(CHANGEABLE) and {"name", "version"} <= set(dataset)
            whole &= type(options["epochs"]) is int and options["epochs"] > 0
            whole &= type(options["checkpoint_every"]) is float
            whole &= isinstance(options["data_dir"], str | None)
            whole &= isinstance(config["backend"], str)
        except (KeyError, TypeError, AttributeError):
            whole = False
        if not whole:
            raise UserError(
                f"{path} is damaged: it is not as the training wrote it. Bring it back, or train a "
                "new run."
            )
        self.belonging["config.json"] = config["sha256"]

    def keep(self, name, content, anew=False):
        """Write a file that belongs to the model: what the network's numbers mean.

        Args:
            name: of the file.
            content: bytes, or a text.
            anew: replace another content, and remove the model that it belongs to: for what only
                the end of a training decides. `save_model` comes next.

        Raises:
            UserError: where the run has that file already, with another content.
        """
        content = content.encode() if isinstance(content, str) else content
        path = self.path(name)
        if not path.exists():
            write_bytes(path, content)
        elif _read(path) != content and anew:
            self.path(MODEL).unlink(missing_ok=True)
            write_bytes(path, content)
        elif _read(path) != content:
            raise UserError(
                f"{path} is another one than this data gives. Bring back the file or the data of "
                "that time, or train a new run."
            )
        self.belonging[name] = digest(content)

    def keep_model(self, network, name):
        """Write a network that belongs to the model; one that the run has already stays."""
        if not self.path(name).exists():
            with replacing(self.path(name)) as temporary:
                network.save(temporary)
        self.belonging[name] = digest(_read(self.path(name)))

    def save_model(self, network):
        """Write `model.keras`, and within it what belongs to it."""
        with replacing(self.path(MODEL)) as temporary:
            network.save(temporary)
            with zipfile.ZipFile(temporary, "a") as archive:
                archive.writestr(BELONGING, json.dumps(self.belonging))

    def check_belonging(self):
        """Raise UserError where a file that the model needs is missing or is another one."""
        path = self.path(MODEL)
        if not path.is_file():
            raise UserError(self._without_model())
        try:
            with zipfile.ZipFile(path) as archive:
                belonging = dict(json.loads(archive.read(BELONGING)))
        except KeyError as error:
            raise UserError(
                f"{path} does not say which files belong to it: no run wrote it. Train again, or "
                "choose another run with --run."
            ) from error
        except Exception as error:  # a damaged archive fails in zip, zlib or JSON
            raise _damaged(path, error) from error
        self.compare(belonging, path)

    def compare(self, belonging, path):
        """Raise UserError where the run's files are not those that belong to a model.

        Args:
            belonging: as the attribute, read from a file of the run.
            path: of that file.
        """
        for name, expected in belonging.items():
            if name == "config.json":
                found = self.config.get("sha256")
            else:
                found = digest(_read(self.path(name)))
            if found != expected:
                raise UserError(
                    f"{self.path(name)} does not belong to {path}: it was changed, or is of "
                    "another run. Bring it back, or train a new run."
                )

    def _without_model(self):
        """Why there is no model, and what to do about it."""
        try:
            done = len(self.load_history()) >= self.options.epochs
        except UserError:
            done = False
        if done:
            return (
                f"{self.path(MODEL)} is missing, though the training has ended. Bring it back, or "
                "train a new run."
            )
        return (
            f"{self.folder} has no {MODEL}: its training ended too early. Continue it: "
            f"{self.resume_command}"
        )

    def load_model(self, name=MODEL):
        """Load a model of the run, without any code that might be hidden in it (safe mode).

        Raises:
            UserError: where it is absent or damaged.
        """
        import keras

        import shared.layers  # noqa: F401  registers our layers under their saved names

        path = self.path(name)
        try:
            return keras.saving.load_model(path, compile=False, safe_mode=True)
        except Exception as error:  # a damaged archive fails in zip, JSON, HDF5 or Keras
            raise _damaged(path, error) from error

    def save_history(self, history):
        """Write `history.csv`: one row for each dictionary in `history`."""
        text = io.StringIO()
        writer = csv.DictWriter(text, fieldnames=list(history[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(history)
        write_text(self.path("history.csv"), text.getvalue())

    def load_history(self):
        """Read `history.csv`: a dictionary for each epoch.

        Raises:
            UserError: where it is missing or damaged.
        """
        path = self.path("history.csv")
        kinds = {"epoch": int, "dataset": str}
        needed = {"epoch", "loss", "val_loss", "seconds", "dataset"}
        history = []
        try:
            rows = csv.reader(io.StringIO(_read(path).decode(), newline=""), strict=True)
            columns = next(rows, [])
            if not needed <= set(columns) or len(set(columns)) < len(columns):
                raise ValueError("columns are missing, or there twice")
            for row in rows:  # the first that isn't whole ends it, before a long file is in memory
                values = zip(columns, row, strict=True)
                history.append({name: kinds.get(name, float)(value) for name, value in values})
            numbers = [value for row in history for key, value in row.items() if key != "dataset"]
            if not numbers or not all(map(math.isfinite, numbers)):
                raise ValueError("not all is numbers")
        except (ValueError, csv.Error) as error:
            raise UserError(
                f"{path} is damaged ({error}). Bring it back, or train a new run."
            ) from error
        return history

    def record(self, source, split, examples, metrics, parameters, **more):
        """What `metrics.json` says: what was measured, on what, and what it took to get there.

        Args:
            source: the data `Source` measured on.
            split: name of the split.
            examples: how many examples it was measured on.
            metrics: dictionary name -> float.
            parameters: the network's number of weights.
            more: anything else worth keeping beside the numbers.
        """
        record = {
            "recipe": self.recipe,
            "dataset": source.name,
            "split": split,
            "examples": examples,
            "seed": self.config["seed"],
            "metrics": metrics,
            "parameters": parameters,
            **more,
        }
        if source.notice or self.notice:
            record["notice"] = source.notice or self.notice
        return record

    def save_metrics(self, record):
        """Write `metrics.json`: what `record` gave, and how long the training took."""
        record["wall_seconds"] = round(sum(row["seconds"] for row in self.load_history()), 1)
        write_json(self.path("metrics.json"), record)


class Part(Run):
    """One of several networks of a run: its history, checkpoint and model in a folder of its own.

    All else is the run's: its `config.json`, and the files that belong to its model.

    Args:
        run: the `Run`.
        name: of the folder, within that of the run.
    """

    def __init__(self, run, name):
        super().__init__(run.recipe, run.folder / name)
        self.run = run
        self.belonging = run.belonging

    def path(self, name):
        own = name in (MODEL, "history.csv") or name.startswith("checkpoint")
        return self.folder / name if own else self.run.path(name)

    @property
    def resume_command(self):
        return self.run.resume_command

    def make(self):
        """Make its folder, if it isn't there; the `Part` itself.

        Raises:
            UserError: where that can't be.
        """
        try:
            self.path("checkpoint").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"Can't write to {self.folder}: {error.strerror}.") from error
        for folder in (self.folder, self.path("checkpoint")):
            remove_temporaries(folder, spared=lambda name: False)
        return self


def hash_of(config):
    """The SHA-256 of what `config.json` says, but for what a continued run may change."""
    lasting = {name: value for name, value in config.items() if name != "sha256"}
    lasting["options"] = {
        name: value for name, value in config["options"].items() if name not in CHANGEABLE
    }
    return hashlib.sha256(json.dumps(lasting, sort_keys=True).encode()).hexdigest()


def _read(path):
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(
            f"Can't read {path}: {error.strerror}. Bring it back, or train a new run."
        ) from error


def _damaged(path, error):
    return UserError(
        f"{path} is damaged or is not a Keras model ({type(error).__name__}). Train again, or "
        "choose another run with --run."
    )
