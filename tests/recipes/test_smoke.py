"""Every recipe, as a user runs it: it learns its sample, resumes, and answers in a new process.

The recipes are found by looking at the folders under recipes/, so a copied one is tested as well.
Each says in its `sample.SMOKE` what it must reach.
"""

import importlib
import json
import os
import signal
import subprocess
import time

import numpy as np
import pytest

from lessons import pictures
from shared.training.run import Run
from tests.browser import DESKTOP, PHONE, complaints
from tests.conftest import ROOT, call, command_line, environment, inputs_of, small
from tests.recipes.sentiment.test_opinions import OPINIONS
from tests.training.trainings import assert_same


@pytest.fixture(scope="session")
def smoke(recipe):
    return importlib.import_module(f"recipes.{recipe}.sample").SMOKE


def is_its_own_sample(recipe):
    """Whether the recipe's tasks are generated, so that there is no public data to stand in for."""
    return importlib.import_module(f"recipes.{recipe}.data").DEFAULT == "sample"


@pytest.fixture(scope="session")
def screens():
    """What each command printed, by recipe and command."""
    return {}


@pytest.fixture(scope="session")
def trained(recipe, smoke, command, screens):
    """The folder of a run trained and evaluated where no public data can be had."""
    folder = command.folder / f"trained-{recipe}"
    screen = command(recipe, "train", "--run", folder, *smoke["arguments"])
    screens[recipe, "train"] = screen.stdout.decode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TFDS_DATA_DIR", str(folder / "no-data"))
        # In this process, which has TensorFlow loaded already; `predict` runs in one of its own.
        result = call(recipe, "evaluate", "--run", folder)
    assert result.exit_code == 0, result.output
    screens[recipe, "evaluate"] = result.stdout
    return folder


def test_learns_its_sample(recipe, smoke, trained):
    record = json.loads((trained / "metrics.json").read_text())
    assert record["recipe"] == recipe
    assert (record["dataset"], record["split"]) == ("sample", "test")
    value = record["metrics"][smoke["metric"]]
    assert ("at_least" in smoke) != ("at_most" in smoke)
    assert smoke.get("at_least", -np.inf) <= value <= smoke.get("at_most", np.inf)


def test_run_folder_is_complete(trained):
    names = {path.name for path in trained.iterdir()}
    wanted = "config.json history.csv checkpoint model.keras metrics.json report.html"
    assert set(wanted.split()) <= names
    assert not [name for name in names if name.startswith(".")], "temporary files left behind"
    config = json.loads((trained / "config.json").read_text())
    assert config["dataset"]["name"] == "sample"
    assert {"keras", "tensorflow", "python"} <= set(config["versions"])
    report = (trained / "report.html").read_text()
    assert "<svg" in report
    assert "http-equiv" not in report and 'src="http' not in report, "the page is self-contained"


def test_predicts_in_a_new_process(recipe, smoke, trained, command, tmp_path):
    inputs = inputs_of(recipe, tmp_path)
    result = command(recipe, "predict", "--run", trained, "--json", *inputs)
    answers = [json.loads(line) for line in result.stdout.decode().splitlines()]
    assert [answer["input"] for answer in answers] == inputs
    for answer, expected in zip(answers, smoke["answers"], strict=True):
        assert expected.items() <= answer.items()
    if not is_its_own_sample(recipe):
        assert result.stderr.decode().startswith("SAMPLE DATA, not ")


def test_pages_can_be_read(recipe, trained, open_page, tmp_path):
    """The report and `inspect`, on a wide and on a narrow screen, in the light and in the dark."""
    result = call(recipe, "inspect", "--run", trained, inputs_of(recipe, tmp_path)[0])
    assert result.exit_code == 0, result.output
    for page in ("inspect.html", "report.html"):
        for size in (DESKTOP, PHONE):
            assert not complaints(open_page(trained / page, size)), (page, size)
    assert (trained / "inspect.html").stat().st_size < 5_000_000
    record = json.loads((trained / "metrics.json").read_text())
    assert record["baselines"], "each recipe knows what can be had without looking"
    assert all(set(figures) <= set(record["metrics"]) for figures in record["baselines"].values())


