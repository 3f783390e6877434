"""Within an epoch: a training that is killed, asked to stop, or gone wrong."""

import os
import re
import signal

import keras
import numpy as np
import pytest

from shared.errors import Stopped, UserError
from shared.training.run import Run

from .trainings import (
    STEPS,
    At,
    assert_same,
    left_in,
    make_data,
    make_network,
    train,
)


class Killed(BaseException):
    """What comes as suddenly as a SIGKILL, and leaves as little time to save."""


def kill():
    raise Killed


def stop():
    os.kill(os.getpid(), signal.SIGTERM)


@pytest.fixture(autouse=True)
def scratch(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def straight(tmp_path_factory):
    """The folder of a run that was never stopped."""
    folder = tmp_path_factory.mktemp("straight")
    train(folder, make_network(), make_data(), 4)
    return folder


PLACES = [{"batch": 1}, {"batch": 4}, {"batch": STEPS}, {"validation_batch": 2}]


@pytest.mark.parametrize("place", PLACES, ids=str)
@pytest.mark.parametrize("ends, every", [(stop, 2.0), (kill, 1e-9), (kill, 2.0)])
def test_continued_within_an_epoch_it_ends_as_if_never_stopped(
    place, ends, every, tmp_path, straight
):
    folder = tmp_path / "a"
    with pytest.raises((Killed, Stopped)):
        at = At(ends, 2, **place)
        train(folder, make_network(), make_data(), 4, every=every, callbacks=[at])
    with np.load(folder / "checkpoint" / "latest.npz") as saved:
        assert saved["epoch"] == 1
    # Another process would start with other weights and other random numbers.
    train(folder, make_network(seed=77), make_data(), 4, resume=True)
    assert_same(folder, straight)


def test_how_much_of_an_epoch_is_trained_again(tmp_path):
    """None of it after a request to stop, and what no checkpoint holds after a kill."""
    for name, ends, every, first in [
        ("a", stop, 2.0, 5),
        ("b", kill, 1e-9, 4),
        ("c", kill, 2.0, 1),
    ]:
        with pytest.raises((Killed, Stopped)):
            at = At(ends, 2, 4)
            train(tmp_path / name, make_network(), make_data(), 2, every=every, callbacks=[at])
        seen = []

        class Count(keras.callbacks.Callback):
            def on_train_batch_end(self, batch, logs=None, seen=seen):
                seen.append(batch)

        train(tmp_path / name, make_network(), make_data(), 2, resume=True, callbacks=[Count()])
        # The one who kills comes before the checkpoint of that batch.
        assert len(seen) == STEPS - (first - 1), name


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_stopping_says_where_and_how_to_go_on(number, tmp_path, capfd, request):
    handlers = []

    def once():
        os.kill(os.getpid(), number)
        handlers.append(signal.getsignal(number))

    # As in a terminal, also where whoever runs the tests has it ignored.
    before = signal.signal(number, signal.SIG_DFL)
    request.addfinalizer(lambda: signal.signal(number, before))
    with pytest.raises(Stopped) as stopped:
        train(tmp_path / "a", make_network(), make_data(), 4, callbacks=[At(once, 3, 2)])
    assert stopped.value.signal_number == number
    words = (
        r"Stopped and saved after batch 2 of epoch 3\. Go on with: python -m recipes\.test train"
    )
    assert re.match(words + r" --resume --run \S+/a$", str(stopped.value))
    assert "A second signal ends the training at once" in capfd.readouterr().err
    assert handlers == [signal.SIG_DFL], "a second one ends the process at once"
    assert signal.getsignal(number) == signal.SIG_DFL


def test_a_signal_while_an_epoch_is_saved_stops_after_it(tmp_path, straight):
    network = make_network()
    save = network.save

    def save_and_stop(path):
        stop()
        save(path)

    network.save = save_and_stop
    with pytest.raises(Stopped, match="after epoch 1"):
        train(tmp_path / "a", network, make_data(), 4)
    train(tmp_path / "a", make_network(), make_data(), 4, resume=True)
    assert_same(tmp_path / "a", straight)


def test_an_ignored_signal_stays_ignored(tmp_path):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as under nohup
    try:
        at = At(lambda: os.kill(os.getpid(), signal.SIGHUP), 1, 2)
        assert len(train(tmp_path / "a", make_network(), make_data(), 2, callbacks=[at])) == 2
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_loss_that_is_no_number_names_the_batch_and_keeps_what_was_good(value, tmp_path):
    train(tmp_path / "good", make_network(), make_data(), 2)
    with pytest.raises(
        UserError, match=r"loss became (nan|inf) in batch 3 of epoch 3.*last checkpoint"
    ):
        train(tmp_path / "a", make_network(), make_data(broken=(3, 3, value)), 4, every=1e-9)
    arrays, history = left_in(tmp_path / "a")
    assert len(history) == 2 and all(np.isfinite(array).all() for array in arrays.values())
    best, _ = left_in(tmp_path / "good")
    for name in [name for name in arrays if name.startswith("best")]:
        np.testing.assert_array_equal(arrays[name], best[name])


def test_a_validation_that_is_no_number_is_never_the_best(tmp_path):
    data = make_data(broken_validation=(2, np.nan))
    words = "validation loss became nan in batch 2 of the validation after epoch 1"
    with pytest.raises(UserError, match=words):
        train(tmp_path / "a", make_network(), data, 3)
    assert not (tmp_path / "a" / "model.keras").exists()
    assert not (tmp_path / "a" / "history.csv").exists()


def test_weights_that_are_no_numbers_are_not_saved(tmp_path):
    """The loss of a batch is that before its step: the step itself may be what goes wrong."""
    network = make_network()

    def spoil():
        network.weights[0].assign(np.full((5, 8), np.nan))

    with pytest.raises(UserError, match=r"weights became infinite or nan in epoch 2"):
        train(tmp_path / "a", network, make_data(), 3, every=1e-9, callbacks=[At(spoil, 2, 3)])
    with np.load(tmp_path / "a" / "checkpoint" / "latest.npz") as saved:
        assert '"batch": 2' in str(saved["facts"])


def test_a_model_of_another_run_stops_a_resume(tmp_path):
    for name in "ab":
        train(tmp_path / name, make_network(), make_data(), 1)
    model = tmp_path / "a" / "model.keras"
    other = Run("test", tmp_path / "b")
    other.belonging = {"config.json": "another"}
    other.save_model(make_network())
    model.write_bytes((tmp_path / "b" / "model.keras").read_bytes())
    with pytest.raises(UserError, match=r"config\.json does not belong to .*model\.keras"):
        train(tmp_path / "a", make_network(), make_data(), 2, resume=True)


def test_what_killed_processes_left_is_removed(tmp_path):
    train(tmp_path / "a", make_network(), make_data(), 1)
    left = [
        tmp_path / "a" / "checkpoint" / ".0123abcd-latest.npz",
        tmp_path / "a" / ".0123abcd-model.keras",
    ]
    for path in left:
        path.touch()
    young, other = tmp_path / "a" / ".0123abcd-metrics.json", tmp_path / "a" / ".notes"
    young.touch()
    other.touch()
    train(tmp_path / "a", make_network(), make_data(), 2, resume=True)
    assert not any(path.exists() for path in left)
    assert young.exists(), "which may be of an `evaluate` at work"
    assert other.exists() and not Run("test", tmp_path / "a").path("lock").exists()
