"""Nowhere to write to: what is finished is not lost, and the refusal is one line."""

import ctypes
import json
import os
import resource
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests.conftest import call, command_line, environment
from tests.training.trainings import assert_same

pytestmark = pytest.mark.usefixtures("asked_for")

RECIPE = "sentiment"  # what writes is the same code in all recipes
OPTIONS = ["--dataset", "sample", "--limit", "96", "--epochs", "2", "--units", "8"]
PR_CAPBSET_DROP, CAP_DAC_OVERRIDE = 24, 1  # of Linux's prctl and capabilities


@pytest.fixture(scope="module")
def trained():
    """A folder that everybody may read, with a run in it."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        result = call(RECIPE, "train", "--run", "straight", *OPTIONS)
    assert result.exit_code == 0, result.output
    yield folder
    shutil.rmtree(folder)


def run(folder, *arguments, **more):
    return subprocess.run(
        command_line(RECIPE, *arguments),
        cwd=folder,
        env=environment(),
        stderr=subprocess.PIPE,
        **{"stdout": subprocess.PIPE, **more},
    )


def one_line(result):
    """What was printed in refusal."""
    lines = [
        line for line in result.stderr.decode().splitlines() if line.startswith(("Error", "Trace"))
    ]
    assert result.returncode == 1 and len(lines) == 1 and "Error: " in lines[0], result.stderr
    return lines[0]


@pytest.mark.parametrize("kilobytes", [0, 1, 6, 40])
def test_a_disk_that_fills_while_training(kilobytes, trained, tmp_path, injected):
    """No file may be longer than so much: which of them is the first to fail depends on it."""

    def fill():
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000 * kilobytes, 1000 * kilobytes))

    folder = tmp_path / "filled"
    result = run(trained, "train", "--run", folder, *OPTIONS, preexec_fn=fill)
    # With no room at all, TensorFlow finds no temporary folder while it loads.
    words = "File too large" if kilobytes else "the disk may be full. Make some room"
    assert words in one_line(result)
    assert not [path for path in folder.rglob(".*") if path.is_file()]
    if (folder / "config.json").exists():
        assert call(RECIPE, "train", "--resume", "--run", folder).exit_code == 0
    else:
        assert call(RECIPE, "train", "--run", folder, *OPTIONS).exit_code == 0
    assert_same(folder, trained / "straight")
    injected("full disk while training", lost="what came after the last checkpoint")


def without_privilege():
    """Let permissions count for root as well: what it may do in spite of them is dropped."""
    if os.geteuid() == 0:
        ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, 0, 0, 0)


def test_a_measurement_in_a_folder_that_is_read_only_is_printed(trained, injected):
    folder = trained / "read-only"
    shutil.copytree(trained / "straight", folder)
    for path in [folder, folder / "checkpoint"]:
        path.chmod(0o555)
    result = run(trained, "evaluate", "--run", "read-only", preexec_fn=without_privilege)
    assert b"accuracy  0." in result.stdout
    assert "Can't write read-only/metrics.json: Permission denied" in one_line(result)
    result = run(trained, "train", "--resume", "--run", "read-only", preexec_fn=without_privilege)
    assert "Can't write read-only/lock: Permission denied" in one_line(result)
    injected("read-only folder", 2, lost="metrics.json (the screen has it)")


def test_a_measurement_that_can_not_be_printed_is_saved(trained, injected):
    """Whoever reads the screen goes when the measuring begins, as of `| head -1`."""
    process = subprocess.Popen(
        command_line(RECIPE, "evaluate", "--run", "straight"),
        cwd=trained,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout.readline() == b"Data: sample\n"
    process.stdout.close()
    assert process.stderr.read() == b"" and process.wait() == 1
    metrics = json.loads((trained / "straight" / "metrics.json").read_text())["metrics"]
    assert 0 <= metrics["accuracy"] <= 1
    injected("reader of the screen gone while measuring", lost="the screen (metrics.json has it)")


def test_a_screen_that_takes_nothing(trained, injected):
    with open("/dev/full", "w") as full:
        result = run(trained, "evaluate", "--run", "straight", stdout=full)
    assert "No space left" in one_line(result)
    injected("full standard output")
