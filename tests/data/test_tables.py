"""Tables of a user's own: read, or refused with the file and the line."""

import pytest

from shared.data.tables import column_names, read_table
from shared.errors import UserError


def written(folder, name, content):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(
    "name, content",
    [
        ("plain.csv", "text,label\nGood.,1\nBad.,0\n"),
        ("turned.csv", "label,text,more\n1,Good.,x\n0,Bad.,\n"),
        ("quoted.CSV", 'text,label\r\n"Good.",1\r\n"Bad.",0\r\n'),
        ("marked.csv", b"\xef\xbb\xbftext,label\nGood.,1\nBad.,0\n"),
        ("wide.csv", "text,label\nGood.,1\nBad.,0\n".encode("utf-16")),
        ("gaps.csv", "text,label\n\nGood.,1\n\nBad.,0"),
        ("begins.csv", "\n\r\ntext,label\nGood.,1\nBad.,0\n\n"),
        ("mac.csv", "text,label\rGood.,1\rBad.,0\r"),
        ("tabs.tsv", "text\tlabel\nGood.\t1\nBad.\t0\n"),
        ("objects.jsonl", '{"text": "Good.", "label": 1}\n\n{"label": "0", "text": "Bad."}'),
    ],
)
def test_the_same_table_in_every_form(name, content, tmp_path):
    table = read_table(written(tmp_path, name, content), ("text", "label"), optional=("split",))
    assert table == {"text": ["Good.", "Bad."], "label": ["1", "0"]}


def test_quotes_commas_and_line_ends_in_a_cell(tmp_path):
    path = written(tmp_path, "t.csv", 'text,label\n"He said ""no"", twice,\nand left.",a\n')
    assert read_table(path, ("text",))["text"] == ['He said "no", twice,\nand left.']


def test_the_names_of_the_columns(tmp_path):
    assert column_names(written(tmp_path, "t.csv", "b, a\n1,2\n")) == ["b", "a"]
    assert column_names(written(tmp_path, "t.jsonl", '{"b": 1, "a": 2}\n{"c": 1}')) == ["b", "a"]
    assert column_names(written(tmp_path, "t.csv", "b,a\n")) == []


def test_an_optional_column(tmp_path):
    path = written(tmp_path, "t.csv", "text,split\na,train\nb,test\n")
    assert read_table(path, ("text",), ("split",))["split"] == ["train", "test"]


@pytest.mark.parametrize("name", ["Split", "SPLIT", " split "])
def test_the_column_of_the_splits_in_capitals(name, tmp_path):
    """It was left alone, and other splits were drawn."""
    path = written(tmp_path, "t.csv", f"text,{name}\na,train\nb,test\n")
    assert read_table(path, ("text",), ("split",))["split"] == ["train", "test"]
    path = written(tmp_path, "t.jsonl", f'{{"text": "a", "{name}": "train"}}')
    assert read_table(path, ("text",), ("split",))["split"] == ["train"]


def test_a_split_that_only_later_lines_have(tmp_path):
    path = written(tmp_path, "t.jsonl", '{"text": "a"}\n\n{"text": "b", "split": "test"}\n')
    with pytest.raises(UserError, match="line 3: here is a split, and in line 1 there is none"):
        read_table(path, ("text",), ("split",))


@pytest.mark.parametrize("columns", [("text", "text"), ("text", "split")])
def test_one_column_for_two_things(columns, tmp_path):
    path = written(tmp_path, "t.csv", "text,split\na,train\nb,test\n")
    with pytest.raises(UserError, match=rf"t\.csv: the column '{columns[1]}' is asked for twice"):
        read_table(path, columns, ("split",))


