"""Run folders: which one is the newest, and whether its data is still what it was."""

import json

import pytest

from shared.data.sources import Source
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


def a_source(name, version="bundled", files=()):
    return Source(name, version, ("train", "test"), None, files=files)


def trained_on(source):
    made = run.new_run("reviews")
    made.path("config.json").write_text(json.dumps({"dataset": source.describe()}))
    return made


def test_files_that_are_other_ones_now_are_refused():
    made = trained_on(a_source("a.csv", "one", files=("/a.csv",)))
    made.check_unchanged(a_source("a.csv", "one", files=("/a.csv",)))
    with pytest.raises(UserError, match=r"a\.csv has changed"):
        made.check_unchanged(a_source("a.csv", "other", files=("/a.csv",)))


def test_other_data_than_the_runs_own_is_no_change():
    other = a_source("b.csv", "other", files=("/b.csv",))
    trained_on(a_source("a.csv", "one", files=("/a.csv",))).check_unchanged(other)
    prepared = trained_on(a_source("imdb_reviews", "1.0.0"))
    for source in (other, a_source("glue/sst2", "2.0.0"), a_source("sample")):
        prepared.check_unchanged(source)
