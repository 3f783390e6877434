"""A long training takes no more memory and open files at its end than at its beginning."""

import os
import subprocess
import time

import numpy as np
import pytest

from tests.conftest import command_line, environment, small

pytestmark = pytest.mark.usefixtures("asked_for")

EPOCHS = 200
WARM = 40  # epochs after which all caches are full
OPTIONS = ["--limit", "64", "--units", "8", "--batch-size", "16"]
MORE = {
    "captioning": ["--image-size", "32"],
    "language_modeling": ["--limit", "400", "--timesteps", "8"],  # of tokens
}
MEGABYTES_PER_EPOCH = 0.3  # what an epoch of these few examples may leave


def epochs_done(folder):
    try:
        return len((folder / "history.csv").read_text().splitlines()) - 1
    except FileNotFoundError:
        return 0


def memory_and_files(process):
    with open(f"/proc/{process}/statm") as file:
        pages = int(file.read().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6, len(os.listdir(f"/proc/{process}/fd"))


def test_two_hundred_epochs_leak_nothing(recipe, tmp_path, injected):
    arguments = ["train", "--run", tmp_path / "a", "--epochs", EPOCHS, *small(recipe, *OPTIONS)]
    process = subprocess.Popen(
        command_line(recipe, *arguments, *MORE.get(recipe, [])),
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    rows = []
    while process.poll() is None:
        done = epochs_done(tmp_path / "a")
        try:
            rows.append((done, *memory_and_files(process.pid)))
        except (FileNotFoundError, IndexError, ProcessLookupError):
            break  # it has just ended
        time.sleep(0.5)
    assert process.wait() == 0
    done, memory, files = np.array([row for row in rows if row[0] >= WARM], float).T
    slope = np.polyfit(done, memory, 1)[0]
    injected(f"200 epochs of {recipe}", lost=f"{1000 * slope:.0f} KB per epoch, no file")
    assert slope < MEGABYTES_PER_EPOCH
    assert np.median(files[-10:]) <= np.median(files[:10])
