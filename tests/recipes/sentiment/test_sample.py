"""The bundled reviews: reproducible, disjoint, balanced, well formed, closed to a bag of words."""

import hashlib
import re
from collections import Counter

import numpy as np
import pytest

from recipes.sentiment import sample

REVIEWS = {split: sample.generate(split) for split in sample.SIZES}
ALL = [text for reviews in REVIEWS.values() for text, _ in reviews]


def words(text):
    return re.findall(r"[a-z]+", text.lower())


VOCABULARY = {word: column for column, word in enumerate(sorted(set(words(" ".join(ALL)))))}


def digest(reviews):
    return hashlib.sha256(repr(reviews).encode()).hexdigest()[:16]


# What a split holds


def test_the_same_reviews_every_time_and_everywhere():
    assert sample.generate("test") == REVIEWS["test"]
    # Changes with the grammar only; the accuracies measured on the sample then change with it.
    assert digest(REVIEWS["test"]) == "4466d2150167cf6d"


def test_sizes_and_balance():
    for split, size in sample.SIZES.items():
        assert Counter(label for _, label in REVIEWS[split]) == {0: size // 2, 1: size // 2}


def test_no_review_occurs_twice():
    assert len(set(ALL)) == len(ALL) == sum(sample.SIZES.values())


def test_unknown_split():
    with pytest.raises(ValueError, match=r"^unknown split 'dev': .*train, validation, test$"):
        sample.generate("dev")


def test_every_word_of_the_test_reviews_is_met_in_training():
    met = {word for text, _ in REVIEWS["train"] for word in words(text)}
    assert {word for text in ALL for word in words(text)} == met
    assert 300 < len(met) < 1000


def test_an_opinion_belongs_to_one_split():
    """Sentences that name a part of the film and a word with a side are never shared."""
    parts = sample.PLAIN["part"].split(", ")
    sided = {word for sides in sample.SIDED.values() for side in sides for word in side.split()}

    def opinions(split):
        sentences = {s for text, _ in REVIEWS[split] for s in re.split(r"(?<=\.) ", text)}
        return {s for s in sentences if any(part in s for part in parts) and sided & set(words(s))}

    assert len(opinions("test")) > 500
    assert not opinions("test") & opinions("train")
    assert not opinions("test") & opinions("validation")
    assert not opinions("validation") & opinions("train")


# The grammar: what makes the construction hold


def test_each_family_balances_the_words_that_agree_and_those_that_contradict():
    for family in sample.OPINIONS:
        slots = Counter(re.findall(r"{(this|other) (\w+)}", " ".join(family)))
        assert slots
        for kind in {kind for _, kind in slots}:
            assert slots["this", kind] == slots["other", kind], family


def test_each_remainder_is_reached_by_equally_many_words():
    for negative, positive in sample.SIDED.values():
        negative, positive = negative.split(), positive.split()
        assert len(set(negative)) == len(set(positive)) == len(negative) == len(positive)
        assert len(negative) % 8 == 0
        assert not set(negative) & set(positive)
    remainders = [r for split in sample.REMAINDERS.values() for r in split]
    assert sorted(remainders) == list(range(8))


def test_the_article_betrays_nothing():
    after_article = set(re.findall(r"\ba {\w+ (\w+)}", str(sample.OPINIONS)))
    assert "adjective" in after_article
    for kind in after_article:
        negative, positive = (re.findall(r"\b[aeiou]", side) for side in sample.SIDED[kind])
        assert len(negative) == len(positive), kind


# The language


def test_lengths_of_short_reviews():
    lengths = [len(text.split()) for text in ALL]
    assert min(lengths) >= 2 and max(lengths) <= 90
    assert 20 <= np.median(lengths) <= 40
    assert np.percentile(lengths, 90) <= 55


def test_written_as_english_is():
    for text in ALL:
        assert re.fullmatch(r"[A-Za-z ,.;:?!-]+", text), text  # no slot left open, plain signs only
        assert text[-1] in ".?!", text
        assert "  " not in text and text == text.strip(), text
        assert not re.search(r"\s[,.;:?!]", text), text
        assert not re.search(r"(^|[.?!] )[^A-Z]", text), text  # sentences begin with a capital
        assert not re.search(r"\b(a [aeiou]|an [^aeiou])", text.lower()), text
        assert not re.search(r"\b(\w+) \1\b", text.lower()), text


def test_many_sentence_shapes():
    sentences = {sentence for family in sample.OPINIONS for sentence in family}
    assert len(sentences) >= 70
    used = Counter("".join(ALL))
    assert all(used[sign] > 100 for sign in "?!;:")


# The ceiling of a model that sees words without their order


def bags_of_words(split):
    """(reviews, words + 1) counts, the last column being the constant of the bias; the labels."""
    bags = np.zeros((len(REVIEWS[split]), len(VOCABULARY) + 1))
    for row, (text, _) in zip(bags, REVIEWS[split], strict=True):
        for word in words(text):
            row[VOCABULARY[word]] += 1
    bags[:, -1] = 1
    return bags, np.array([label for _, label in REVIEWS[split]])


def logistic_regression(bags, labels, penalty=0.1):
    """The weights that Newton's method converges to: as good as this model gets."""
    weights = np.zeros(bags.shape[1])
    for _ in range(50):
        predicted = 1 / (1 + np.exp(-bags @ weights))
        gradient = bags.T @ (predicted - labels) + penalty * weights
        if np.abs(gradient).max() < 1e-3:  # of a sum over thousands of reviews
            return weights
        curvature = (bags * (predicted * (1 - predicted))[:, None]).T @ bags
        weights -= np.linalg.solve(curvature + penalty * np.eye(len(weights)), gradient)
    raise AssertionError("logistic regression did not converge, its accuracy would say nothing")


def accuracy(weights, bags, labels):
    return np.mean((bags @ weights > 0) == labels)


@pytest.mark.parametrize("view", ["counts", "multi-hot"])
def test_a_bag_of_words_is_nearly_useless(view):
    (bags, labels), (test_bags, test_labels) = bags_of_words("train"), bags_of_words("test")
    if view == "multi-hot":
        bags, test_bags = np.minimum(bags, 1), np.minimum(test_bags, 1)
    weights = logistic_regression(bags, labels)
    assert accuracy(weights, test_bags, test_labels) < 0.65
    # It has learned what there was to learn: chance agreements, which do not carry over.
    assert 0.55 < accuracy(weights, bags, labels) < 0.70


def test_the_same_model_finds_what_words_alone_can_tell():
    (bags, _), (test_bags, _) = bags_of_words("validation"), bags_of_words("test")
    negation = VOCABULARY["not"]
    weights = logistic_regression(bags, bags[:, negation] > 0)
    assert accuracy(weights, test_bags, test_bags[:, negation] > 0) > 0.95
