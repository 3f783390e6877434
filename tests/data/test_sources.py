"""The sources of a kind of examples: prepared, the sample, files; and never silently another."""

import os
import threading
import types

import numpy as np
import pytest
import tensorflow_datasets as tfds

from recipes.sentiment import data
from shared.data import labelled_texts, prepared, sources
from shared.errors import UserError


def find(name, data_dir):
    """What a recipe finds under a name."""
    return data.find(types.SimpleNamespace(dataset=name, data_dir=data_dir, file=None))


def test_a_file_name_that_is_not_utf_8_is_shown_and_written_all_the_same(tmp_path):
    """A training on it failed after its first epoch, when the name came into history.csv."""
    path = tmp_path / os.fsdecode(b"own \xff.csv")
    source = sources.files_source([path], "1", ["train"], None)
    assert source.name == "own \ufffd.csv" and source.files == (str(path),)


class TinyReviews(tfds.core.GeneratorBasedBuilder):
    """100 reviews, stored sorted by label, with no validation split."""

    VERSION = tfds.core.Version("1.0.0")

    def _info(self):
        features = {
            "text": tfds.features.Text(),
            "label": tfds.features.ClassLabel(names=["neg", "pos"]),
        }
        return self.dataset_info_from_configs(features=tfds.features.FeaturesDict(features))

    def _split_generators(self, dl_manager):
        return {"train": self._generate_examples(80), "test": self._generate_examples(20)}

    def _generate_examples(self, examples):
        for i in range(examples):
            yield i, {"text": f"review {i} é", "label": int(i >= examples / 2)}


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tfds")
    TinyReviews(data_dir=folder).download_and_prepare()
    return folder


def test_prepared_data_is_used_without_the_network(stored):
    source = find("tiny_reviews", stored)
    assert (source.name, source.version, source.notice) == ("tiny_reviews", "1.0.0", "")
    texts, labels = source.read("test")
    assert sorted(texts) == sorted(f"review {i} é" for i in range(20))
    assert labels.tolist().count(1) == 10
    assert source.classes == ("negative", "positive")


def test_validation_is_split_off_after_shuffling(stored):
    source = find("tiny_reviews", stored)
    train, train_labels = source.read("train")
    validation, validation_labels = source.read("validation")
    assert len(train) == 72 and len(validation) == 8
    assert not set(train) & set(validation)
    assert 0 < validation_labels.mean() < 1, "a tail of sorted data would hold one label only"
    assert 0.4 < train_labels.mean() < 0.6
    assert list(source.read("validation")[0]) == list(validation), "the same split every time"


def test_limit_takes_the_first_examples_of_each_split(stored):
    source = find("tiny_reviews", stored)
    for split in ("train", "validation", "test"):
        everything, first, more = (list(source.read(split, limit)[0]) for limit in (None, 5, 500))
        assert first == everything[:5] and more == everything


def test_mocked_public_data_goes_through_the_same_path(monkeypatch):
    size = types.SimpleNamespace(num_examples=25_000, num_bytes=1, num_shards=1)
    monkeypatch.setattr(tfds.core.DatasetInfo, "splits", {"train": size, "test": size})
    with tfds.testing.mock_data(num_examples=30):
        source = labelled_texts.of_prepared("imdb_reviews", tfds.builder("imdb_reviews"))
        texts, labels = source.read("test")
        vocabulary = data.text.learn_vocabulary(texts, 50, data.words_of)
    assert len(texts) == len(labels) == 30
    assert set(labels) <= {0, 1}
    assert all(len(ids) for ids in data.to_ids(texts, vocabulary, 20))


def test_absent_default_becomes_the_sample_and_says_so(tmp_path):
    source = find(None, tmp_path)
    assert source.name == "sample" and source.classes == ("negative", "positive")
    assert source.notice.startswith("SAMPLE DATA, not imdb_reviews: it is not prepared in")
    assert "ai.stanford.edu can't be reached" in source.notice


def test_a_host_that_never_answers_is_given_up(monkeypatch):
    import requests

    answer = threading.Event()  # which never comes while it is waited for
    monkeypatch.setattr(requests, "head", lambda *_, **__: answer.wait())
    assert not prepared.answers("http://example.org/data.zip", seconds=0.2)
    answer.set()


def test_absent_named_data_is_an_error(tmp_path):
    with pytest.raises(UserError, match=r"'imdb_reviews' can't be had.*TFDS_DATA_DIR"):
        find("imdb_reviews", tmp_path)


@pytest.mark.parametrize("name", ["no_such_data", "glue/no_such_config", "", "../etc", "a b"])
def test_unknown_name_offers_those_that_fit(name, tmp_path):
    if not name:
        name = " "
    with pytest.raises(UserError, match="imdb_reviews, glue/sst2, yelp_polarity_reviews, sample"):
        find(name, tmp_path)


@pytest.mark.parametrize("name", ["mnist", "glue/mnli", "tiny_shakespeare"])
def test_other_features_are_named(name, tmp_path):
    with pytest.raises(UserError, match=r"does not fit: this recipe needs one text and one class"):
        find(name, tmp_path)


def test_absent_split_names_those_there_are(stored):
    with pytest.raises(UserError, match=r"no split 'dev'\. It has: train, validation, test"):
        find("tiny_reviews", stored).read("dev")


def test_damaged_records_are_one_clear_line(stored, tmp_path):
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(stored, copy)
    for records in copy.rglob("*test.tfrecord*"):
        records.write_bytes(records.read_bytes()[:-20])
    with pytest.raises(UserError, match=r"tiny_reviews/1.0.0 .*is damaged"):
        find("tiny_reviews", copy).read("test")


def test_hidden_labels_are_refused(stored, monkeypatch):
    monkeypatch.setattr(
        prepared, "read", lambda *_: {"text": np.array([b"x"]), "label": np.array([-1])}
    )
    with pytest.raises(UserError, match=r"not public.*--split validation"):
        find("tiny_reviews", stored).read("test")


def test_classes_of_other_data_as_numbers_of_a_run():
    def source(*classes):
        return sources.Source("news.csv", "1", ("test",), None, classes=classes)

    numbers = sources.numbers_among(["calm", "sad", "wild"], source("wild", "calm"))
    assert numbers.tolist() == [2, 0]
    with pytest.raises(UserError, match=r"news\.csv has the label 'angry'.*calm, sad"):
        sources.numbers_among(["calm", "sad"], source("calm", "angry"))


def test_data_and_files_exclude_each_other(tmp_path):
    for option in ("file", "folder"):
        options = types.SimpleNamespace(dataset="imdb_reviews", data_dir=None, **{option: "mine"})
        with pytest.raises(UserError, match=f"--dataset imdb_reviews and --{option} exclude"):
            data.find(options)
