"""Captions to numbers of words, and back."""

import numpy as np
import pytest

from shared.data import caption_words
from shared.data.caption_words import SIGNS, STOP, UNKNOWN
from shared.errors import UserError

CAPTIONS = np.array([["A dog.", "a dog-like thing"], ["a cat", "the cat"]], object)


def test_words_rare_in_training_are_left_out_of_the_vocabulary():
    assert caption_words.learn_vocabulary(CAPTIONS, 2) == [*SIGNS, "a", "cat"]
    vocabulary = caption_words.learn_vocabulary(CAPTIONS, 1)
    assert set(vocabulary[4:]) == {"a", "cat", "dog", "doglike", "thing", "the"}
    with pytest.raises(UserError, match="Lower --minimum-frequency"):
        caption_words.learn_vocabulary(CAPTIONS, 9)


def test_a_word_of_every_image_tells_nothing():
    vocabulary = caption_words.learn_vocabulary(CAPTIONS, 1)
    rarity = caption_words.rarity(CAPTIONS, vocabulary)
    found = dict(zip(vocabulary, rarity, strict=True))
    assert found["a"] == 0 and found["dog"] == pytest.approx(np.log(2))
    assert found["[stop]"] == 0
    numbers = caption_words.numbering(vocabulary, 4)(CAPTIONS)
    told = caption_words.told(numbers, rarity).numpy()
    assert told.sum(axis=1) == pytest.approx([1, 1])
    (cat, the) = (vocabulary.index(word) for word in ("cat", "the"))
    assert told[1, [cat, the]] == pytest.approx([2 / 3, 1 / 3])


def test_captions_are_cut_and_padded_and_one_without_words_is_none():
    vocabulary = [*SIGNS, "a", "dog"]
    numbered = caption_words.numbering(vocabulary, 3)
    found = numbered(np.array([["A DOG!", "a dog runs fast", "?!", ""]], object)).numpy()
    expected = [[4, 5, STOP], [4, 5, UNKNOWN], [0, 0, 0], [0, 0, 0]]
    np.testing.assert_array_equal(found[0], expected)
    assert caption_words.to_text(found[0, 0, :2], vocabulary) == "a dog"


def test_plain_captions():
    assert caption_words.plain(["A  Dog's ÄRGER, no. 3!", b"\xff"]) == ["a dogs ärger no 3", ""]
