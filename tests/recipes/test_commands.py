"""Every recipe's commands: bad input gets one clear line and a non-zero exit, never a traceback."""

import importlib
import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.conftest import RECIPES, inputs_of


@pytest.fixture(scope="module")
def tiny(recipe, tmp_path_factory):
    """A folder with one run, trained for one epoch on a few examples of the sample."""
    folder = tmp_path_factory.mktemp(f"tiny-{recipe}")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        arguments = ["--dataset", "sample", "--limit", "32", "--epochs", "1", "--units", "8"]
        result = call(recipe, "train", *arguments, "--run", "runs/tiny")
        Path(f"runs/{recipe}").mkdir()
        Path(f"runs/{recipe}/latest").symlink_to("../tiny")
    assert result.exit_code == 0, result.output
    return folder


@pytest.fixture
def here(tiny, tmp_path, monkeypatch):
    """A copy of that folder as the working directory, to be damaged at will."""
    shutil.copytree(tiny, tmp_path / "copy", symlinks=True)
    monkeypatch.chdir(tmp_path / "copy")
    return tmp_path / "copy"


def call(recipe, *arguments, stdin=None):
    module = importlib.import_module(f"recipes.{recipe}.__main__")
    return CliRunner().invoke(module.recipe, list(map(str, arguments)), input=stdin)


def refused(recipe, *arguments, stdin=None):
    """Call, and return the one line that was printed in refusal."""
    result = call(recipe, *arguments, stdin=stdin)
    assert result.exit_code != 0, result.output
    assert isinstance(result.exception, SystemExit), result.exception
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1 and lines[0].startswith("Error: "), result.stderr
    return lines[0]


@pytest.mark.parametrize("option", ["--epochs", "--batch-size", "--limit", "--units", "--layers"])
@pytest.mark.parametrize("value", ["0", "-3", "many"])
def test_numbers_must_be_positive(recipe, option, value):
    line = refused(recipe, "train", option, value)
    assert option in line and value in line


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["train", "--no-such-option"], "--no-such-option"),
        (["train", "--cell", "transformer"], "'rnn', 'lstm', 'gru'"),
        (["no-such-command"], "no-such-command"),
        (["train", "--seed", "-1"], "-1"),
        (["train", "--dataset", "no_such_data"], "Among those that fit"),
        (["train", "--dataset", "mnist", "--data-dir", "nowhere"], "mnist"),
        (["predict"], "INPUT"),
        (["predict", "--run", "nowhere", "x"], "There is no run folder nowhere. Train first"),
        (["evaluate", "--run", "nowhere"], "There is no run folder nowhere. Train first"),
        (["train", "--resume", "--run", "nowhere"], "There is no run folder nowhere"),
    ],
)
def test_wrong_arguments(recipe, arguments, words):
    assert words in refused(recipe, *arguments)


def test_no_run_yet(recipe, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for command in (["predict", "x"], ["evaluate"], ["train", "--resume"]):
        line = refused(recipe, *command)
        assert f"There is no run in runs/{recipe} yet" in line
        assert f"python -m recipes.{recipe} train" in line


@pytest.mark.parametrize("damage", [b"", b"rubbish" * 99, None])
def test_damaged_model(recipe, here, damage):
    model = Path("runs/tiny/model.keras")
    model.write_bytes(model.read_bytes()[:-999] if damage is None else damage)
    inputs = inputs_of(recipe, here)
    line = refused(recipe, "predict", "--run", "runs/tiny", *inputs)
    assert "model.keras is damaged" in line and "Train again" in line


def test_training_that_ended_before_its_first_epoch(recipe, here):
    Path("runs/tiny/model.keras").unlink()
    inputs = inputs_of(recipe, here)
    assert "--resume --run runs/tiny" in refused(recipe, "predict", "--run", "runs/tiny", *inputs)


@pytest.mark.parametrize("content", ["", "{}", "[1]", "{"])
def test_damaged_config(recipe, here, content):
    Path("runs/tiny/config.json").write_text(content)
    assert "config.json is damaged" in refused(recipe, "evaluate", "--run", "runs/tiny")


def test_run_of_another_recipe(recipe, here):
    config = Path("runs/tiny/config.json")
    config.write_text(config.read_text().replace(f'"recipe": "{recipe}"', '"recipe": "another"'))
    line = refused(recipe, "evaluate", "--run", "runs/tiny")
    assert f"a run of the recipe another, not {recipe}" in line


@pytest.mark.parametrize("folder", ["file/run", "/proc/no-such-place/run"])
def test_unwritable_folder(recipe, here, folder):
    Path("file").write_text("a file, not a folder")
    line = refused(recipe, "train", "--dataset", "sample", "--run", folder)
    assert f"Can't write to the run folder {folder}" in line
    latest = Path(f"runs/{recipe}/latest").resolve()
    assert latest == Path("runs/tiny").resolve(), "a failed start must not become the newest run"


def test_what_was_trained_is_what_is_measured(recipe, here, monkeypatch):
    """Also elsewhere than in runs/<recipe>/, and where a run is continued."""
    if recipe != RECIPES[0]:
        pytest.skip("the same for all recipes")
    measured = []
    group = importlib.import_module(f"recipes.{recipe}.__main__").recipe
    monkeypatch.setattr(
        group.commands["evaluate"], "callback", lambda **values: measured.append(values["run"])
    )
    shutil.copytree("runs/tiny", "runs/other")
    result = call(recipe, "train", "--resume", "--run", "runs/other", "--evaluate")
    assert result.exit_code == 0, result.output
    assert measured == ["runs/other"]


def test_folder_that_holds_a_run_is_not_overwritten(recipe, here):
    before = Path("runs/tiny/config.json").read_text()
    line = refused(recipe, "train", "--dataset", "sample", "--run", "runs/tiny")
    assert "already holds a run" in line and "--resume" in line
    assert Path("runs/tiny/config.json").read_text() == before


def test_resume_refuses_other_options(recipe, here):
    line = refused(recipe, "train", "--resume", "--run", "runs/tiny", "--units", "9")
    assert "--units is 8 in the run runs/tiny" in line


def test_resume_trains_further_when_asked_for_more_epochs(recipe, here):
    result = call(recipe, "train", "--resume", "--run", "runs/tiny", "--epochs", "2")
    assert result.exit_code == 0, result.output
    rows = Path("runs/tiny/history.csv").read_text().splitlines()
    assert [row.split(",")[0] for row in rows] == ["epoch", "1", "2"]


def test_damaged_checkpoint(recipe, here):
    Path("runs/tiny/checkpoint/latest.npz").write_bytes(b"rubbish")
    line = refused(recipe, "train", "--resume", "--run", "runs/tiny", "--epochs", "2")
    assert "latest.npz is damaged" in line


def test_evaluate_measures_what_it_says(recipe, here):
    result = call(recipe, "evaluate", "--run", "runs/tiny", "--split", "validation", "--limit", 7)
    assert result.exit_code == 0, result.output
    record = json.loads(Path("runs/tiny/metrics.json").read_text())
    assert (record["dataset"], record["split"], record["examples"]) == ("sample", "validation", 7)
    assert "validation split, 7 examples" in result.output
    assert "split" in refused(recipe, "evaluate", "--run", "runs/tiny", "--split", "no-such-split")
