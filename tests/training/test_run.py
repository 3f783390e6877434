"""What a run keeps, and that nothing else passes for it."""

import io
import json
import types
import zipfile

import keras
import pytest

from shared.data.sources import Source
from shared.errors import UserError
from shared.files import write_json
from shared.training.run import Run


def a_source(name="a.csv", version="bundled", files=()):
    return Source(name, version, ("train", "test"), None, files=files)


OPTIONS = {"seed": 1, "epochs": 2, "checkpoint_every": 2.0, "data_dir": None, "max_length": 8}


def a_run(folder, source=None, **options):
    run = Run("reviews", folder)
    folder.mkdir(exist_ok=True)
    run.save_config(types.SimpleNamespace(**OPTIONS | options), source or a_source())
    return run


@pytest.fixture
def whole(tmp_path):
    """A run with a model and two files that belong to it."""
    run = a_run(tmp_path / "whole")
    run.keep("vocabulary.txt", "the\na\n")
    run.keep("classes.json", '["negative", "positive"]')
    run.save_model(keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]))
    return run


def opened(run):
    """The same run, as another process opens it."""
    again = Run("reviews", run.folder)
    again.check_config()
    again.check_belonging()
    return again


def test_files_that_are_other_ones_now_are_refused(tmp_path):
    made = a_run(tmp_path / "a", a_source("a.csv", "one", files=("/a.csv",)))
    made.check_unchanged(a_source("a.csv", "one", files=("/a.csv",)))
    with pytest.raises(UserError, match=r"a\.csv has changed"):
        made.check_unchanged(a_source("a.csv", "other", files=("/a.csv",)))


def test_other_data_than_the_runs_own_is_no_change(tmp_path):
    other = a_source("b.csv", "other", files=("/b.csv",))
    own = a_run(tmp_path / "a", a_source("a.csv", "one", files=("/a.csv",)))
    own.check_unchanged(other)
    prepared = a_run(tmp_path / "b", a_source("imdb_reviews", "1.0.0"))
    for source in (other, a_source("glue/sst2", "2.0.0"), a_source("sample")):
        prepared.check_unchanged(source)


def test_a_whole_run_is_opened(whole):
    assert opened(whole).load_model().count_params() == 3


@pytest.mark.parametrize(
    "name, change",
    [
        ("classes.json", b'["positive", "negative"]'),
        ("vocabulary.txt", b"the\n"),
        ("vocabulary.txt", b"tha\na\n"),
        ("classes.json", None),
    ],
)
def test_names_that_do_not_belong_to_the_model_are_refused(whole, name, change):
    whole.path(name).write_bytes(change) if change else whole.path(name).unlink()
    with pytest.raises(UserError, match=f"{name}"):
        opened(whole)


def test_the_config_of_another_run_is_refused(whole, tmp_path):
    other = a_run(tmp_path / "other", max_length=9)
    whole.path("config.json").write_bytes(other.path("config.json").read_bytes())
    with pytest.raises(UserError, match=r"config\.json does not belong to .*model\.keras"):
        opened(whole)


def test_the_model_of_another_run_is_refused(whole, tmp_path):
    other = a_run(tmp_path / "other")
    other.keep("vocabulary.txt", "another\n")
    other.save_model(keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]))
    whole.path("model.keras").write_bytes(other.path("model.keras").read_bytes())
    with pytest.raises(UserError, match="does not belong to"):
        opened(whole)


def test_a_model_that_no_run_wrote_is_refused(whole):
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("config.json", "{}")
    whole.path("model.keras").write_bytes(archive.getvalue())
    with pytest.raises(UserError, match="does not say which files belong to it"):
        opened(whole)


def test_what_a_continued_run_may_change_changes_nothing_else(whole):
    options = types.SimpleNamespace(epochs=9, checkpoint_every=1.0, data_dir="/data")
    whole.change_config(options)
    assert opened(whole).options == types.SimpleNamespace(**OPTIONS | vars(options))


def changed(config, **values):
    return {**config, **values}