@pytest.mark.parametrize(
    "name, content, words",
    [
        ("t.txt", "text,label\na,b\n", "must end in .csv"),
        ("t.csv", "", "has no rows"),
        ("t.csv", "text,label\n", "has no rows"),
        ("t.csv", "words,label\na,b\n", "has no column 'text'. It has: words, label."),
        ("t.csv", "text;label\na;b\n", "not semicolons"),
        ("t.csv", "text,label,text\na,b,c\n", "line 1: two columns are called 'text'"),
        ("t.csv", 'text,label\n"a\nb",c\n,d\n', "line 4: the text is missing"),
        ("t.csv", "text,label\na,b\nc, \n", "line 3: the label is missing"),
        ("t.csv", '"a\nb",c\nd,e\n', "It has: a b, c."),
        ("t.csv", "text,label\na,b,c\n", "line 2: 3 cells, but 2 columns"),
        ("t.csv", "text,label\na\n", "line 2: 1 cells, but 2 columns"),
        ("t.csv", 'text,label\n"a,b\n', "Check the quotes"),
        ("t.csv", 'text,label\n"a"x,b\n', "line 2"),
        ("t.csv", 'text,label\n"a,b\nc,d\n', "line 2: unexpected end of data. Check the quotes"),
        ("t.csv", "text,label\na,b\ntext,label\n", "line 3: the names of the columns stand here"),
        ("t.csv", "text,label\na,b\n\ufefftext,label\n", "line 3: the names of the columns"),
        ("t.csv", b"text,label\na,b\n\xff\xfe,b\n", "line 3: this is not UTF-8 text"),
        ("t.csv", "text,label\na,b\n\0,b\n", "line 3: this is not text"),
        ("t.jsonl", '{"text": "a", "label": 1}\n{"text": "a"}\n', "line 2: the label is missing"),
        ("t.jsonl", '{"text": "a", "label": null}\n', "line 1: the label is missing"),
        ("t.jsonl", '{"text": "a", "label": [1]}\n', "line 1: label is neither"),
        ("t.jsonl", "[1, 2]\n", "line 1: this is no JSON object"),
        ("t.jsonl", "{text: a}\n", "line 1: this is not JSON"),
        ("t.jsonl", '{"text": "a", "label": NaN}\n', "line 1: this is not JSON (NaN is no number)"),
        ("t.jsonl", '{"text": "a", "text": "b", "label": 1}\n', "two of its names are the same"),
        (
            "t.jsonl",
            '{"text": "a\\u0000", "label": 1}\n',
            "text has a character of number 0",
        ),
        ("t.jsonl", "[" * 100_000, "line 1: this is not JSON"),
    ],
)
def test_what_is_wrong_is_said_with_file_and_line(name, content, words, tmp_path):
    path = written(tmp_path, name, content)
    with pytest.raises(UserError) as refused:
        read_table(path, ("text", "label"))
    assert words in str(refused.value) and str(path) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_long_cell_and_many_rows(tmp_path):
    rows = ["x" * 1_000_000 + ",long"] + [f"text {number},short" for number in range(100_000)]
    path = written(tmp_path, "t.csv", "text,label\n" + "\n".join(rows))
    table = read_table(path, ("text", "label"), large=("text",))
    assert (
        len(table["text"]) == len(table["label"]) == 100_001 and len(table["text"][0]) == 1_000_000
    )
    assert table["text"][-1] == "text 99999"


def test_many_columns(tmp_path):
    """They were compared with each other, which took 40 seconds."""
    names = [f"column {number}" for number in range(50_000)]
    path = written(tmp_path, "t.csv", ",".join(names) + "\n" + ",".join(names[::-1]) + "\n")
    assert read_table(path, ("column 7",))["column 7"] == ["column 49992"]
    with pytest.raises(UserError, match="has no column 'text'"):
        read_table(path, ("text",))


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(UserError, match="Can't read"):
        read_table(tmp_path / "none.csv", ("text",))


def test_every_row_tells_its_line(tmp_path):
    path = written(tmp_path, "t.csv", 'text,label\n\n"one\ntwo",a\nthree,b\n')
    assert list(read_table(path, ("text",)).lines) == [3, 5]
    path = written(tmp_path, "t.jsonl", '{"text": "a"}\n\n{"text": "b"}\n')
    assert list(read_table(path, ("text",)).lines) == [1, 3]


def test_half_a_character_is_refused_with_its_line(tmp_path):
    path = written(tmp_path, "a.jsonl", '{"text": "good"}\n{"text": "x\\ud83d"}\n')
    with pytest.raises(UserError, match=r"a\.jsonl, line 2: text has half a character"):
        read_table(path, ("text",))
