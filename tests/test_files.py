"""Files are whole or not there."""

import pytest

from shared import files
from shared.errors import UserError


def test_a_write_that_fails_leaves_the_old_file_and_no_other(tmp_path):
    path = tmp_path / "model.keras"
    files.write_text(path, "old")
    with pytest.raises(ZeroDivisionError), files.replacing(path) as temporary:
        temporary.write_text("half of the n")
        1 / 0  # noqa: B018
    assert path.read_text() == "old"
    assert [found.name for found in tmp_path.iterdir()] == ["model.keras"]


def test_temporary_name_keeps_the_ending(tmp_path):
    with files.replacing(tmp_path / "model.keras") as temporary:
        assert temporary.suffix == ".keras" and temporary.parent == tmp_path
        temporary.write_text("new")
    assert (tmp_path / "model.keras").read_text() == "new"


def test_a_folder_that_is_gone_is_one_clear_line(tmp_path):
    with pytest.raises(UserError, match=r"Can't write .*config\.json: No such file"):
        files.write_json(tmp_path / "gone" / "config.json", {})


@pytest.mark.parametrize(
    "content", [b"", b"{", b"\xff", b"[" * 100_000, b'{"a":' * 100_000], ids=len
)
def test_damaged_json_is_one_clear_line(tmp_path, content):
    path = tmp_path / "config.json"
    path.write_bytes(content)
    with pytest.raises(UserError, match="damaged"):
        files.read_json(path)


def test_json_keeps_a_file_name_that_is_no_text(tmp_path):
    value = {"file": "caf\udce9.csv", "note": "é"}
    files.write_json(tmp_path / "a.json", value)
    assert files.read_json(tmp_path / "a.json") == value
