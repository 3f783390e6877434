"""Images and captions to batches."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf

from recipes.captioning import data, sample
from shared.data.caption_words import SIGNS, START, STOP, UNKNOWN, numbering
from shared.data.captioned_images import CAPTIONS

VOCABULARY = [*SIGNS, "a", "dog", "runs", "red"]
RARITY = np.array([0, 0, 0, 0, 0, 1, 2, 3], "float32")


def options_of(**options):
    usual = {"dataset": "sample", "data_dir": None, "file": None, "limit": 8, "seed": 1}
    usual |= {"encoder": "scratch", "image_size": 32, "smallest_crop": 1.0, "max_length": 4}
    usual |= {"captions_per_image": 2, "minimum_frequency": 1, "batch_size": 3}
    return SimpleNamespace(**usual | {"label_smoothing": 0.0} | options)


def prepared(captions, seed=None, **options):
    options = options_of(**options)
    images = tf.zeros((len(captions), 32, 32, 3), tf.uint8)
    rows = tf.constant([(row + [""] * CAPTIONS)[:CAPTIONS] for row in captions])
    numbered = numbering(VOCABULARY, options.max_length + 1)
    prepare = data.preparation(numbered, RARITY, options)
    return prepare({"image": images, "captions": rows}, seed)


def test_captions_become_words_to_write_and_words_to_read():
    inputs, targets, weights = prepared([["A dog, running!", "a RED dog runs fast"], ["a"]])
    first = [[4, 5, UNKNOWN, STOP, 0], [4, 7, 5, 6, UNKNOWN]]
    np.testing.assert_array_equal(targets["captions"][0], first)
    late = [[START, 4, 5, UNKNOWN, STOP], [START, 4, 7, 5, 6]]
    np.testing.assert_array_equal(inputs["written"][0], late)
    np.testing.assert_array_equal(weights["captions"][0], [[1, 1, 1, 1, 0], [1, 1, 1, 1, 1]])
    # A caption that isn't there has no word, no stop and no weight.
    np.testing.assert_array_equal(weights["captions"][1], [[1, 1, 0, 0, 0], [0, 0, 0, 0, 0]])
    # dog twice at 1, runs once at 2, red once at 3: of 7 in all.
    np.testing.assert_allclose(targets["words"][0], np.array([0, 0, 0, 0, 0, 2, 2, 3]) / 7)
    np.testing.assert_array_equal(targets["words"][1], np.zeros(8))  # "a" tells nothing


def test_drawn_captions_are_there_and_differ():
    captions = [["a", "dog", "runs"]]
    drawn = set()
    for number in range(30):
        _, targets, weights = prepared(captions, seed=(number, 7))
        assert (weights["captions"].numpy()[0].sum(axis=1) == 2).all(), "a word and the stop"
        pair = targets["captions"].numpy()[0, :, 0]
        assert len(set(pair)) == 2
        drawn.add(tuple(pair))
    assert len(drawn) == 6
    # The words to be named are those of all captions, drawn or not.
    assert targets["words"].numpy()[0].nonzero()[0].tolist() == [5, 6]


def test_no_image_is_mirrored_whose_captions_tell_left_from_right():
    ramp = np.broadcast_to(np.arange(32)[None, :, None] * 4 + 50, (64, 32, 32, 3)).astype("uint8")
    for caption, mirrored in (("a dog", True), ("the LEFT dog", False), ("upright", True)):
        captions = tf.constant([[caption, "", "", "", ""]] * 64)
        pieces = data.piece(ramp, captions, (5, 6), 1.0).numpy()
        falls = pieces[:, 0, 0, 0] > pieces[:, 0, -1, 0]
        assert falls.any() == mirrored and not falls.all(), caption


def test_an_epoch_is_decided_by_seed_and_number():
    training = data.load(data.find(options_of()), options_of())
    first, again, next_one = (
        [keras.tree.map_structure(np.array, each) for each in training.batches(epoch)]
        for epoch in (0, 0, 1)
    )
    assert len(first) == len(next_one) == training.steps == 3
    for one, other in zip(keras.tree.flatten(first), keras.tree.flatten(again), strict=True):
        np.testing.assert_array_equal(one, other)
    assert (first[0][0]["image"] != next_one[0][0]["image"]).any()
    whole = next(iter(training.validation))[0]["image"]
    np.testing.assert_array_equal(whole.shape[1:], (32, 32, 3))
    assert {"small", "ring"} < set(training.names.vocabulary)


def test_guessing_is_the_entropy_of_the_words_that_are_written():
    training = data.load(data.find(options_of()), options_of(max_length=2, captions_per_image=5))
    (counts,) = [np.zeros(len(training.names.vocabulary))]
    for _, targets, weights in training.batches(0):
        numbers = targets["captions"].numpy()[weights["captions"].numpy() > 0]
        counts += np.bincount(numbers, minlength=len(counts))
    shares = counts[counts > 0] / counts.sum()
    assert training.guessing == pytest.approx(-(shares * np.log(shares)).sum())
    longer = data.load(data.find(options_of()), options_of(max_length=20, label_smoothing=0.1))
    assert longer.guessing > training.guessing


def test_the_size_to_train_with():
    assert data.shape_of(options_of()) == (32, 32, 3)
    assert data.shape_of(options_of(image_size=None)) == (128, 128, 3)
    assert data.shape_of(options_of(image_size=None, encoder="MobileNetV2")) == (224, 224, 3)
    assert data.find(options_of()).defaults["image_size"] == sample.SIDE