@pytest.mark.parametrize(
    "damage",
    [
        lambda config: [],
        lambda config: "text",
        lambda config: None,
        lambda config: changed(config, options=[]),
        lambda config: changed(config, options={}),
        lambda config: changed(config, dataset="sample"),
        lambda config: changed(config, sha256=1),
        lambda config: changed(config, seed=2),
        lambda config: changed(config, options={**config["options"], "max_length": "8"}),
        lambda config: changed(config, options={**config["options"], "epochs": "2"}),
        lambda config: changed(config, options={**config["options"], "epochs": True}),
        lambda config: changed(config, options={**config["options"], "data_dir": 3}),
    ],
)
def test_a_config_that_was_changed_is_one_clear_line(whole, damage):
    write_json(whole.path("config.json"), damage(whole.config))
    with pytest.raises(UserError, match=r"config\.json is damaged"):
        opened(whole)


def test_a_file_of_a_run_is_not_written_over(whole):
    whole.keep("vocabulary.txt", "the\na\n")
    with pytest.raises(UserError, match=r"vocabulary\.txt is another one than this data gives"):
        whole.keep("vocabulary.txt", "the\n")
    assert opened(whole).path("vocabulary.txt").read_text() == "the\na\n"


ROW = {"epoch": 1, "loss": 1.0, "val_loss": 2.5, "seconds": 3.0, "dataset": "sample"}


def test_history_comes_back_as_it_was(whole):
    rows = [{**ROW, "dataset": 'a "b",\nc.csv'}, {**ROW, "epoch": 2}]
    whole.save_history(rows)
    assert whole.load_history() == rows


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"epoch,loss,val_loss,seconds,dataset\n",
        b"epoch,loss\n1,2\n",
        b"epoch,loss,val_loss,seconds,dataset\n1,2,3\n",
        b"epoch,loss,val_loss,seconds,dataset\n1,2,3,4,sample,5\n",
        b"epoch,loss,val_loss,seconds,dataset\n1,two,3,4,sample\n",
        b"epoch,loss,val_loss,seconds,dataset\n1,nan,3,4,sample\n",
        b"epoch,loss,val_loss,seconds,dataset\n1.5,2,3,4,sample\n",
        b"\xef\xbb\xbfepoch,loss,val_loss,seconds,dataset\n1,2,3,4,sample\n",
        b'epoch,loss,val_loss,seconds,dataset\n1,2,3,4,"sam',
        b"\xff\xfe\0",
        # Would fill the memory if every line were taken for an epoch of so many columns.
        b"epoch,loss,val_loss,seconds,dataset" + b",x" * 1000 + b"\nx" * 1000,
        b"epoch,loss,val_loss,seconds,dataset,loss\n1,2,3,4,sample,2\n",
        None,
    ],
)
def test_a_damaged_history_is_one_clear_line(whole, content):
    if content is not None:
        whole.path("history.csv").write_bytes(content)
    with pytest.raises(UserError, match=r"history\.csv"):
        whole.load_history()


def test_a_model_that_is_missing_tells_an_ended_training_from_one_that_can_go_on(whole):
    whole.path("model.keras").unlink()
    with pytest.raises(UserError, match=r"training ended too early\. Continue it: .*--resume"):
        opened(whole)
    whole.save_history([ROW, {**ROW, "epoch": 2}])
    with pytest.raises(UserError, match="is missing, though the training has ended"):
        opened(whole)


def test_nothing_is_unpickled(whole):
    """What a pickle would do, and a layer with code in it, is not done."""
    network = keras.Sequential([keras.Input((2,)), keras.layers.Lambda(lambda x: x + 1)])
    whole.save_model(network)
    with pytest.raises(UserError, match=r"model\.keras is damaged or is not"):
        opened(whole).load_model()


def test_the_measurement_says_what_it_is_of(whole):
    whole.save_history([ROW, {**ROW, "epoch": 2}])
    record = whole.record(a_source("b.csv"), "test", 7, {"accuracy": 0.5}, 3, beam=2)
    whole.save_metrics(record)
    saved = json.loads(whole.path("metrics.json").read_text())
    assert saved == record
    assert (saved["dataset"], saved["wall_seconds"], saved["beam"]) == ("b.csv", 6.0, 2)
