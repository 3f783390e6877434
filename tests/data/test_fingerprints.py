"""Fingerprints: of the content, and where it is asked for of the names as well."""

import pytest

from shared.data.fingerprints import fingerprint
from shared.errors import UserError


def written(path, content):
    path.parent.mkdir(exist_ok=True)
    path.write_text(content)
    return path


def test_the_fingerprint_is_of_the_content(tmp_path):
    one, same = written(tmp_path / "a.csv", "a"), written(tmp_path / "b.csv", "a")
    other = written(tmp_path / "c.csv", "b")
    assert fingerprint([one]) == fingerprint([same]) != fingerprint([other])
    assert fingerprint([one, other]) != fingerprint([other, one])


def test_a_file_that_moves_within_a_folder_changes_it(tmp_path):
    before = fingerprint([written(tmp_path / "cat/1.png", "x")], below=tmp_path)
    assert fingerprint([written(tmp_path / "dog/1.png", "x")], below=tmp_path) != before
    elsewhere = written(tmp_path / "copy/1.png", "x").parent
    (elsewhere / "cat").mkdir()
    moved = (elsewhere / "1.png").rename(elsewhere / "cat/1.png")
    assert fingerprint([moved], below=elsewhere) == before, "where the folder lies doesn't count"


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(UserError, match="Can't read"):
        fingerprint([tmp_path / "none.csv"])
