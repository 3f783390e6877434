"""Run folders: which one is the newest."""

import pytest

from shared.errors import UserError
from shared.training import run


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def started(folder=None):
    """A run that has begun: one with a `config.json`."""
    made = run.new_run("reviews", folder)
    made.path("config.json").write_text('{"recipe": "reviews", "options": {}, "dataset": {}}')
    return made.folder.resolve()


def test_the_newest_is_the_last_one_in_the_folder_of_the_recipe():
    started()
    second = started()
    assert run.open_run("reviews").folder.resolve() == second
    named = started("runs/reviews/named")
    assert run.open_run("reviews").folder.resolve() == named


def test_a_run_elsewhere_is_not_the_newest():
    first = started()
    started("elsewhere/run")
    started("runs/run")
    assert run.open_run("reviews").folder.resolve() == first


def test_without_a_run_in_its_folder_there_is_no_newest():
    started("elsewhere/run")
    with pytest.raises(UserError, match="There is no run in runs/reviews yet"):
        run.open_run("reviews")
