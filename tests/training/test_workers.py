"""Several processes train as one does; one that is killed ends the others, and the run goes on.

The trainings take minutes, and need the JAX backend: make test-workers.
"""

import importlib.util
import os
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import pytest

from shared.errors import UserError
from shared.training import workers
from tests.conftest import ROOT, environment
from tests.training.trainings import left_in

SMALL = ["--dataset", "sample", "--limit", "77", "--units", "8", "--dropout", "0"]
SMALL += ["--batch-size", "16"]
RECIPES = {
    "sentiment": [*SMALL, "--word-dropout", "0", "--max-length", "16"],
    "translation": [*SMALL, "--vocabulary-size", "400", "--max-length", "24"],
}
ENDING = 60  # seconds in which the others end when one was killed


@pytest.fixture
def asked_for(pytestconfig):
    if not pytestconfig.getoption("--workers"):
        pytest.skip("takes minutes: make test-workers")
    if importlib.util.find_spec("jax") is None:
        pytest.skip("JAX isn't installed")


def start(count, folder, recipe, *arguments):
    """The processes of so many workers that train in `folder`; one alone trains without others."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    known = {
        **environment(),
        "KERAS_BACKEND": "jax",
        "JAX_COORDINATOR_ADDRESS": f"127.0.0.1:{port}",
        "JAX_NUM_PROCESSES": str(count),
    }
    started = []
    for number in range(count):
        command = [sys.executable, "-m", "tests.training.worker", f"{folder}.{number}.digest"]
        command += [recipe, "train", "--run", str(folder), *arguments]
        with open(f"{folder}.{number}.log", "w") as log:
            process = subprocess.Popen(
                command,
                cwd=ROOT,
                env={**known, "JAX_PROCESS_ID": str(number)},
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        started.append(process)
    return started


def finish(started, folder):
    """Wait for workers that end well; the hash of the weights of each."""
    for number, process in enumerate(started):
        assert process.wait(1800) == 0, (folder.parent / f"{folder.name}.{number}.log").read_text()
    for log in folder.parent.glob(f"{folder.name}.*.log"):
        assert "cuda" not in log.read_text().lower()  # nothing of what libraries say
    return [
        (folder.parent / f"{folder.name}.{number}.digest").read_text()
        for number in range(len(started))
    ]


def assert_close(folder, expected):
    (found, history), (wanted, of_one) = left_in(folder), left_in(expected)
    for row, of_expected in zip(history, of_one, strict=True):
        assert row == pytest.approx(of_expected, abs=1e-4)
    compared = [name for name in wanted if not name.startswith("metrics")]
    assert len(compared) > 10
    for name in compared:
        np.testing.assert_allclose(found[name], wanted[name], atol=1e-4, err_msg=name)


@pytest.mark.parametrize("count", [2, 4])
@pytest.mark.parametrize("name", RECIPES)
def test_several_workers_train_as_one_does(name, count, tmp_path, asked_for):
    options = [*RECIPES[name], "--epochs", "2"]
    alone = start(1, tmp_path / "one", name, *options)
    finish(alone, tmp_path / "one")
    several = start(count, tmp_path / "all", name, *options, "--distribute", "multi-worker")
    assert len(set(finish(several, tmp_path / "all"))) == 1
    assert_close(tmp_path / "all", tmp_path / "one")


@pytest.mark.parametrize("killed", [0, 1])
def test_a_killed_worker_ends_the_others_and_the_run_goes_on(killed, tmp_path, asked_for):
    """With one worker more than before, to what a training that was never killed gives."""
    options = [*RECIPES["sentiment"], "--epochs", "10"]
    started = start(2, tmp_path / "run", "sentiment", *options, "--distribute", "multi-worker")
    while not (tmp_path / "run" / "checkpoint" / "latest.npz").exists():
        time.sleep(0.1)
        assert started[0].poll() is None, (tmp_path / "run.0.log").read_text()
    started[killed].send_signal(signal.SIGKILL)
    other = 1 - killed
    assert started[other].wait(ENDING) != 0
    time.sleep(1)
    said = (tmp_path / f"run.{other}.log").read_text().splitlines()
    assert said[-1].startswith("Error: Another worker has ended") and "--resume" in said[-1]
    resumed = start(3, tmp_path / "run", "sentiment", "--resume")
    finish(resumed, tmp_path / "run")
    alone = start(1, tmp_path / "one", "sentiment", *options)
    finish(alone, tmp_path / "one")
    assert_close(tmp_path / "run", tmp_path / "one")


@pytest.fixture
def nowhere(monkeypatch):
    for name in list(os.environ):
        if name.startswith(("JAX_", "SLURM_", "JOB_COMPLETION")):
            monkeypatch.delenv(name)
    return monkeypatch


def test_a_worker_knows_its_place_from_what_jax_documents(nowhere):
    for name, value in [("COORDINATOR_ADDRESS", "a:1"), ("NUM_PROCESSES", "3")]:
        nowhere.setenv(f"JAX_{name}", value)
    nowhere.setenv("JAX_PROCESS_ID", "2")
    number, arguments = workers.place()
    assert number == 2 and arguments["coordinator_address"] == "a:1"
    assert (arguments["num_processes"], arguments["process_id"]) == (3, 2)


def test_a_worker_knows_its_place_in_a_job_that_kubernetes_indexes(nowhere):
    nowhere.setenv("JAX_COORDINATOR_ADDRESS", "train-0.workers:1234")
    nowhere.setenv("JAX_NUM_PROCESSES", "2")
    nowhere.setenv("JOB_COMPLETION_INDEX", "1")
    number, arguments = workers.place()
    assert number == arguments["process_id"] == 1


def test_slurm_is_left_to_jax(nowhere):
    for name, value in zip(workers.SLURM, ("7", "node[1-2]", "2", "1", "0"), strict=True):
        nowhere.setenv(name, value)
    assert workers.place() == (1, {})


@pytest.mark.parametrize("number", [None, "2", "-1", "x"])
def test_a_place_that_is_none_is_refused(nowhere, number):
    nowhere.setenv("JAX_COORDINATOR_ADDRESS", "a:1")
    nowhere.setenv("JAX_NUM_PROCESSES", "2")
    if number:
        nowhere.setenv("JAX_PROCESS_ID", number)
    with pytest.raises(UserError, match=r"JAX_PROCESS_ID"):
        workers.place()
