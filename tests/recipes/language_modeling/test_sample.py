"""The bundled help texts: reproducible, disjoint, and how far one letter of memory gets on them."""

from collections import Counter

import numpy as np
import pytest

from recipes.language_modeling import sample

TEXTS = {split: sample.generate(split) for split in sample.SIZES}


def paragraphs(split):
    return {" ".join(part.split()) for part in TEXTS[split].split("\n\n")} - {""}


def test_the_same_text_every_time():
    assert sample.generate("test") == TEXTS["test"]


def test_unknown_split():
    with pytest.raises(ValueError, match=r"^unknown split 'dev': .*train, validation, test$"):
        sample.generate("dev")


def test_sizes():
    total = sum(map(len, TEXTS.values()))
    assert 200_000 < total < 1_000_000
    for split in ("validation", "test"):
        assert 0.05 < len(TEXTS[split]) / total < 0.25


def test_no_paragraph_occurs_twice():
    for split, text in TEXTS.items():
        counts = Counter(" ".join(part.split()) for part in text.split("\n\n"))
        del counts[""]
        assert max(counts.values()) == 1, split
    assert not paragraphs("train") & (paragraphs("validation") | paragraphs("test"))
    assert not paragraphs("validation") & paragraphs("test")


def test_most_of_the_help_texts_is_there():
    """What is taken out is repetition: each paragraph of each topic is in one of the splits."""
    everything = paragraphs("train") | paragraphs("validation") | paragraphs("test")
    for name, text in sample._topics().items():
        for part in text.split("\n\n"):
            assert not part.strip() or " ".join(part.split()) in everything, name


def bigram_cross_entropy(split, weight):
    """Nats per character, of counts mixed with those of single characters and with none at all."""
    train, text = TEXTS["train"], "\n" + TEXTS[split]
    vocabulary = sorted(set(train) | set(text))
    number = {character: i for i, character in enumerate(vocabulary)}
    ids, said = ([number[c] for c in part] for part in (train, text))
    pairs = np.zeros((len(vocabulary), len(vocabulary)))
    np.add.at(pairs, (ids[:-1], ids[1:]), 1)
    single = (pairs.sum(axis=0) + 0.1) / (pairs.sum() + 0.1 * len(vocabulary))
    mixed = (pairs + weight * single) / (pairs.sum(axis=1, keepdims=True) + weight)
    np.testing.assert_allclose(mixed.sum(axis=1), 1)
    return -np.log(mixed[said[:-1], said[1:]]).mean()


def test_what_the_smoke_test_asks_for_is_far_below_a_bigram_model():
    weight = min(np.geomspace(0.1, 1000, 20), key=lambda w: bigram_cross_entropy("validation", w))
    bigram = bigram_cross_entropy("test", weight)
    assert 2.0 < bigram < 3.0, "a bigram model should be neither broken nor this good"
    assert sample.SMOKE["metric"] == "cross_entropy"
    assert sample.SMOKE["at_most"] < bigram - 0.5
