"""The recipe's data: what a training takes from it, and what is kept beside the network."""

from types import SimpleNamespace

import numpy as np
import pytest

from recipes.frame_labeling import data, sample
from shared.data import labelled_videos
from shared.data.labelled_videos import ABSENT
from shared.data.sources import Source
from shared.errors import UserError
from shared.training.run import Run

NAMES = data.Names(["a", "b", "c"], most_frequent=1, most_frequent_at_frame=[0, 0, 1, 2])


def options(**more):
    chosen = {"height": None, "width": None, "limit": 20, "batch_size": 8, "seed": 1}
    return SimpleNamespace(**{**chosen, "augmentation": 0, **more})


@pytest.fixture(scope="module")
def source():
    return labelled_videos.of_sample(sample)


@pytest.mark.parametrize(
    "stored, asked, expected",
    [
        ((16, 20, 1), {}, (16, 20, 1)),
        ((16, 20, 3), {"width": 30}, (16, 30, 3)),
        ((16, None, 1), {}, (*data.SIZE, 1)),
        ((16, None, 1), {"height": 9, "width": 8}, (9, 8, 1)),
        ((1080, 1920, 3), {}, (*data.SIZE, 3)),
        ((1080, 1920, 3), {"height": 1080, "width": 1920}, (1080, 1920, 3)),
    ],
)
def test_the_size_is_that_of_the_data_or_the_one_asked_for(stored, asked, expected):
    found = data.shape_of(Source("own", "1", ("train",), None, shape=stored), options(**asked))
    assert found == expected


def test_what_a_training_takes(source):
    training = data.load(source, options(height=8))
    lists = [list(training.batches(epoch)) for epoch in (0, 0, 1)]
    assert [len(batches) for batches in lists] == [training.steps] * 3 == [3] * 3
    for batches in (*lists, training.validation):
        for inputs, labels, weights in batches:
            assert inputs["frames"].shape[2:] == (8, sample.WIDTH, 1)
            np.testing.assert_array_equal(inputs["present"], np.asarray(weights) > 0)
            assert np.asarray(labels).min() >= 0, "even where nothing is"
    first, again, other = [
        np.concatenate([np.asarray(labels)[:, 10] for _, labels, _ in batches]) for batches in lists
    ]
    assert (first == again).all() and (first != other).any()


def test_names_and_guessing_are_of_the_training_labels(source):
    training = data.load(source, options())
    rows = [labels for _, labels in sample.generate("train")[:20]]
    shares = np.bincount(np.concatenate(rows)) / sum(map(len, rows))
    assert training.guessing == pytest.approx(-(shares * np.log(shares)).sum())
    names = training.names
    assert names.classes == list(sample.CLASSES) and names.most_frequent == shares.argmax()
    assert len(names.most_frequent_at_frame) == max(map(len, rows))
    assert names.most_frequent_at_frame[0] == 0


def test_augmentation_is_for_training_alone(source):
    plain, changed = (data.load(source, options(augmentation=a)) for a in (0, 1))
    for wanted, batches in [
        (False, (next(iter(each.batches(0))) for each in (plain, changed))),
        (True, (next(iter(each.validation)) for each in (plain, changed))),
    ]:
        first, second = (np.asarray(inputs["frames"]) for inputs, _, _ in batches)
        assert (first.shape == second.shape and (first == second).all()) == wanted


def test_guesses_without_looking():
    """The most frequent label in training, and the most frequent one at each frame."""
    counts = data.count_labels(
        [np.array(row) for row in ([0, 1, 1, 2], [0, 0, 1], [1, 0, 1, 2])], 3
    )
    assert counts.tolist() == [[2, 1, 0], [2, 1, 0], [0, 3, 0], [0, 0, 2]]
    guesses = data.guess(NAMES, 6)
    assert guesses["majority"].tolist() == [1] * 6
    assert guesses["position"].tolist() == [0, 0, 1, 2, 1, 1]
    assert data.guess(NAMES, 2)["position"].tolist() == [0, 0]


def test_names_are_kept(tmp_path):
    run = Run("frame_labeling", tmp_path)
    data.save_names(run, NAMES)
    assert data.load_names(run) == NAMES
    for content in ("[]", "{", '{"classes": ["a", "b"]}', '{"names": []}'):
        (tmp_path / "classes.json").write_text(content)
        with pytest.raises(UserError, match=r"classes\.json is damaged"):
            data.load_names(run)


def test_padding_has_no_weight():
    frames = np.zeros((2, 3, 8, 8, 1), "uint8")
    labels = np.array([[1, 2, ABSENT], [0, ABSENT, ABSENT]], "int32")
    inputs, kept, weights = data.for_the_network(frames, labels)
    assert np.asarray(inputs["present"]).tolist() == [[True, True, False], [True, False, False]]
    assert np.asarray(kept).tolist() == [[1, 2, 0], [0, 0, 0]]
    assert np.asarray(weights).tolist() == [[1, 1, 0], [1, 0, 0]]
