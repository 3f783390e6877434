"""A text to tokens, and to batches of an epoch."""

from types import SimpleNamespace

import numpy as np
import pytest

from recipes.language_modeling import data, sample

OPTIONS = {
    "dataset": None,
    "data_dir": None,
    "file": None,
    "limit": None,
    "tokens": "character",
    "vocabulary_size": 10_000,
    "batch_size": 1,
    "timesteps": 50,
    "seed": 1,
}


def loaded(**options):
    options = SimpleNamespace(**OPTIONS | options)
    return data.load(data.find(options), options)


@pytest.fixture
def file(tmp_path):
    text = "".join(np.random.default_rng(1).choice(list("abcdefghij"), 2000))
    (tmp_path / "text").write_text(text)
    return tmp_path / "text"


def test_sample_is_what_the_recipe_reads():
    source = data.find(SimpleNamespace(**OPTIONS | {"dataset": "sample"}))
    assert "".join(source.read("validation")) == sample.generate("validation")
    assert data.read_tokens(source, "test", 9, "character") == list(sample.generate("test")[:9])


def test_an_epoch_reads_the_whole_text_begun_at_a_place_of_its_own(file):
    training, text = loaded(file=str(file)), file.read_text()
    vocabulary = training.names.vocabulary
    ring = data.to_ids(text[:1800], vocabulary)

    def epoch(number):
        inputs, targets = zip(*training.batches(number).as_numpy_iterator(), strict=True)
        return np.concatenate(inputs, axis=1)[0], np.concatenate(targets, axis=1)[0]

    turns = []
    for number in range(4):
        inputs, targets = epoch(number)
        np.testing.assert_array_equal(inputs[1:], targets[:-1])
        (begin,) = np.flatnonzero(np.append(inputs, targets[-1]) == data.START)
        np.testing.assert_array_equal(np.roll(ring, begin), np.append(inputs, targets[-1]))
        turns.append(begin)
    assert len(set(turns)) == 4, "every epoch begins elsewhere"
    np.testing.assert_array_equal(epoch(2), epoch(2))
    held_out = np.concatenate([said[0] for _, said in training.validation.as_numpy_iterator()])
    assert "".join(vocabulary[i] for i in held_out) == text[1800:1900]


@pytest.mark.parametrize("batch_size, limit, streams", [(1, None, 1), (8, None, 8), (64, 20, 20)])
def test_a_training_knows_its_steps_and_its_streams(file, batch_size, limit, streams):
    training = loaded(file=str(file), batch_size=batch_size, limit=limit, timesteps=7)
    assert data.streams_of(training) == streams
    for dataset in (training.batches(0), training.batches(1), training.validation):
        batches = list(dataset)
        assert {len(tokens) for tokens, _ in batches} == {streams}
        if dataset is not training.validation:
            assert len(batches) == training.steps


def test_guessing_knows_how_frequent_each_token_is(tmp_path):
    (tmp_path / "text").write_text("aaab" * 500)
    training = loaded(file=str(tmp_path / "text"))
    expected = -(0.75 * np.log(0.75) + 0.25 * np.log(0.25))
    assert training.guessing == pytest.approx(expected)
    assert training.names.vocabulary == ["", "\ufffd", "a", "b"]


def test_rare_words_are_one_unknown_token(tmp_path):
    (tmp_path / "text").write_text("To be or not to be. " * 100)
    training = loaded(file=str(tmp_path / "text"), tokens="word", vocabulary_size=4)
    assert training.names.vocabulary == ["", "\ufffd", " be", " not"]
    ids = np.unique([tokens for tokens, _ in training.validation.unbatch().as_numpy_iterator()])
    assert ids.tolist() == [data.START, data.UNKNOWN, 2, 3]


@pytest.mark.parametrize("kind", ["character", "word"])
@pytest.mark.parametrize(
    "text",
    ["", "It's 5 o'clock,\n\n  isn't it?\t(No!) ", "Ärger: 100%…\r\n这部 😀\u00a0x", "''a'' _b"],
)
def test_tokens_joined_are_the_text(kind, text):
    assert "".join(data.tokenize(text, kind)) == text


@pytest.mark.parametrize("kind", ["character", "word"])
@pytest.mark.parametrize("size", [1, 2, 3, 7, 50])
def test_a_text_in_parts_has_the_tokens_of_the_whole(size, kind):
    text = "It's 5 o'clock,\n\n  isn't it?\t(No!)'' a'b ' 这部。电影 😀\u00a0x'" * 3
    source = SimpleNamespace(
        read=lambda split, limit: (text[i : i + size] for i in range(0, len(text), size))
    )
    whole = data.tokenize(text, kind)
    for limit in (None, 1, 17, len(whole), 1000):
        assert data.read_tokens(source, "train", limit, kind) == whole[:limit]


def test_words_are_words():
    assert data.tokenize("Don't go, sir!\nAy.", "word") == [
        *("Don't", " go", ",", " sir", "!", "\n", "Ay", "."),
    ]


def test_vocabulary_is_ordered_by_frequency_and_leaves_the_rare_out():
    parts = [list("aabbb"), [], list("ccd" + 4 * "\ufffd")]
    assert data.learn_vocabulary(parts) == ["", "\ufffd", "b", "a", "c", "d"]
    vocabulary = data.learn_vocabulary(parts, 5)
    assert data.to_ids(["d", "c", "b", "\ufffd", "x"], vocabulary).tolist() == [0, 1, 4, 2, 1, 1]
