"""Reviews to numbers."""

from types import SimpleNamespace

import numpy as np
import pytest

from recipes.sentiment import data, sample


def found(**options):
    options = {"dataset": "sample", "data_dir": None, "file": None} | options
    return data.find(SimpleNamespace(**options))


def test_words_keep_what_carries_meaning():
    texts = ["It's GREAT!<br /><br />Isn't it?", "Ärger: 100%"]
    split = [data.words_of(text) for text in texts]
    assert split == [["it's", "great", "!", "isn't", "it", "?"], ["ärger", ":", "100", "%"]]


def test_sample_is_what_the_recipe_reads():
    source = found()
    texts, labels = source.read("test")
    assert list(zip(texts, labels.tolist(), strict=True)) == sample.generate("test")
    assert source.classes == ("negative", "positive")


def test_a_training_knows_its_steps_and_what_guessing_costs():
    options = SimpleNamespace(
        limit=100, vocabulary_size=50, max_length=9, batch_size=16, seed=1, dataset="sample"
    )
    training = data.load(found(), options)
    for epoch in range(2):
        batches = list(training.batches(epoch))
        assert len(batches) == training.steps
        assert sum(len(labels) for _, labels in batches) == 100
        assert max(words.shape[1] for words, _ in batches) <= 16
    share = np.mean(found().read("train", 100)[1])
    expected = -share * np.log(share) - (1 - share) * np.log(1 - share)
    assert training.guessing == pytest.approx(expected)
    assert (
        training.names.classes == ["negative", "positive"] and len(training.names.vocabulary) == 50
    )
