"""The tasks say what they claim: a gap of exact length, and no answer but by remembering."""

import collections
import re

import numpy as np
import pytest

from recipes.long_memory import data, sample

LANGUAGE_OF = {**sample.LANGUAGES, **{language: language for language in sample.CLASSES}}


def named(text):
    """The nations that a text names, in order, as languages."""
    return [LANGUAGE_OF[word] for word in re.findall(r"\w+", text) if word in LANGUAGE_OF]


@pytest.mark.parametrize("gap", [1, 2, 5, 6, 7, 8, 11, 12, 13, 25, 100])
def test_a_gap_has_exactly_as_many_words(gap):
    for text, number in sample.generate("test", gap, 50):
        words = data.words_of(text)
        assert words[:4] == ["i", "grew", "up", "in"] and words[-3:] == ["i", "speak", "fluent"]
        assert LANGUAGE_OF[words[4].capitalize()] == sample.CLASSES[number]
        assert len(words) - 8 == gap
        assert set(words) <= set(data.VOCABULARY)


def test_no_answer_without_memory():
    """Neither the last nation that is named, nor the most frequent, nor the last one to grow up."""
    examples = sample.generate("test", 100)
    answers = [sample.CLASSES[number] for _, number in examples]
    chance, error = 1 / 8, 0.025  # of 2,000 texts; three standard deviations and a bit

    def accuracy(answer):
        return np.mean(
            [answer(text) == right for (text, _), right in zip(examples, answers, strict=True)]
        )

    last = accuracy(lambda text: named(text)[-1])
    most = accuracy(lambda text: collections.Counter(named(text)).most_common(1)[0][0])
    grew_up = accuracy(lambda text: LANGUAGE_OF[re.findall(r"grew up in (\w+)", text)[-1]])
    spoken = accuracy(lambda text: (re.findall(r"speaks fluent (\w+)", text) or ["none"])[-1])
    assert max(abs(last - chance), abs(most - chance)) < error
    assert grew_up < 0.25 and spoken < chance + error  # some texts have but the one that counts
    counts = collections.Counter(answers)
    assert max(counts.values()) < 1.25 * min(counts.values()), "all languages are about as likely"


def test_what_fills_a_gap_is_in_one_split_alone():
    gaps = {
        split: {text.split(".", 1)[1] for text, _ in sample.generate(split, 25)}
        for split in sample.SIZES
    }
    assert not gaps["train"] & gaps["test"] and not gaps["train"] & gaps["validation"]
    assert not gaps["validation"] & gaps["test"]
    assert len(gaps["test"]) > 1900


def test_adding():
    inputs, sums = sample.adding(500, 31, np.random.default_rng(1))
    values, marks = inputs[..., 0].astype("float64"), inputs[..., 1]
    assert inputs.shape == (500, 31, 2) and sums.shape == (500, 1)
    assert (marks[:, :15].sum(axis=1) == 1).all() and (marks[:, 15:].sum(axis=1) == 1).all()
    np.testing.assert_allclose(
        sums[:, 0], [v[m == 1].sum() for v, m in zip(values, marks, strict=True)], 1e-6
    )
    # The variance of a sum of two uniform numbers: what always saying 1 earns.
    assert abs(np.mean((sums - 1) ** 2) - 1 / 6) < 0.03
    assert len(np.unique(marks.argmax(axis=1))) == 15, "the first mark is anywhere in its half"


def test_copying():
    read, said = sample.copying(200, 7, np.random.default_rng(1))
    assert read.shape == said.shape == (200, 27)
    np.testing.assert_array_equal(read[:, :10], said[:, -10:])
    assert set(np.unique(read[:, :10])) == set(range(1, 9))
    assert not read[:, 10:16].any() and not read[:, 17:].any() and not said[:, :-10].any()
    assert (read[:, 16] == sample.SIGNAL).all(), "the signal comes right before the first answer"
