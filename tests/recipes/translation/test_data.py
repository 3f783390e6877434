"""Pairs of sentences to batches of subwords."""

from types import SimpleNamespace

import numpy as np
import pytest

from recipes.translation import data, sample
from shared.data.subwords import START, STOP
from shared.errors import UserError
from shared.training.run import Run


def options(**changed):
    given = {
        "dataset": "sample",
        "data_dir": None,
        "file": None,
        "reverse": False,
        "limit": 100,
        "vocabulary_size": 400,
        "max_length": 40,
        "subword_dropout": 0.1,
        "label_smoothing": 0.1,
        "batch_size": 16,
        "seed": 1,
    }
    return SimpleNamespace(**given | changed)


def load(**changed):
    return data.load(data.find(options(**changed)), options(**changed))


@pytest.fixture(scope="module")
def training():
    return load()


def pairs_in(dataset, names):
    """The sentences and their translations in the batches, in alphabetical order."""

    def texts(rows, pieces):
        return [data.to_text(row[: list(row).index(STOP)], pieces) for row in rows.numpy()]

    return sorted(
        pair
        for inputs, targets, _ in dataset
        for pair in zip(
            texts(inputs["source"], names.source), texts(targets, names.target), strict=True
        )
    )


def test_sample_is_what_the_recipe_reads():
    source = data.find(options())
    assert list(zip(*source.read("test"), strict=True)) == sample.generate("test")
    assert source.languages == ("en", "fr")


def test_every_epoch_has_every_pair_once(training):
    pairs = sorted(zip(*data.find(options()).read("train", 100), strict=True))
    for epoch in range(2):
        batches = list(training.batches(epoch))
        assert len(batches) == training.steps == 7
        assert pairs_in(batches, training.names) == pairs
    assert training.names.languages == ["en", "fr"]


def test_what_was_written_comes_one_step_late_and_padding_weighs_nothing(training):
    inputs, targets, weights = next(iter(training.batches(0)))
    written, targets = inputs["written"].numpy(), targets.numpy()
    assert (written[:, 0] == START).all()
    np.testing.assert_array_equal(written[:, 1:], targets[:, :-1])
    np.testing.assert_array_equal(weights, targets != 0)
    assert (np.sum(targets == STOP, axis=1) == 1).all()
    assert (np.sum(inputs["source"].numpy() == STOP, axis=1) == 1).all()


def test_an_epoch_depends_on_seed_and_number_alone(training):
    def sources(training, epoch):
        return [inputs["source"].numpy() for inputs, _, _ in training.batches(epoch)]

    first, again, next_one = sources(training, 0), sources(load(), 0), sources(training, 1)
    for batch, same in zip(first, again, strict=True):
        np.testing.assert_array_equal(batch, same)
    assert not all(map(np.array_equal, first, next_one))


def test_what_is_read_is_cut_in_many_ways_and_what_is_written_in_one(training):
    plain = load(subword_dropout=0.0)

    def lengths(training, epoch):
        """Subwords read, and written, in all."""
        batches = list(training.batches(epoch))
        return tuple(
            sum(int(np.sum(side(batch) != 0)) for batch in batches)
            for side in (lambda batch: batch[0]["source"].numpy(), lambda batch: batch[1].numpy())
        )

    assert lengths(plain, 0) == lengths(plain, 1)
    assert lengths(training, 0)[0] > lengths(plain, 0)[0], "fewer merges, more subwords"
    assert lengths(training, 0)[0] != lengths(training, 1)[0]
    assert lengths(training, 0)[1] == lengths(plain, 0)[1]


def test_pairs_that_are_too_long_are_left_out_in_all_epochs_alike(training):
    # Decided once, though the same sentence is longer in some epochs than in others.
    short = load(max_length=14, subword_dropout=0.5)
    kept = [pairs_in(short.batches(epoch), short.names) for epoch in range(3)]
    assert kept[0] == kept[1] == kept[2] and 0 < len(kept[0]) < 100
    assert len(list(short.batches(0))) == short.steps == -(-len(kept[0]) // 16)
    with pytest.raises(UserError, match="--max-length 2"):
        load(max_length=2)


def test_guessing_knows_how_frequent_each_subword_is(training):
    ids = [targets.numpy()[targets.numpy() > 0] for _, targets, _ in training.batches(0)]
    size = training.names.target.vocab_size()
    shares = np.bincount(np.concatenate(ids), minlength=size) / sum(map(len, ids))
    smoothed = 0.9 * shares + 0.1 / size
    assert training.guessing == pytest.approx(-np.sum(smoothed * np.log(smoothed)))


def test_names_come_back_as_they_were(training, tmp_path):
    run = Run("translation", tmp_path)
    data.save_names(run, training.names)
    found = data.load_names(run)
    assert found.languages == ["en", "fr"]
    for side in ("source", "target"):
        (ids,) = data.to_ids(["1 May 1981"], getattr(found, side), 40)
        assert [ids] == data.to_ids(["1 May 1981"], getattr(training.names, side), 40)
        assert ids[-1] == STOP and data.to_text(ids[:-1], getattr(found, side)) == "1 May 1981"
    assert data.to_ids(["1 May 1981"], found.source, 3)[0][2:] == [STOP]
