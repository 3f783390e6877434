"""Texts from a data set, a sample and a file, for each split the parts of one string."""

import types

import pytest
import tensorflow_datasets as tfds

from shared.data import prepared, running_text, text_files
from shared.errors import UserError


class TinyPlays(tfds.core.GeneratorBasedBuilder):
    """Some texts, with a second feature of text beside the one named so; and a split of none."""

    VERSION = tfds.core.Version("1.0.0")

    def _info(self):
        features = {"text": tfds.features.Text(), "author": tfds.features.Text()}
        return self.dataset_info_from_configs(features=tfds.features.FeaturesDict(features))

    def _split_generators(self, dl_manager):
        return {
            "train": self._generate_examples(["Enter Gremio. É", b"Exit\xff", "Exeunt."]),
            "validation": self._generate_examples(["Good morrow."]),
            "empty": self._generate_examples([" "]),
        }

    def _generate_examples(self, texts):
        for i, text in enumerate(texts):
            yield i, {"text": text, "author": "W. S."}


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tfds")
    TinyPlays(data_dir=folder).download_and_prepare()
    return running_text.of_prepared("tiny_plays", prepared.open_builder("tiny_plays", folder))


def test_the_texts_of_a_data_set_are_joined_by_a_blank_line(stored):
    found = "".join(stored.read("train")).split("\n\n")
    assert sorted(found) == ["Enter Gremio. É", "Exeunt.", "Exit\ufffd"]
    assert "".join(stored.read("train", 2)).split("\n\n") == found[:2]
    assert "".join(stored.read("validation")) == "Good morrow."
    with pytest.raises(UserError, match="The empty split of tiny_plays holds no text"):
        stored.read("empty")


@pytest.mark.parametrize(
    "features, expected",
    [
        ({"text": tfds.features.Text(), "title": tfds.features.Text()}, "text"),
        (
            {"review": tfds.features.Text(), "label": tfds.features.ClassLabel(num_classes=2)},
            "review",
        ),
        ({"title": tfds.features.Text(), "body": tfds.features.Text()}, None),
        ({"image": tfds.features.Image()}, None),
    ],
)
def test_which_feature_is_the_text(features, expected):
    assert running_text.text_feature(tfds.features.FeaturesDict(features)) == expected


def test_the_text_of_a_sample():
    sample = types.SimpleNamespace(
        SIZES={"train": 1, "test": 1}, DEFAULTS={}, generate="of {}".format
    )
    source = running_text.of_sample(sample)
    assert (source.name, source.splits) == ("sample", ("train", "test"))
    assert "".join(source.read("test", 3)) == "of test"


# A user's own file


TEXT = "".join(f"Line {i}, and é.\n" for i in range(200))


def of_file(path, **more):
    return running_text.of_file(types.SimpleNamespace(file=str(path), **more))


@pytest.mark.parametrize("block", [1, 100, 2**16])
def test_a_file_is_cut_in_three_parts_that_follow_each_other(block, tmp_path, monkeypatch):
    path = tmp_path / "mine.txt"
    path.write_text(TEXT)
    monkeypatch.setattr(text_files, "BLOCK", block)
    source = of_file(path)
    assert (source.name, source.files) == ("mine.txt", (str(path),))
    parts = ["".join(source.read(split)) for split in ("train", "validation", "test")]
    assert "".join(parts) == TEXT
    assert [len(part) / len(TEXT) for part in parts] == pytest.approx([0.9, 0.05, 0.05], abs=1e-3)
    with pytest.raises(UserError, match="has no split 'dev'"):
        source.read("dev")


def test_line_ends_and_encodings_make_no_other_text(tmp_path):
    path = tmp_path / "mine.txt"
    for raw in (TEXT.replace("\n", "\r\n").encode(), TEXT.replace("\n", "\r").encode("utf-16")):
        path.write_bytes(raw)
        assert "".join(of_file(path, whole=True).read("test")) == TEXT


def test_a_file_that_is_only_measured_on_is_all_test_split(tmp_path):
    path = tmp_path / "short.txt"
    path.write_text("Short.")
    source = of_file(path, whole=True)
    assert source.splits == ("test",) and list(source.read("test")) == ["Short."]


def test_the_version_says_what_is_in_the_file(tmp_path):
    first, second = tmp_path / "a.txt", tmp_path / "b.txt"
    first.write_text(TEXT)
    second.write_text(TEXT)
    assert of_file(first).version == of_file(second).version
    second.write_text(TEXT.replace("é", "è"))
    assert of_file(first).version != of_file(second).version


@pytest.mark.parametrize(
    "content, whole, words",
    [
        ("", False, "has 0 characters of text; it needs 1,000 or more"),
        (" \n" * 999, False, "has 0 characters of text"),
        (
            " \n" * 99_999 + "word " * 199 + "\n" * 99_999,
            False,
            "has 994 characters of text; it needs 1,000",
        ),
        ("\n", True, "has 0 characters of text; it needs 1 or more"),
    ],
)
def test_too_little_text_is_refused(content, whole, words, tmp_path):
    path = tmp_path / "mine.txt"
    path.write_text(content)
    with pytest.raises(UserError, match=f"{path} {words}"):
        of_file(path, whole=whole)
