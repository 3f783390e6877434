"""Text files in every encoding that people save them in."""

import codecs

import pytest

from shared.data.text_files import read_text
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
def test_the_same_text_in_every_encoding(raw, tmp_path):
    (tmp_path / "text").write_bytes(raw)
    assert read_text(tmp_path / "text") == TEXT


@pytest.mark.parametrize(
    "raw, words",
    [
        (b"one\ntwo\nthr\xe4e\n", "line 3: this is not UTF-8 text. Save it as UTF-8."),
        (b"one\nt\x00wo\n", "line 2: this is not text; it has a character of number 0."),
        (codecs.BOM_UTF16_LE + b"o", "line 1: this is not UTF-8 text."),
    ],
    ids=["latin-1", "binary", "cut short"],
)
def test_what_is_no_text_is_refused_with_its_line(raw, words, tmp_path):
    path = tmp_path / "text"
    path.write_bytes(raw)
    with pytest.raises(UserError) as error:
        read_text(path)
    assert str(error.value).startswith(f"{path}, {words}")


def test_a_file_that_is_not_there(tmp_path):
    for path in (tmp_path / "nowhere", tmp_path):
        with pytest.raises(UserError, match=f"Can't read {path}: "):
            read_text(path)
