"""Text files in every encoding that people save them in."""

import codecs

import pytest

from shared.data import text_files
from shared.data.text_files import read_blocks, read_lines
from shared.errors import UserError

TEXT = "Ärger,\r\n这部 😀\n"


@pytest.mark.parametrize(
    "raw",
    [
        TEXT.encode(),
        codecs.BOM_UTF8 + TEXT.encode(),
        codecs.BOM_UTF16_LE + TEXT.encode("utf-16-le"),
        codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"),
    ],
    ids=["utf-8", "utf-8 with its mark", "utf-16-le", "utf-16-be"],
)
def test_the_same_text_in_every_encoding(raw, tmp_path, monkeypatch):
    (tmp_path / "text").write_bytes(raw)
    for size in (1, 7, 2**16):
        monkeypatch.setattr(text_files, "BLOCK", size)
        blocks = list(read_blocks(tmp_path / "text", newline=""))
        assert "".join(blocks) == TEXT and max(map(len, blocks)) <= size
        assert "".join(read_blocks(tmp_path / "text")) == TEXT.replace("\r\n", "\n")
    assert list(read_lines(tmp_path / "text")) == TEXT.splitlines(keepends=True)


def test_lines_end_where_they_are_said_to_end(tmp_path):
    (tmp_path / "text").write_bytes(b"a\rb\r\nc\nd")
    assert list(read_lines(tmp_path / "text")) == ["a\r", "b\r\n", "c\n", "d"]
    assert list(read_lines(tmp_path / "text", newline="\n")) == ["a\rb\r\n", "c\n", "d"]


@pytest.mark.parametrize(
    "raw, words",
    [
        (b"one\ntwo\nthr\xe4e\n", "line 3: this is not UTF-8 text. Save it as UTF-8."),
        (b"one\nt\x00wo\n", "line 2: this is not text; it has a character of number 0."),
        (codecs.BOM_UTF16_LE + b"o", "line 1: this is not UTF-8 text."),
    ],
    ids=["latin-1", "binary", "cut short"],
)
def test_what_is_no_text_is_refused_with_its_line(raw, words, tmp_path, monkeypatch):
    path = tmp_path / "text"
    path.write_bytes(raw)
    for size in (2, 2**16):
        monkeypatch.setattr(text_files, "BLOCK", size)
        for read in (read_blocks, read_lines):
            with pytest.raises(UserError) as error:
                list(read(path))
            assert str(error.value).startswith(f"{path}, {words}")


def test_a_file_that_is_not_there(tmp_path):
    for path in (tmp_path / "nowhere", tmp_path):
        with pytest.raises(UserError, match=f"Can't read {path}: "):
            list(read_blocks(path))
