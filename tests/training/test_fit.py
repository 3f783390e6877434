"""Fitting: the best network is kept, and a stopped run continues exactly."""

import re
import sys

import keras
import numpy as np
import pytest

from shared.errors import UserError
from shared.training.fit import best_epoch
from shared.training.run import Run

from .trainings import At, assert_same, make_data, make_network, train


@pytest.fixture(autouse=True)
def scratch(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_continued_run_equals_one_never_stopped(tmp_path):
    train(tmp_path / "a", make_network(), make_data(), 5)
    train(tmp_path / "b", make_network(), make_data(), 2)
    # Another process would start with other weights and other random numbers.
    train(tmp_path / "b", make_network(seed=77), make_data(), 5, resume=True)
    assert_same(tmp_path / "b", tmp_path / "a")


def config(folder):
    return Run("test", folder).config


def test_an_extended_run_keeps_its_new_length_and_says_how_the_rate_goes_on(tmp_path, capsys):
    train(tmp_path / "a", make_network(epochs=2), make_data(), 2)
    before = config(tmp_path / "a")
    network = make_network(epochs=4)
    train(tmp_path / "a", network, make_data(), 4, resume=True)
    shown = capsys.readouterr().out
    assert "Continuing after epoch 2 of 4." in shown
    assert re.search(r"4 epochs now, 2 before\. Its learning rate goes on at 0\.025, as", shown)
    after = config(tmp_path / "a")
    assert (before["options"].pop("epochs"), after["options"].pop("epochs")) == (2, 4)
    assert before == after
    train(tmp_path / "a", make_network(epochs=4), make_data(), 4, resume=True)
    assert "All 4 epochs are done" in capsys.readouterr().out


def test_fewer_epochs_than_are_done_are_refused_and_change_nothing(tmp_path):
    train(tmp_path / "a", make_network(), make_data(), 3)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(UserError, match=r"--epochs 2 is less than the 3 that .* has begun"):
        train(tmp_path / "a", make_network(), make_data(), 2, resume=True)
    assert before == {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}


def test_a_model_that_was_deleted_is_made_again_only_from_its_very_weights(tmp_path):
    history = train(tmp_path / "a", make_network(), make_data(), 2)
    path = tmp_path / "a" / "model.keras"
    weights = Run("test", tmp_path / "a").load_model().get_weights()
    assert best_epoch(history, "val_loss") == 2
    path.unlink()
    train(tmp_path / "a", make_network(seed=5), make_data(), 2, resume=True)
    for again, before in zip(
        Run("test", tmp_path / "a").load_model().get_weights(), weights, strict=True
    ):
        np.testing.assert_array_equal(again, before)
    path.unlink()
    # `mae` counts as larger-is-better here, so that the best epoch is surely not the last.
    with pytest.raises(UserError, match=r"model\.keras, the network of epoch 1, is missing"):
        train(tmp_path / "a", make_network(), make_data(), 3, "val_mae", resume=True)


def test_model_file_holds_the_best_epoch_not_the_last(tmp_path):
    data = make_data()
    network, weights = make_network(), []
    network.fit = keep_weights_after(network, weights)
    history = train(tmp_path / "a", network, data, 6, "val_mae")
    # `mae` counts as larger-is-better here, so that the best epoch is surely not the last.
    best = best_epoch(history, "val_mae")
    assert best < 6
    saved = Run("test", tmp_path / "a").load_model().get_weights()
    for kept, seen in zip(saved, weights[best - 1], strict=True):
        np.testing.assert_array_equal(kept, seen)


def keep_weights_after(network, weights):
    fit_once = network.fit

    def fit_and_keep(*arguments, **more):
        result = fit_once(*arguments, **more)
        weights.append(network.get_weights())
        return result

    return fit_and_keep


def test_patience_stops_and_is_not_forgotten_by_a_resume(tmp_path):
    data = make_data()
    history = train(tmp_path / "a", make_network(), data, 30, "val_mae", patience=2)
    assert len(history) == best_epoch(history, "val_mae") + 2 < 30
    again = train(tmp_path / "a", make_network(), data, 30, "val_mae", resume=True, patience=2)
    assert again == history


def test_best_epoch_is_the_first_among_equals_and_knows_losses():
    history = [{"val_accuracy": a, "val_loss": b} for a, b in [(0.5, 3), (0.9, 1), (0.9, 2)]]
    assert best_epoch(history, "val_accuracy") == 2
    assert best_epoch(history, "val_loss") == 2


@pytest.mark.parametrize("damage", [b"", b"rubbish", None])
def test_damaged_checkpoint_is_one_clear_line(tmp_path, damage):
    data = make_data()
    train(tmp_path / "a", make_network(), data, 1)
    path = tmp_path / "a" / "checkpoint" / "latest.npz"
    path.write_bytes(path.read_bytes()[:-400] if damage is None else damage)
    with pytest.raises(UserError, match=r"latest\.npz is damaged or of another network"):
        train(tmp_path / "a", make_network(), data, 2, resume=True)


def test_checkpoint_of_another_network_is_refused(tmp_path):
    data = make_data()
    train(tmp_path / "a", make_network(), data, 1)
    other = keras.Sequential([keras.Input((5,)), keras.layers.Dense(1)])
    other.compile("adam", "mse")
    with pytest.raises(UserError, match="of another network"):
        train(tmp_path / "a", other, data, 2, resume=True)


def shown_where(terminal, folder, monkeypatch, capfd):
    """What two epochs leave on standard error."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal, raising=False)
    data = make_data()
    train(folder, make_network(), data, 2)
    return capfd.readouterr().err


def test_a_line_per_epoch_where_there_is_no_terminal(tmp_path, monkeypatch, capfd):
    shown = shown_where(False, tmp_path, monkeypatch, capfd)
    lines = [line for line in shown.splitlines() if "epoch" in line]
    assert [line.split(":")[0] for line in lines] == ["epoch 1/2", "epoch 2/2"]
    assert all("val_loss" in line for line in lines) and "\r" not in shown


def test_a_bar_where_there_is_one(tmp_path, monkeypatch, capfd):
    shown = shown_where(True, tmp_path, monkeypatch, capfd)
    assert "epoch 2/2: 100%" in shown and "\r" in shown


def test_an_error_within_an_epoch_ends_the_line_of_the_bar(tmp_path, monkeypatch, capfd):
    def broken():
        raise UserError("broken")

    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    data, network = make_data(), make_network()
    with pytest.raises(UserError, match="broken"):
        train(tmp_path / "a", network, data, 1, callbacks=[At(broken, 1, 3)])
    shown = capfd.readouterr().err
    assert "epoch 1/1" in shown and shown.endswith("\n")


@pytest.mark.parametrize("guessing", [1e9, 1e-9])
def test_a_training_that_learned_nothing_says_so(guessing, tmp_path, capsys):
    train(tmp_path / "a", make_network(), make_data(guessing=guessing), 1)
    assert ("Nothing is learned yet" in capsys.readouterr().out) == (guessing < 1)
