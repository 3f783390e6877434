"""Every recipe's own commands: what fails gets one clear line and a non-zero exit.

What is the same code in all recipes is tested in `tests/test_cli.py`.
"""

import json
import shutil
from pathlib import Path

import keras
import pytest

from shared.layers import loops
from shared.layers.recurrent import RecurrentLayer
from tests.conftest import call, inputs_of, refused, small


@pytest.fixture(scope="module")
def tiny(recipe, tmp_path_factory):
    """A folder with one run, trained for one epoch on a few examples of the sample."""
    folder = tmp_path_factory.mktemp(f"tiny-{recipe}")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        arguments = small(recipe, "--limit", "32", "--epochs", "1", "--units", "8")
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
    Path("runs/tiny/history.csv").unlink()
    inputs = inputs_of(recipe, here)
    assert "--resume --run runs/tiny" in refused(recipe, "predict", "--run", "runs/tiny", *inputs)


def test_files_that_do_not_belong_to_the_model(recipe, here):
    """Half a vocabulary, classes in another order, another option: refused, by every command."""
    known = ["config.json", "history.csv", "model.keras", "metrics.json", "report.html"]
    own = [path for path in Path("runs/tiny").iterdir() if path.name not in (*known, "checkpoint")]
    assert own
    for path in [*own, Path("runs/tiny/config.json")]:
        whole = path.read_bytes()
        for damage in (whole[: len(whole) // 2], b"[]", None):
            path.unlink() if damage is None else path.write_bytes(damage)
            for arguments in (["predict", "x"], ["evaluate"], ["inspect", "x"]):
                line = refused(recipe, *arguments, "--run", "runs/tiny")
                assert path.name in line, line
        path.write_bytes(whole)


def test_folder_that_holds_a_run_is_not_overwritten(recipe, here):
    before = Path("runs/tiny/config.json").read_text()
    line = refused(recipe, "train", "--dataset", "sample", "--run", "runs/tiny")
    assert "already holds a run" in line and "--resume" in line
    assert Path("runs/tiny/config.json").read_text() == before


def test_resume_trains_further_when_asked_for_more_epochs(recipe, here):
    result = call(recipe, "train", "--resume", "--run", "runs/tiny", "--epochs", "2")
    assert result.exit_code == 0, result.output
    rows = Path("runs/tiny/history.csv").read_text().splitlines()
    assert [row.split(",")[0] for row in rows] == ["epoch", "1", "2"]


def test_damaged_checkpoint(recipe, here):
    Path("runs/tiny/checkpoint/latest.npz").write_bytes(b"rubbish")
    line = refused(recipe, "train", "--resume", "--run", "runs/tiny", "--epochs", "2")
    assert "latest.npz is damaged" in line


def test_one_bad_input_cancels_no_other(recipe, here, monkeypatch):
    """And no loop is compiled for so few, which would take a second."""
    predict = keras.Model.predict_on_batch

    def with_nothing_compiled(network, inputs):
        layers = [each for each in network._flatten_layers() if isinstance(each, RecurrentLayer)]
        compiled = [each for each in layers if loops.choose_loop(each) == "xla"]
        assert not compiled
        return predict(network, inputs)

    monkeypatch.setattr(keras.Model, "predict_on_batch", with_nothing_compiled)
    first, second = inputs_of(recipe, here)[:2]
    bad = "no\x1bwhere.png" if Path(first).exists() else " "
    arguments = ["predict", "--json", "--run", "runs/tiny", first, "-", bad, second]
    result = call(recipe, *arguments, stdin=f"{second}\n")
    assert result.exit_code == 1 and isinstance(result.exception, SystemExit), result.output
    found = [json.loads(line) for line in result.stdout.splitlines()]
    assert [each["input"] for each in found] == [first, second, bad, second]
    assert ["error" in each for each in found] == [False, False, True, False]
    assert result.stderr.startswith("Error: ") and result.stderr.count("\n") == 1
    assert "\x1b" not in result.output


def test_evaluate_measures_what_it_says(recipe, here):
    result = call(recipe, "evaluate", "--run", "runs/tiny", "--split", "validation", "--limit", 7)
    assert result.exit_code == 0, result.output
    record = json.loads(Path("runs/tiny/metrics.json").read_text())
    assert (record["dataset"], record["split"], record["examples"]) == ("sample", "validation", 7)
    assert "validation split, 7 examples" in result.output
    assert "split" in refused(recipe, "evaluate", "--run", "runs/tiny", "--split", "no-such-split")


def test_gradients_before_and_after_training(recipe, here, monkeypatch):
    monkeypatch.setattr("shared.evaluation.gradients.TIMESTEPS", 20)  # as quick, and as telling
    arguments = ["gradients", "--run", "runs/tiny", "--json"]
    page = Path("runs/tiny/gradients.html")
    if json.loads(Path("runs/tiny/config.json").read_text())["options"].get("scan") == "none":
        assert "Choose another --run, or train one with --scan rows" in refused(recipe, *arguments)
        assert not page.exists()
        return
    result = call(recipe, *arguments)
    assert result.exit_code == 0, result.output
    record = json.loads(result.stdout)
    assert (record["recipe"], record["dataset"]) == (recipe, "sample")
    assert record["layers"] and ">before training</text>" in page.read_text()
    for each in record["layers"]:
        after, before = each["after"], each["before"]
        assert len(after) == len(before) > 1 and after != before
        assert None not in after and None not in before and after[1] > 0 and before[1] > 0
