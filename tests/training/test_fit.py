"""Fitting: the best network is kept, and a stopped run continues exactly."""

import sys
import types

import keras
import numpy as np
import pytest

from shared.data.sources import Source
from shared.data.training_data import TrainingData
from shared.errors import UserError
from shared.training.fit import best_epoch, fit
from shared.training.run import Run, start_run


@pytest.fixture
def examples():
    generator = np.random.default_rng(0)
    inputs = generator.normal(size=(96, 5)).astype("float32")
    return inputs, (inputs @ [1, -2, 0.5, 0, 3]).astype("float32")[:, None]


def make_network(seed=4):
    keras.utils.set_random_seed(seed)
    network = keras.Sequential(
        [keras.Input((5,)), keras.layers.Dense(8), keras.layers.Dropout(0.4), keras.layers.Dense(1)]
    )
    falling = keras.optimizers.schedules.CosineDecay(0.05, 60)
    network.compile(keras.optimizers.Adam(falling), "mse", metrics=["mae"])
    return network


def new_run(folder):
    options = types.SimpleNamespace(
        recipe="test", run=str(folder), resume=False, seed=4, distribute="none"
    )
    return start_run(options, Source("sample", "bundled", (), None))


def data_of(examples, guessing=np.inf):
    """`TrainingData` of these examples; the validation split are the same ones."""
    import tensorflow as tf

    def batches(epoch):
        order = np.random.default_rng(epoch).permutation(len(examples[0]))
        return tf.data.Dataset.from_tensor_slices(tuple(part[order] for part in examples)).batch(16)

    return TrainingData(batches, batches(99), 6, (), guessing)


@pytest.fixture(autouse=True)
def scratch(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_continued_run_equals_one_never_stopped(tmp_path, examples):
    data = data_of(examples)
    straight, stopped = make_network(), make_network()
    expected = fit(straight, data, new_run(tmp_path / "a"), 5, "val_loss")
    fit(stopped, data, new_run(tmp_path / "b"), 2, "val_loss")
    # Another process would start with other weights and other random numbers.
    continued = make_network(seed=77)
    history = fit(continued, data, Run("test", tmp_path / "b"), 5, "val_loss")

    for ours, theirs in zip(continued.get_weights(), straight.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert [row["val_loss"] for row in history] == [row["val_loss"] for row in expected]
    assert Run("test", tmp_path / "b").load_history() == history


def test_model_file_holds_the_best_epoch_not_the_last(tmp_path, examples):
    data = data_of(examples)
    run, network, weights = new_run(tmp_path / "a"), make_network(), []
    network.fit = keep_weights_after(network, weights)
    history = fit(network, data, run, 6, "val_mae")
    # `mae` counts as larger-is-better here, so that the best epoch is surely not the last.
    best = best_epoch(history, "val_mae")
    assert best < 6
    for saved, seen in zip(run.load_model().get_weights(), weights[best - 1], strict=True):
        np.testing.assert_array_equal(saved, seen)


def keep_weights_after(network, weights):
    fit_once = network.fit

    def fit_and_keep(*arguments, **more):
        result = fit_once(*arguments, **more)
        weights.append(network.get_weights())
        return result

    return fit_and_keep


def test_patience_stops_and_is_not_forgotten_by_a_resume(tmp_path, examples):
    data = data_of(examples)
    history = fit(make_network(), data, new_run(tmp_path / "a"), 30, "val_mae", patience=2)
    assert len(history) == best_epoch(history, "val_mae") + 2 < 30
    again = fit(make_network(), data, Run("test", tmp_path / "a"), 30, "val_mae", patience=2)
    assert again == history


def test_best_epoch_is_the_first_among_equals_and_knows_losses():
    history = [{"val_accuracy": a, "val_loss": b} for a, b in [(0.5, 3), (0.9, 1), (0.9, 2)]]
    assert best_epoch(history, "val_accuracy") == 2
    assert best_epoch(history, "val_loss") == 2


@pytest.mark.parametrize("damage", [b"", b"rubbish", None])
def test_damaged_checkpoint_is_one_clear_line(tmp_path, examples, damage):
    data = data_of(examples)
    run = new_run(tmp_path / "a")
    fit(make_network(), data, run, 1, "val_loss")
    path = run.path("checkpoint/latest.npz")
    path.write_bytes(path.read_bytes()[:-400] if damage is None else damage)
    with pytest.raises(UserError, match=r"latest\.npz is damaged or of another network"):
        fit(make_network(), data, run, 2, "val_loss")


def test_checkpoint_of_another_network_is_refused(tmp_path, examples):
    data = data_of(examples)
    run = new_run(tmp_path / "a")
    fit(make_network(), data, run, 1, "val_loss")
    other = keras.Sequential([keras.Input((5,)), keras.layers.Dense(1)])
    other.compile("adam", "mse")
    with pytest.raises(UserError, match="of another network"):
        fit(other, data, run, 2, "val_loss")


def test_loss_that_is_not_a_number_is_one_clear_line(tmp_path, examples):
    inputs, targets = examples
    data = data_of((inputs, targets * np.nan))
    with pytest.raises(UserError, match="The loss became nan in epoch 1"):
        fit(make_network(), data, new_run(tmp_path / "a"), 3, "val_loss")


def shown_where(terminal, folder, examples, monkeypatch, capfd):
    """What two epochs leave on standard error."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal, raising=False)
    data = data_of(examples)
    fit(make_network(), data, new_run(folder), 2, "val_loss")
    return capfd.readouterr().err


def test_a_line_per_epoch_where_there_is_no_terminal(tmp_path, examples, monkeypatch, capfd):
    shown = shown_where(False, tmp_path, examples, monkeypatch, capfd)
    lines = [line for line in shown.splitlines() if "epoch" in line]
    assert [line.split(":")[0] for line in lines] == ["epoch 1/2", "epoch 2/2"]
    assert all("val_loss" in line for line in lines) and "\r" not in shown


def test_a_bar_where_there_is_one(tmp_path, examples, monkeypatch, capfd):
    shown = shown_where(True, tmp_path, examples, monkeypatch, capfd)
    assert "epoch 2/2: 100%" in shown and "\r" in shown


def test_an_error_within_an_epoch_ends_the_line_of_the_bar(tmp_path, examples, monkeypatch, capfd):
    class Breaks(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 2:
                raise UserError("broken")

    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    data, network = data_of(examples), make_network()
    with pytest.raises(UserError, match="broken"):
        fit(network, data, new_run(tmp_path), 1, "val_loss", callbacks=[Breaks()])
    shown = capfd.readouterr().err
    assert "epoch 1/1" in shown and shown.endswith("\n")


@pytest.mark.parametrize("guessing", [1e9, 1e-9])
def test_a_training_that_learned_nothing_says_so(guessing, tmp_path, examples, capsys):
    fit(make_network(), data_of(examples, guessing), new_run(tmp_path), 1, "val_loss")
    assert ("Nothing is learned yet" in capsys.readouterr().out) == (guessing < 1)
