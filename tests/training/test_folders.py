"""Run folders: which one is the newest, and what stands in the way of a new one."""

import os
import threading
from types import SimpleNamespace

import pytest

from shared.data.sources import Source
from shared.errors import UserError
from shared.training import folders


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def options_for(folder=None, resume=False):
    return SimpleNamespace(
        recipe="reviews",
        run=folder,
        resume=resume,
        seed=1,
        distribute="none",
        epochs=1,
        checkpoint_every=2.0,
        data_dir=None,
    )


def started(folder=None):
    """The folder of a run that has begun: one with a `config.json`."""
    with folders.start_run(options_for(folder), Source("sample", "bundled", (), None)) as run:
        return run.folder.resolve()


def test_the_newest_is_the_last_one_in_the_folder_of_the_recipe():
    started()
    second = started()
    assert folders.open_run("reviews").folder.resolve() == second
    named = started("runs/reviews/named")
    assert folders.open_run("reviews").folder.resolve() == named


def test_a_run_elsewhere_is_not_the_newest():
    first = started()
    started("elsewhere/run")
    started("runs/run")
    assert folders.open_run("reviews").folder.resolve() == first


def test_without_a_run_in_its_folder_there_is_no_newest():
    started("elsewhere/run")
    with pytest.raises(UserError, match="There is no run in runs/reviews yet"):
        folders.open_run("reviews")


def test_where_only_the_newest_was_deleted_another_is_named():
    kept = started("runs/reviews/first")
    newest = started("runs/reviews/second")
    (newest / "config.json").unlink()
    (newest / "checkpoint").rmdir()
    newest.rmdir()
    words = "newest run, runs/reviews/second, is gone. Name another with --run: runs/reviews/first"
    with pytest.raises(UserError, match=words):
        folders.open_run("reviews")
    (kept / "config.json").unlink()
    with pytest.raises(UserError, match="second, is gone"):
        folders.open_run("reviews")


@pytest.mark.parametrize("name", ["config.json", "model.keras", "checkpoint/latest.npz"])
def test_a_folder_with_a_file_of_a_run_is_not_free(name, tmp_path):
    (tmp_path / "a" / "checkpoint").mkdir(parents=True)
    (tmp_path / "a" / "train.log").touch()
    folders.check_free("a")
    (tmp_path / "a" / name).touch()
    with pytest.raises(UserError, match="a already holds a run"):
        started("a")


def test_two_trainings_at_once_get_two_folders_or_one_is_refused():
    found = []

    def begin(folder):
        try:
            found.append(started(folder))
        except UserError as error:
            found.append(str(error))

    def both(folder):
        found.clear()
        threads = [threading.Thread(target=begin, args=[folder]) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return found

    assert len(set(both(None))) == 2 and all(map(os.path.isdir, found))
    (refused,) = [each for each in both("a") if isinstance(each, str)]
    assert refused.startswith(("a already holds a run", "a is in use by process", "a was in use"))


def test_a_run_that_is_trained_can_be_opened_but_not_trained_by_another():
    with folders.start_run(options_for("a"), Source("sample", "bundled", (), None)):
        assert folders.open_run("reviews", "a").folder.name == "a"
        for attempt in (lambda: folders.check_unused("a"), lambda: resumed("a")):
            with pytest.raises(UserError, match=f"a is in use by process {os.getpid()} on"):
                attempt()
    resumed("a")


def resumed(folder):
    with folders.start_run(options_for(folder, True), Source("sample", "bundled", (), None)):
        pass


def test_a_link_that_a_killed_process_left_is_removed():
    started()
    left = folders.RUNS / "reviews" / ".latest-1"
    left.symlink_to("x")
    os.utime(left, (0, 0), follow_symlinks=False)
    newest = started()
    assert folders.open_run("reviews").folder.resolve() == newest
    assert not left.is_symlink()
