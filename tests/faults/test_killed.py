"""Killed without warning, at its own writes and at any other moment: nothing is lost for good."""

import contextlib
import random
import signal
import subprocess
import sys
import time

import pytest

from shared.errors import UserError
from shared.training.run import Run
from tests.conftest import command_line, environment, small
from tests.training.trainings import assert_same

pytestmark = pytest.mark.usefixtures("asked_for")

OPTIONS = ["--limit", "96", "--epochs", "5", "--units", "8"]
OPTIONS += ["--batch-size", "16"]
MORE = {
    "captioning": ["--image-size", "32"],
    "language_modeling": ["--limit", "400", "--timesteps", "4"],  # of tokens
}
CHECKPOINTS = ["--checkpoint-every", "0.0001"]  # minutes: after every batch
# Moment, name and number of the write.
BEGINNING = [("half", "config.json", 1), ("after", "config.json", 1), ("before", "latest", 1)]
WRITES = [
    ("after", "lock", 2),
    ("half", "latest.npz", 2),
    ("before", "model.keras", 1),
    ("after", "model.keras", 1),
    ("half", "model.keras", 1),
    ("before", "history.csv", 1),
    ("after", "history.csv", 1),
    ("before", "latest.npz", 3),
    ("after", "latest.npz", 2),
]
RANDOM_KILLS = [("at", "moment drawn at random", number) for number in range(4)]
PRECISIONS = {"translation": "mixed_bfloat16", "frame_labeling": "mixed_float16"}


def finish(folder, recipe, arguments):
    result = subprocess.run(
        command_line(recipe, *arguments), cwd=folder, env=environment(), capture_output=True
    )
    assert result.returncode == 0, result.stderr.decode()


def command_for(write, recipe, arguments):
    if write in RANDOM_KILLS:
        return command_line(recipe, *arguments)
    moment, name, count = write
    return [
        *(sys.executable, "-m", "tests.faults.killing", moment, name, str(count)),
        *(recipe, *arguments),
    ]


def arguments_for(folder, options):
    """To begin a run, or to go on with it where that is possible."""
    if (folder / "config.json").exists():
        return ["train", "--resume", "--run", str(folder), *CHECKPOINTS]
    return ["train", "--run", str(folder), *options, *CHECKPOINTS]


def assert_whole(recipe, folder):
    """Raise where a file of a run that was killed is half written or fits no other."""
    run = Run(recipe, folder)
    if run.path("config.json").exists():
        run.check_config()
    if run.path("history.csv").exists():
        run.load_history()
    if run.path("model.keras").exists():
        run.check_belonging()
    else:
        with pytest.raises(UserError):
            run.check_belonging()


def test_killed_again_and_again_a_run_ends_as_if_it_had_not_been(recipe, tmp_path, injected):
    more = ["--precision", PRECISIONS.get(recipe, "float32"), *MORE.get(recipe, [])]
    options = small(recipe, *OPTIONS, *more)
    # In the folder of the recipe's runs, so that `latest` is written too.
    folder, straight = (tmp_path / "runs" / recipe / name for name in ("killed", "straight"))
    begun = time.monotonic()
    finish(tmp_path, recipe, ["train", "--run", straight, *options])
    seconds = time.monotonic() - begun

    names = [path.name for path in straight.iterdir()]
    own = next(name for name in names if name.startswith(("vocabulary", "classes", "target")))
    draw = random.Random(recipe)
    # Those of the beginning come first, since a run begins once.
    first = [BEGINNING[0], draw.choice(BEGINNING[1:]), ("before", own, 1)]
    for write in [*first, *draw.sample([*WRITES, *RANDOM_KILLS], 6)]:
        process = subprocess.Popen(
            command_for(write, recipe, arguments_for(folder, options)),
            cwd=tmp_path,
            env=environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        if write in RANDOM_KILLS:
            # Loading TensorFlow takes half of the time, and has nothing to lose.
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(seconds * draw.uniform(0.4, 0.9))
            process.send_signal(signal.SIGKILL)
        code = process.wait()
        if code == -signal.SIGKILL:
            name = "names" if own in write else write[1]
            injected(f"SIGKILL {'at a' if write in RANDOM_KILLS else 'at a write:'} {name}")
            assert_whole(recipe, folder)
        else:
            assert code == 0, write
    finish(tmp_path, recipe, arguments_for(folder, options))
    assert_same(folder, straight)
    left = [path for path in folder.rglob("*") if path.name.startswith(".") or path.name == "lock"]
    assert not left
