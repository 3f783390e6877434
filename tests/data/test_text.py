"""Words to numbers: what the vocabulary holds, and that any text at all gets numbers."""

import itertools
from collections import Counter

import pytest

from recipes.sentiment.data import words_of
from shared.data import text
from shared.errors import UserError

TEXTS = ["The film, the FILM!", "the film isn't bad", "Größe zählt", "the"]


def test_vocabulary_is_sorted_by_frequency_and_bounded():
    vocabulary = text.learn_vocabulary(TEXTS, 100, words_of)
    assert vocabulary[:4] == ["", "[UNK]", "the", "film"]
    assert {",", "!", "isn't", "größe", "zählt"} <= set(vocabulary)
    assert text.learn_vocabulary(TEXTS, 4, words_of) == vocabulary[:4]


def test_frequent_words_are_counted_though_there_is_no_end_of_rare_ones(monkeypatch):
    monkeypatch.setattr(text, "MOST", 200)
    frequent = [f"word {number}" for number in range(20)]
    lines = [[f"rare {line}", *frequent[: 1 + line % 20]] for line in range(2000)]
    counts = text.count(lines, 10)
    assert counts.most_common(20) == Counter(itertools.chain(*lines)).most_common(20)
    assert len(counts) <= 200
    lasting = text.count(lines, 1000)
    assert len(lasting) == 2020, "what is asked for is never forgotten"


def test_ids_are_places_in_the_vocabulary():
    vocabulary = text.learn_vocabulary(TEXTS, 100, words_of)
    (ids,) = text.to_ids(["The film, unheard of"], vocabulary, words_of)
    words = [vocabulary[i] for i in ids]
    assert words == ["the", "film", ",", "[UNK]", "[UNK]"]


@pytest.mark.parametrize("strange", ["", "   ", "<br />", "😀", "好看的电影", "\x00\x01\x7f", "�"])
def test_any_text_gets_at_least_one_number(strange):
    vocabulary = text.learn_vocabulary(TEXTS, 100, words_of)
    (ids,) = text.to_ids([strange], vocabulary, words_of)
    assert len(ids) >= 1 and (ids >= 1).all()


def test_long_texts_are_cut():
    vocabulary = text.learn_vocabulary(TEXTS, 100, words_of)
    (ids,) = text.to_ids(["film " * 100_000], vocabulary, words_of, max_length=7)
    assert ids.tolist() == [vocabulary.index("film")] * 7


def test_saved_and_loaded(tmp_path):
    vocabulary = text.learn_vocabulary(TEXTS, 100, words_of)
    (tmp_path / "vocabulary.txt").write_text(text.lines_of(vocabulary), encoding="utf-8")
    assert text.load_vocabulary(tmp_path / "vocabulary.txt") == vocabulary


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"\n[UNK]\nfilm\nfilm\n"])
def test_damaged_vocabulary_is_one_clear_line(tmp_path, content):
    path = tmp_path / "vocabulary.txt"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"vocabulary\.txt is damaged"):
        text.load_vocabulary(path)
