"""BLEU of captions: against figures worked out by hand, and against a plain count of n-grams."""

import math
import random
from collections import Counter

import numpy as np
import pytest

from shared.data.examples import Examples
from shared.evaluation import captions
from shared.evaluation.pictures import embedded


def ngrams(text, order):
    words = text.split()
    return Counter(tuple(words[i : i + order]) for i in range(len(words) - order + 1))


def counted_bleu(written, references, highest):
    """Papineni et al. 2002, counted as it is written down there."""
    logarithms = []
    for order in range(1, highest + 1):
        right = total = 0
        for text, given in zip(written, references, strict=True):
            most = Counter()
            for reference in given:
                most |= ngrams(reference, order)  # of each n-gram the largest count
            right += sum((ngrams(text, order) & most).values())
            total += sum(ngrams(text, order).values())
        if not right:
            return 0.0
        logarithms.append(math.log(right / total))
    lengths = [len(text.split()) for text in written]
    nearest = [
        min((abs(len(r.split()) - length), len(r.split())) for r in given)[1]
        for length, given in zip(lengths, references, strict=True)
    ]
    penalty = min(1.0, math.exp(1 - sum(nearest) / sum(lengths)))
    return 100 * penalty * math.exp(sum(logarithms) / highest)


def test_each_word_counts_at_most_as_often_as_in_one_reference():
    """The example of the paper: seven times "the" gets 2 of 7."""
    references = [["the cat is on the mat", "there is a cat on the mat"]]
    found, _ = captions.corpus_bleu(["the the the the the the the"], references)
    assert found["bleu_1"] == pytest.approx(100 * 2 / 7)
    assert found["bleu_2"] == found["bleu_4"] == 0


def test_signature_says_how_it_was_counted():
    _, signature = captions.measure(["a dog", "a cat"], [["a dog", "dogs"], ["a cat", "cats"]])
    assert signature.startswith("nrefs:2|case:mixed|eff:no|tok:none|smooth:none")


def test_short_captions_pay():
    """Three right words, and of the references' 4 and 6 words 4 are nearest: exp(1 - 4/3)."""
    found, _ = captions.corpus_bleu(["a dog runs"], [["a dog runs fast", "a dog runs in the snow"]])
    assert found["bleu_1"] == pytest.approx(100 * math.exp(-1 / 3))
    assert found["bleu_3"] == pytest.approx(100 * math.exp(-1 / 3))


def test_same_as_a_plain_count():
    draw = random.Random(1)
    words = ["a", "dog", "runs"]

    def sentence():
        return " ".join(draw.choices(words, k=draw.randint(3, 9)))

    written = [sentence() for _ in range(60)]
    references = [[sentence() for _ in range(draw.randint(1, 5))] for _ in written]
    found, _ = captions.corpus_bleu(written, references)
    for order in range(1, 5):
        expected = counted_bleu(written, references, order)
        assert found[f"bleu_{order}"] == pytest.approx(expected, abs=1e-6) and expected > 0


def test_no_image_keeps_its_caption_when_they_are_dealt():
    references = [[f"this is number {number} of all"] for number in range(7)]
    written = [given[0] for given in references]
    metrics, signature = captions.measure(written, references)
    assert metrics["bleu_4"] == pytest.approx(100)
    # Four of the six words are the same everywhere; the number is another on every image.
    dealt = counted_bleu(["this is number x of all"] * 7, references, 4)
    assert metrics["bleu_4_shuffled_images"] == pytest.approx(dealt)
    assert captions.measure(written, references) == (metrics, signature)
    assert "bleu_4_shuffled_images" not in captions.measure(written[:1], references[:1])[0]


def test_report_shows_the_best_and_the_worst():
    written = ["a <b>dog</b> runs", "x", "a man"]
    references = [["a <b>dog</b> runs"], ["a boy jumps"], ["a man sits"]]
    images = np.stack([np.full((4, 4, 3), place, "uint8") for place in range(3)])
    examples = Examples.of({"image": images})
    best, worst = captions.best_and_worst(examples, written, references, count=1)
    assert "dog" in best[1] and "<b>" not in best[1] and embedded(images[0]) in best[1]
    assert "x (one reference: a boy jumps)" in worst[1] and embedded(images[1]) in worst[1]
    captions.best_and_worst(examples, written, [[], *references[1:]], count=9)


def test_examples_come_in_order_as_arrays():
    examples = Examples.of({"image": np.arange(7), "captions": np.array([b"a"] * 7, object)})
    found = list(captions.in_order(examples, batch_size=3))
    assert [batch["image"].tolist() for batch in found] == [[0, 1, 2], [3, 4, 5], [6]]
    assert found[2]["captions"].tolist() == [b"a"]


def test_an_exact_match_is_one_of_the_references():
    metrics, _ = captions.measure(["a dog", "a cat"], [["dogs", "a dog"], ["cats"]])
    assert metrics["exact_match"] == 0.5


def test_an_empty_caption_and_a_missing_reference_are_no_error():
    found, _ = captions.measure(["", "a dog"], [["a man"], []])
    assert found["bleu_4"] == 0