def test_picture_of_the_readme(recipe, trained):
    """It is drawn from a run of the recipe; the one that is kept is small enough for a README."""
    if recipe not in pictures.DRAWN:
        pytest.skip("a recipe without a picture")
    svg = pictures.picture_of(Run(recipe, trained))
    assert "<svg" in svg and len(svg) < 200_000
    readme = (ROOT / "recipes" / recipe / "README.md").read_text()
    for theme in ("light", "dark"):
        assert f"../../pictures/{recipe}-{theme}.svg" in readme
        assert (ROOT / "pictures" / f"{recipe}-{theme}.svg").stat().st_size < 200_000


def test_short_opinions_in_plain_english(recipe, trained):
    """What a new user asks first, of the network that the first command trains."""
    if recipe != "sentiment":
        pytest.skip("asked of the recipe that reads opinions")
    texts, labels = zip(*OPINIONS, strict=True)
    result = call(recipe, "predict", "--json", "--run", trained, "-", stdin="\n".join(texts))
    answers = [json.loads(line)["label"] for line in result.stdout.splitlines()]
    assert sum(map(str.__eq__, answers, labels)) >= 30


def test_default_data_set_becomes_the_sample_and_says_so(recipe, trained, screens):
    """Where the public data can't be had: in the first line printed, and in the run's files."""
    first_line = screens[recipe, "train"].splitlines()[0]
    if is_its_own_sample(recipe):
        assert first_line == "Data: sample"
        return
    assert first_line.startswith("SAMPLE DATA, not ")
    assert screens[recipe, "evaluate"].splitlines()[0] == first_line
    for name in ("config.json", "metrics.json"):
        assert first_line in (trained / name).read_text(), name
    assert "SAMPLE DATA" in (trained / "report.html").read_text()
    assert (trained / "history.csv").read_text().splitlines()[1].endswith(",sample")


def test_the_notice_also_stands_where_the_run_is_continued(recipe, trained, screens):
    if recipe != "sentiment":
        pytest.skip("the same code in all recipes")
    result = call(recipe, "train", "--resume", "--run", trained)
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[0] == screens[recipe, "train"].splitlines()[0]
    assert "epochs are done" in result.stdout


def test_resumed_run_equals_one_never_stopped(recipe, command, monkeypatch):
    """Killed without warning in its second epoch and continued: the same weights, bit for bit."""
    options = small(recipe, "--limit", 96, "--epochs", 2, "--units", 16)
    straight, killed = (command.folder / f"{name}-{recipe}" for name in ("straight", "killed"))
    monkeypatch.chdir(command.folder)
    result = call(recipe, "train", "--run", straight, *options)
    assert result.exit_code == 0, result.output

    process = subprocess.Popen(
        command_line(recipe, "train", "--run", killed, *options),
        cwd=command.folder,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 240
    while not (killed / "checkpoint" / "latest.npz").exists():
        assert process.poll() is None and time.monotonic() < deadline, "no checkpoint was written"
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    with np.load(killed / "checkpoint" / "latest.npz") as checkpoint:
        assert checkpoint["epoch"] < 2, "killed too late to test anything"

    command(recipe, "train", "--resume", "--run", killed)
    assert_same(killed, straight)


def test_help_needs_no_tensorflow(recipe, command):
    """`--help` answers without importing what takes seconds to import."""
    code = (
        "import sys, runpy; sys.argv = ['x', 'train', '--help']\n"
        f"try: runpy.run_module('recipes.{recipe}', run_name='__main__')\n"
        "except SystemExit: pass\n"
        "assert not {'tensorflow', 'keras', 'tensorflow_datasets'} & set(sys.modules)"
    )
    result = subprocess.run(
        [os.sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert result.returncode == 0, result.stderr
    assert "--resume" in result.stdout
