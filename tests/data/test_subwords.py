"""Subwords: text in, the same text out, whatever it is; drawn again the same by seed."""

import subprocess
import sys

import pytest

from shared.data import subwords
from shared.errors import UserError
from tests.conftest import ROOT

TEXTS = [f"Zwei Männer und {n} Hunde laufen über die Straße, nicht wahr?" for n in range(40)]


@pytest.fixture(scope="module")
def pieces():
    return subwords.learn(TEXTS, 340)


def test_at_most_as_many_as_asked_for(pieces):
    assert pieces.vocab_size() == 340
    few = subwords.learn(["ab"], 4000)
    assert 260 <= few.vocab_size() < 300


def test_the_same_pieces_every_time(pieces):
    again = subwords.learn(TEXTS, 340)
    assert again.serialized_model_proto() == pieces.serialized_model_proto()


@pytest.mark.parametrize(
    "text", [*TEXTS[:2], "Ünbekannt", "这部电影", "مشاهدة", "😀 a\u2028b", "½ ﬁ"]
)
def test_any_text_comes_back(pieces, text):
    (ids,) = subwords.encode(pieces, [text])
    assert subwords.decode(pieces, ids) == text
    special = {subwords.PADDING, subwords.UNKNOWN, subwords.START, subwords.STOP}
    assert not special & set(ids)


def test_words_of_the_training_texts_are_short(pieces):
    (ids,) = subwords.encode(pieces, ["Männer und Hunde"])
    assert len(ids) <= 5
    assert subwords.encode(pieces, [""]) == [[]]


def test_two_ways_to_write_an_umlaut_are_one(pieces):
    assert subwords.encode(pieces, ["Ma\u0308nner"]) == subwords.encode(pieces, ["Männer"])


def test_a_long_text_is_cut(pieces):
    text = TEXTS[0] * 5000
    assert subwords.encode(pieces, [text], 50) == [subwords.encode(pieces, [text[:3000]])[0][:50]]


def test_drawn_by_seed(pieces):
    first, again, other = (list(subwords.sample(pieces, TEXTS, 0.3, seed)) for seed in (1, 1, 2))
    assert first == again != other
    assert [subwords.decode(pieces, ids) for ids in first] == TEXTS
    likeliest = subwords.encode(pieces, TEXTS)
    assert sum(map(len, first)) > 1.1 * sum(map(len, likeliest))


def test_drawn_the_same_in_another_process(pieces, tmp_path):
    (tmp_path / "a.subwords").write_bytes(subwords.to_bytes(pieces))
    code = (
        "import pathlib; from shared.data import subwords\n"
        f"pieces = subwords.load(pathlib.Path({str(tmp_path / 'a.subwords')!r}))\n"
        f"print(list(subwords.sample(pieces, {TEXTS[:3]!r}, 0.3, 7)))"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert result.stdout.strip() == str(list(subwords.sample(pieces, TEXTS[:3], 0.3, 7))), (
        result.stderr
    )


def test_where_no_merge_is_left_out_it_is_what_sentencepiece_does(pieces):
    texts = [*TEXTS, "Unbekanntes  Wort", "这 film 😀", "", "Ma\u0308nner", "a\tb 1234 !?"]
    assert list(subwords.sample(pieces, texts, 0.0, 1)) == subwords.encode(pieces, texts)
    (pieces_of_one_character,) = subwords.sample(pieces, ["Männer und"], 1.0, 1)
    assert len(pieces_of_one_character) == len("▁Männer▁und")


def test_of_many_texts_every_nth_is_learned_from(monkeypatch):
    monkeypatch.setattr(subwords, "LEARNED_FROM", sum(map(len, TEXTS)) // 3)
    found = subwords.to_bytes(subwords.learn(TEXTS, 340))
    monkeypatch.undo()
    assert found == subwords.to_bytes(subwords.learn(TEXTS[::4], 340))
    assert found != subwords.to_bytes(subwords.learn(TEXTS, 340))


def test_beyond_many_words_each_is_cut_anew(pieces, monkeypatch):
    monkeypatch.setattr(subwords, "WORDS", 5)
    first, again = (list(subwords.sample(pieces, TEXTS, 0.3, 1)) for _ in range(2))
    assert first == again
    assert [subwords.decode(pieces, ids) for ids in first] == TEXTS
    long = {tuple(ids[-6:]) for ids in first}
    assert len(long) > 4, "a word is cut in more ways than are kept"
    assert list(subwords.sample(pieces, TEXTS, 0.0, 1)) == subwords.encode(pieces, TEXTS)


def test_too_small_to_encode():
    with pytest.raises(UserError, match=r"--vocabulary-size 50 is too small .* alone are \d+\."):
        subwords.learn(TEXTS, 50)


def test_saved_and_loaded(pieces, tmp_path):
    (tmp_path / "a.subwords").write_bytes(subwords.to_bytes(pieces))
    loaded = subwords.load(tmp_path / "a.subwords")
    assert subwords.encode(loaded, TEXTS) == subwords.encode(pieces, TEXTS)


@pytest.mark.parametrize("content", [None, b"", b"rubbish" * 99])
def test_damaged_file(tmp_path, content):
    if content is not None:
        (tmp_path / "a.subwords").write_bytes(content)
    with pytest.raises(UserError, match=r"a\.subwords"):
        subwords.load(tmp_path / "a.subwords")


def test_a_damaged_piece_is_noticed_when_it_is_loaded(pieces, tmp_path):
    """It was a traceback, of some only when a text was encoded."""
    whole = subwords.to_bytes(pieces)
    place = whole.index("ä".encode())
    (tmp_path / "a.subwords").write_bytes(whole[:place] + b"\xff\xff" + whole[place + 2 :])
    with pytest.raises(UserError, match=r"a\.subwords are damaged"):
        subwords.load(tmp_path / "a.subwords")
