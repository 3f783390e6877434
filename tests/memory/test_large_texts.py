"""Ten times as much text takes hardly more memory: the peak of `train` over 200 batches."""

import csv
import json
import signal
import subprocess
import sys

import numpy as np
import pytest

from tests.conftest import ROOT, environment

MEGABYTES = 30, 300  # of text
ALLOWED = 200e6  # bytes that the larger one may take beyond the smaller one
BATCHES = 200
WORDS = 200_000  # different ones
FILES = {"sentiment": "texts.csv", "translation": "pairs.csv", "language_modeling": "text.txt"}
SMALL = {
    "sentiment": ["--units", "32", "--max-length", "200"],
    "translation": ["--units", "64"],
    "language_modeling": ["--units", "128", "--layers", "1"],
}


@pytest.fixture(scope="module", autouse=True)
def asked_for(pytestconfig):
    if not pytestconfig.getoption("--memory"):
        pytest.skip("takes half an hour: make test-memory")


def words_of(generator):
    """Function count -> words: the nth most frequent one stands once in n words, as Zipf found."""
    letters = generator.choice(list("etaoinshrdlucmfwypvbgkjqxz"), (WORDS, 10))
    lengths = generator.integers(2, 11, WORDS)
    words = np.array(["".join(row[:n]) for row, n in zip(letters, lengths, strict=True)], object)
    shares = np.cumsum(1 / (np.arange(WORDS) + 2.7))
    return lambda count: words[np.searchsorted(shares / shares[-1], generator.random(count))]


def write(path, megabytes):
    """Fill a file with random words, in the form that its name stands for."""
    generator = np.random.default_rng(1)
    words = words_of(generator)

    def row():
        length = int(generator.gamma(3, 60 if path.name == "texts.csv" else 4)) + 2
        text = " ".join(words(length))
        if path.name == "texts.csv":
            label = ("good", "bad")[generator.integers(2)]
            return [f"{text} {label}", label]
        return [text, " ".join(word[::-1] for word in text.split())]

    with open(path, "w", newline="", encoding="utf-8") as file:
        if path.name == "text.txt":
            while file.tell() < megabytes * 1e6:
                file.write(" ".join(words(2000)) + ".\n")
            return
        table = csv.writer(file)
        table.writerow(["text", "label"] if path.name == "texts.csv" else ["de", "en"])
        while file.tell() < megabytes * 1e6:
            table.writerows(row() for _ in range(200))


@pytest.mark.parametrize("name", FILES)
def test_peak_memory_does_not_grow_with_the_text(name, tmp_path):
    peaks = []
    for megabytes in MEGABYTES:
        path = tmp_path / FILES[name]
        write(path, megabytes)
        arguments = ["train", "--file", path, "--run", tmp_path / str(megabytes), *SMALL[name]]
        result = subprocess.run(
            [sys.executable, "-m", "tests.memory.measured", str(BATCHES), name, *arguments],
            cwd=ROOT,
            env=environment(),
            capture_output=True,
            text=True,
        )
        assert result.returncode == 128 + signal.SIGTERM, result.stderr
        found = json.loads(result.stdout.splitlines()[-1])
        peaks.append(found["peak"])
        print(
            f"{name}, {megabytes} MB of text: peak {found['peak'] / 1e6:,.0f} MB, "
            f"{1000 * found['seconds']:.0f} ms a batch"
        )
    assert peaks[1] - peaks[0] < ALLOWED
