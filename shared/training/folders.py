"""Where runs are: a new folder for a training, the newest one for what comes after it."""

import contextlib
import errno
import os
import time
from pathlib import Path

from shared.errors import UserError
from shared.files import HOUR, digest, remove_temporaries
from shared.lock import locked
from shared.training.devices import check
from shared.training.run import MODEL, Run
from shared.training.workers import follows, together

RUNS = Path("runs")
LOCK = "lock"
OF_A_RUN = ("config.json", "history.csv", MODEL, "metrics.json", "checkpoint/latest.npz")
# Which need no lock.
OF_OTHER_COMMANDS = ("metrics.json", "report.html", "inspect.html", "gradients.html")


@contextlib.contextmanager
def start_run(options, source):
    """The run to train: a new one with its `config.json`, or with `resume` an old one.

    While the block runs, no other training can use its folder.

    Args:
        options: the namespace of `train`.
        source: the data `Source`.

    Raises:
        UserError: where that can't be; then nothing is written.
    """
    check(options)
    with together():
        if follows(options):
            yield Follower(options.recipe, options.run)
            return
        with _start_run(options, source) as run:
            yield run


@contextlib.contextmanager
def _start_run(options, source):
    if options.resume:
        run = open_run(options.recipe, options.run)
        run.check_unchanged(source)
        if run.path(MODEL).exists():
            run.check_belonging()
    else:
        run = new_run(options.recipe, options.run)
    with _in_use(run.folder):
        for folder in (run.folder, run.path("checkpoint")):
            remove_temporaries(folder, spared=OF_OTHER_COMMANDS.__contains__)
        if not options.resume:
            check_free(run.folder)  # somebody else may have been quicker
            run.save_config(options, source)
            point_latest_to(run)
        yield run


class Follower(Run):
    """The run of a worker that is not the first: it can be read, and nothing is written to it.

    Args:
        recipe: the recipe's name.
        folder: of the run, or None for one that only the first worker knows.
    """

    writes = False

    def __init__(self, recipe, folder):
        super().__init__(recipe, folder or os.devnull)

    def keep(self, name, content, anew=False):
        self.belonging[name] = digest(content.encode() if isinstance(content, str) else content)

    def _nothing(self, *arguments, **more):
        """The first worker does it."""

    save_config = change_config = keep_model = save_model = save_history = _nothing
    save_metrics = _nothing


def new_run(recipe, folder=None):
    """Make the folder of a run.

    Args:
        recipe: the recipe's name.
        folder: a folder without a run, or one that doesn't exist; None for a new dated one.

    Raises:
        UserError: where the folder can't be made or already holds a run.
    """
    dated = RUNS / recipe / time.strftime("%Y%m%d-%H%M%S")
    while True:
        run = Run(recipe, folder or _not_taken(dated))
        check_free(run.folder)
        try:
            # Of two trainings that begin in the same second, one makes the dated folder.
            run.folder.mkdir(parents=True, exist_ok=bool(folder))
            run.path("checkpoint").mkdir(exist_ok=True)
        except FileExistsError as error:
            if folder:
                raise _not_writable(run.folder, error) from error
        except OSError as error:
            raise _not_writable(run.folder, error) from error
        else:
            return run


def check_free(folder):
    """Raise UserError where a folder already holds a run, or can't be written to."""
    there = next(
        path
        for path in (Path(folder).absolute(), *Path(folder).absolute().parents)
        if path.exists()
    )
    if not there.is_dir() or not os.access(there, os.W_OK):
        reason = errno.EACCES if there.is_dir() else errno.ENOTDIR
        raise _not_writable(folder, OSError(reason, os.strerror(reason)))
    for name in OF_A_RUN:
        if Path(folder, name).exists():
            raise UserError(
                f"{folder} already holds a run. Continue it with --resume, or choose another --run."
            )


def check_unused(folder):
    """Raise UserError where another training uses a run's folder."""
    with _in_use(Path(folder)):
        pass


def open_run(recipe, folder=None):
    """Open an existing run folder; None means the newest.

    Raises:
        UserError: where there is none, it belongs to another recipe, or `config.json` is damaged.
    """
    train = f"Train first: python -m recipes.{recipe} train"
    if folder is None:
        link = RUNS / recipe / "latest"
        if link.is_symlink() and not link.exists():
            raise UserError(_deleted(link, train))
        if not link.exists():
            raise UserError(f"There is no run in {RUNS / recipe} yet. {train}")
        folder = Path(os.path.relpath(link.resolve()))
    run = Run(recipe, folder)
    if not run.folder.is_dir():
        raise UserError(f"There is no run folder {run.folder}. {train}")
    if not run.path("config.json").is_file():
        raise UserError(f"{run.folder} is not a run folder: it has no config.json. {train}")
    run.check_config()
    return run


def point_latest_to(run):
    """Let `runs/<recipe>/latest` point to a run, if that is in the same folder.

    Raises:
        UserError: where the link can't be written.
    """
    runs = RUNS / run.recipe
    if run.folder.resolve().parent != runs.resolve():
        return
    temporary = runs / f".latest-{os.getpid()}"
    try:
        for path in runs.glob(".latest-*"):  # of processes that were killed
            if path == temporary or time.time() - path.lstat().st_mtime > HOUR:
                path.unlink()
        temporary.symlink_to(run.folder.resolve().name)
        os.replace(temporary, runs / "latest")
    except OSError as error:
        raise _not_writable(runs, error) from error


def _in_use(folder):
    return locked(
        folder / LOCK,
        lambda holder: f"{folder} is in use by {holder}. Wait for it, or choose another --run.",
    )


def _not_taken(folder):
    """The folder itself, or, for a second run within one second, the next free name."""
    candidate, number = folder, 2
    while candidate.exists():
        candidate = folder.with_name(f"{folder.name}-{number}")
        number += 1
    return candidate


def _deleted(link, train):
    """What to say where only the newest run was deleted."""
    others = sorted(path.parent for path in link.parent.glob("*/config.json"))
    gone = f"The newest run, {os.path.relpath(link.resolve())}, is gone."
    return f"{gone} Name another with --run: {others[-1]}" if others else f"{gone} {train}"


def _not_writable(folder, error):
    return UserError(
        f"Can't write to the run folder {folder}: {error.strerror}. Choose another with --run."
    )
