"""The race: all trained alike, the best on validation measured, continued as if never stopped."""

import json
import os
import re
import shutil
import signal
import zipfile
from pathlib import Path

import numpy as np
import pytest

from recipes.long_memory import data, sample
from shared.training.guard import Guard
from shared.training.run import BELONGING, Run
from tests.conftest import call, refused
from tests.training.trainings import assert_same

RACE = ["--gap", 2, "--gap", 1, "--cell", "gru", "--learning-rate", 0.001, "--learning-rate", 0.03]
RACE += ["--limit", 96, "--epochs", 2, "--units", 4, "--batch-size", 32]
NETWORKS = [f"networks/gru-{gap}-{rate}" for gap in (1, 2) for rate in (0.001, 0.03)]


def train(*arguments):
    return call("long_memory", "train", *arguments)


@pytest.fixture(scope="module")
def raced(tmp_path_factory):
    folder = tmp_path_factory.mktemp("race") / "run"
    result = train(*RACE, "--run", folder)
    assert result.exit_code == 0, result.output
    return folder


@pytest.fixture
def copied(raced, tmp_path):
    return shutil.copytree(raced, tmp_path / "run")


def test_each_network_is_there_and_the_best_on_validation_is_chosen(raced):
    chosen = json.loads((raced / "networks.json").read_text())
    assert [(one["cell"], one["gap"]) for one in chosen] == [("gru", 1), ("gru", 2)]
    best = {}
    for name in NETWORKS:
        history = Run("long_memory", raced).part(name).load_history()
        assert [row["epoch"] for row in history] == [1, 2]
        best[name] = max(row["val_accuracy"] for row in history)
    for one in chosen:
        rivals = [name for name in NETWORKS if name.startswith(f"networks/gru-{one['gap']}-")]
        assert one["folder"] in rivals and best[one["folder"]] == max(best[name] for name in rivals)
        assert one["val_accuracy"] == best[one["folder"]]


def test_the_run_is_that_of_the_longest_gap_with_the_seconds_of_all(raced):
    run = Run("long_memory", raced)
    last = json.loads((raced / "networks.json").read_text())[-1]
    part = run.part(last["folder"])
    for found, expected in zip(
        run.load_model().get_weights(), part.load_model().get_weights(), strict=True
    ):
        np.testing.assert_array_equal(found, expected)
    together = [
        sum(
            Run("long_memory", raced).part(name).load_history()[epoch]["seconds"]
            for name in NETWORKS
        )
        for epoch in (0, 1)
    ]
    history = run.load_history()
    assert [row["seconds"] for row in history] == pytest.approx(together, abs=0.01)
    assert [row["val_accuracy"] for row in history] == [
        row["val_accuracy"] for row in part.load_history()
    ]


def test_what_evaluate_says_is_what_the_chosen_networks_answer(copied):
    result = call("long_memory", "evaluate", "--run", copied, "--limit", 200)
    assert result.exit_code == 0, result.output
    metrics = json.loads((copied / "metrics.json").read_text())["metrics"]
    assert list(metrics) == ["accuracy_gru_1", "accuracy_gru_2"]
    texts, right = zip(*sample.generate("test", 2, 200), strict=True)
    answered = call("long_memory", "predict", "--json", "--run", copied, *texts)
    labels = [json.loads(line)["label"] for line in answered.stdout.splitlines()]
    classes = json.loads((copied / "names.json").read_text())["classes"]
    accuracy = np.mean(
        [label == classes[number] for label, number in zip(labels, right, strict=True)]
    )
    assert metrics["accuracy_gru_2"] == pytest.approx(accuracy)
    said = re.search(r"gap grows from 1 words? to 2: gru from (\S+) to (\S+) ", result.output)
    assert [float(number) for number in said.groups()] == [
        round(value, 2) for value in metrics.values()
    ]
    report = (copied / "report.html").read_text()
    assert "Accuracy over the gap" in report and "Across a gap of 2 words" in report


def test_gradients_of_every_cell_at_the_longest_gap(copied):
    result = call("long_memory", "gradients", "--json", "--run", copied)
    assert result.exit_code == 0, result.output
    layers = json.loads(result.stdout)["layers"]
    assert [(one["layer"], one["state"]) for one in layers] == [("gru", "hidden_state")]
    assert len(layers[0]["after"]) == len(layers[0]["before"]) == 2 + 8, "the whole text"
    assert "cross entropy of the right class" in (copied / "gradients.html").read_text()


def test_a_network_of_another_run_is_refused(copied, tmp_path):
    """Whose `config.json` has another hash."""
    folder = json.loads((copied / "networks.json").read_text())[0]["folder"]
    path, other = copied / folder / "model.keras", tmp_path / "other.keras"
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(other, "w") as written:
        for name in archive.namelist():
            content = archive.read(name)
            if name == BELONGING:
                content = json.dumps(json.loads(content) | {"config.json": "0" * 64}).encode()
            written.writestr(name, content)
    other.replace(path)
    assert "config.json" in refused("long_memory", "evaluate", "--run", copied)
    path.unlink()
    assert folder in refused("long_memory", "evaluate", "--run", copied)


def test_a_race_that_was_stopped_ends_as_one_that_was_not(raced, tmp_path, monkeypatch):
    """Stopped in the second epoch of the second network; what was trained before stays as it is."""
    watch, begun = Guard.on_train_batch_end, []

    def watch_and_stop(self, batch, logs=None):
        begun.append(self.run.folder.name)
        if begun[-1] == "gru-1-0.03" and self.moment.epoch == 1 and batch == 1:
            os.kill(os.getpid(), signal.SIGTERM)
        watch(self, batch, logs)

    monkeypatch.setattr(Guard, "on_train_batch_end", watch_and_stop)
    stopped = tmp_path / "stopped"
    result = train(*RACE, "--run", stopped)
    assert result.exit_code == 128 + signal.SIGTERM, result.output
    assert f"train --resume --run {stopped}" in result.stderr
    assert not (stopped / "model.keras").exists()
    assert "--resume" in refused("long_memory", "evaluate", "--run", stopped)
    monkeypatch.undo()
    result = train("--resume", "--run", stopped)
    assert result.exit_code == 0, result.output
    for name in NETWORKS:
        assert_same(stopped / name, raced / name)
    found, expected = (
        [{**one, "folder": ""} for one in json.loads(Path(folder, "networks.json").read_text())]
        for folder in (stopped, raced)
    )
    assert found == expected


def test_a_longer_race_chooses_anew(copied):
    result = train("--resume", "--run", copied, "--epochs", 3)
    assert result.exit_code == 0, result.output
    assert [row["epoch"] for row in Run("long_memory", copied).load_history()] == [1, 2, 3]
    assert call("long_memory", "evaluate", "--run", copied, "--limit", 9).exit_code == 0


@pytest.mark.parametrize("task", ["adding", "copying"])
def test_the_other_tasks_from_training_to_answer(task, tmp_path):
    small = ["--timesteps", 4, "--limit", 64, "--epochs", 1, "--units", 4]
    result = train("--task", task, *small, "--learning-rate", 0.01, "--run", tmp_path / "one")
    assert result.exit_code == 0, result.output
    for command in (
        ["evaluate"],
        ["inspect", data.EXAMPLES[task]],
        ["predict", data.EXAMPLES[task]],
    ):
        result = call("long_memory", command[0], "--run", tmp_path / "one", *command[1:])
        assert result.exit_code == 0, result.output
    metrics = json.loads((tmp_path / "one" / "metrics.json").read_text())["metrics"]
    assert list(metrics) == [{"adding": "mse", "copying": "cross_entropy"}[task]]
