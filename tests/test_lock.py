"""A lock is held by one process at a time, and by none that has died."""

import os
import platform
import signal
import subprocess
import sys

import pytest

from shared.errors import UserError
from shared.lock import locked
from tests.conftest import ROOT

HOLDS = """
import pathlib, sys, time
from shared.lock import locked
with locked(pathlib.Path(sys.argv[1]), str):
    print("held", flush=True)
    time.sleep(float(sys.argv[2]))
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "lock"


def busy(holder):
    return f"runs/a is in use by {holder}. Wait."


def take(path, wait=False):
    with locked(path, busy, wait):
        return path.read_text()


def holding(path, seconds):
    """A process that has begun to hold the lock for so long."""
    command = [sys.executable, "-c", HOLDS, str(path), str(seconds)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"held\n"
    return process


def test_another_process_is_named_and_its_death_frees_the_lock(path):
    with holding(path, 60) as process:
        words = rf"^runs/a is in use by process {process.pid} on {platform.node()} since \d{{4}}-"
        with pytest.raises(UserError, match=words + r".*\. Wait\.$"):
            take(path)
        process.send_signal(signal.SIGKILL)
    assert path.exists(), "as a killed process leaves it"
    assert f"process {os.getpid()} " in take(path)
    assert not path.exists()


def test_waited_for_where_that_is_asked_for(path, capsys):
    with holding(path, 0.3) as process:
        assert f"process {os.getpid()} " in take(path, wait=True)
    assert f"runs/a is in use by process {process.pid} on" in capsys.readouterr().err
    assert not path.exists()


def test_held_within_one_process_too(path):
    with locked(path, busy), pytest.raises(UserError, match=f"process {os.getpid()}"):
        take(path)
    take(path)


def test_an_error_within_lets_go(path):
    with pytest.raises(ZeroDivisionError), locked(path, busy):
        1 / 0  # noqa: B018
    take(path)


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(UserError, match=r"Can't write .*gone/lock: No such file"):
        take(tmp_path / "gone" / "lock")
