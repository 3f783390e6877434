"""Texts with a label each in a table of a user's own; the form of tables is in test_tables."""

from types import SimpleNamespace

import pytest

from shared.data import labelled_texts
from shared.errors import UserError


def source_of(path, content, **more):
    path.write_text(content, encoding="utf-8")
    options = {"file": str(path), "text_column": "text", "label_column": "label"} | more
    return labelled_texts.of_table(SimpleNamespace(**options))


def test_splits_as_named(tmp_path):
    rows = "a, x ,train\nb,y,train\nc,y,dev\nd,x,test\n"
    source = source_of(tmp_path / "t.csv", "text,label,split\n" + rows)
    assert source.classes == ("x", "y") and set(source.splits) == {"train", "validation", "test"}
    texts, labels = source.read("train")
    assert list(texts) == ["a", "b"] and labels.tolist() == [0, 1]
    assert list(source.read("test")[0]) == ["d"]


def test_a_label_that_is_not_among_those_for_training(tmp_path):
    """A network would have an answer that it never saw."""
    table = "text,label,split\na,good,train\nb,bad,train\nc,godo,test\nd,good,train\n"
    with pytest.raises(UserError, match=r"t\.csv, line 4: the class 'godo' has no rows"):
        source_of(tmp_path / "t.csv", table)
    assert source_of(tmp_path / "t.csv", table, whole=True).classes == ("bad", "godo", "good")


def test_a_single_label(tmp_path):
    with pytest.raises(UserError, match=r"t\.csv: every label is 'x'; there must be two kinds"):
        source_of(tmp_path / "t.csv", "text,label\na,x\nb,x\nc,x\n")
    assert source_of(tmp_path / "t.csv", "text,label\na,x\n", whole=True).splits == ("test",)
