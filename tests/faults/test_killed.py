"""Killed without warning, at its own writes and at any other moment: nothing is lost for good."""

import os
import random
import signal
import subprocess
import sys
import time

import pytest

from shared.errors import UserError
from shared.training.run import Run
from tests.conftest import ROOT, command_line
from tests.training.trainings import assert_same

OPTIONS = ["--dataset", "sample", "--limit", "96", "--epochs", "3", "--units", "8"]
OPTIONS += ["--batch-size", "16"]
MORE = {
    "captioning": ["--image-size", "32"],
    "language_modeling": ["--limit", "400", "--timesteps", "4"],  # of tokens
}
CHECKPOINTS = ["--checkpoint-every", "0.0001"]  # minutes: after every batch
# Moment, name and number of the write; those of each row are suffered one after the other.
WRITES = [
    ("half", "config.json", 1),
    ("after", "config.json", 1),
    ("after", "lock", 2),
    ("before", "latest", 1),
    ("half", "latest.npz", 2),
    ("before", "model.keras", 1),
    ("after", "model.keras", 1),
    ("half", "model.keras", 1),
    ("before", "history.csv", 1),
    ("after", "history.csv", 1),
    ("before", "latest.npz", 3),
    ("after", "latest.npz", 2),
]
PRECISIONS = {"translation": "mixed_bfloat16", "frame_labeling": "mixed_float16"}
RANDOM_KILLS = 3


@pytest.fixture(autouse=True)
def asked_for(request):
    if not request.config.getoption("--faults"):
        pytest.skip("takes minutes: make test-faults")


def environment():
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def finish(folder, recipe, arguments):
    result = subprocess.run(
        command_line(recipe, *arguments), cwd=folder, env=environment(), capture_output=True
    )
    assert result.returncode == 0, result.stderr.decode()


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
    options = [*OPTIONS, "--precision", PRECISIONS.get(recipe, "float32"), *MORE.get(recipe, [])]
    # In the folder of the recipe's runs, so that `latest` is written too.
    folder, straight = (tmp_path / "runs" / recipe / name for name in ("killed", "straight"))
    begun = time.monotonic()
    finish(tmp_path, recipe, ["train", "--run", straight, *options])
    seconds = time.monotonic() - begun

    names = [path.name for path in straight.iterdir()]
    own = next(name for name in names if name.startswith(("vocabulary", "classes", "target")))
    draw = random.Random(recipe)
    writes = [("before", own, 1), *draw.sample(WRITES, 6)]
    # Those of the beginning come first, since a run begins once.
    writes.sort(key=lambda write: write[1] not in ("config.json", "latest"))
    for moment, name, count in writes:
        if name == own and folder.joinpath(own).exists():
            continue
        begins = not (folder / "config.json").exists()
        if name in ("config.json", "latest") and not begins:
            continue
        result = subprocess.run(
            [
                *(sys.executable, "-m", "tests.faults.killing", moment, name, str(count)),
                *(recipe, *arguments_for(folder, options)),
            ],
            cwd=tmp_path,
            env=environment(),
            capture_output=True,
        )
        if result.returncode != -signal.SIGKILL:  # the run had come to its end before that write
            assert result.returncode == 0, (moment, name, result.stderr.decode())
            continue
        injected(f"SIGKILL at a write: {name if name != own else 'names'}")
        assert_whole(recipe, folder)

    for _ in range(RANDOM_KILLS):
        process = subprocess.Popen(
            command_line(recipe, *arguments_for(folder, options)),
            cwd=tmp_path,
            env=environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            process.wait(seconds * draw.uniform(0.4, 1))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            injected("SIGKILL at a moment drawn at random")
            assert_whole(recipe, folder)
    finish(tmp_path, recipe, arguments_for(folder, options))
    assert_same(folder, straight)
    left = [path for path in folder.rglob("*") if path.name.startswith(".") or path.name == "lock"]
    assert not left
