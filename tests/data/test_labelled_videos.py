"""Videos with a label for each frame: of TFDS data sets and of folders, read alike."""

import csv
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image

from shared.data import examples, labelled_videos
from shared.data.labelled_videos import ABSENT
from shared.errors import UserError


def clips_of(source, split, shape, limit=None):
    """Name -> (frames, labels) of each clip, padding left out, in the order in which they come."""
    found = {}
    for batch in source.read(split, limit, shape).in_batches(2).as_numpy_iterator():
        for frames, labels, name in zip(*map(batch.get, ("frames", "labels", "name")), strict=True):
            assert (frames[labels == ABSENT] == 0).all()
            found[name.decode()] = frames[labels != ABSENT], labels[labels != ABSENT].tolist()
    return found


# A TFDS data set whose clips have different lengths


class ClipsOfAnyLength(tfds.core.GeneratorBasedBuilder):
    """Colour clips of 3 to 6 frames, as bright as their number; a label for each frame."""

    VERSION = tfds.core.Version("1.0.0")

    def _info(self):
        label = tfds.features.ClassLabel(names=["dark", "light"])
        features = {
            "clip": tfds.features.Video(shape=(None, 10, 12, 3)),
            "kind": tfds.features.Sequence(label),
            "title": tfds.features.Text(),
        }
        return self.dataset_info_from_configs(features=tfds.features.FeaturesDict(features))

    def _split_generators(self, dl_manager):
        return {
            "train": self._generate_examples(20),
            "test": self._generate_examples(4),
            "hidden": self._generate_examples(2, public=False),
        }

    def _generate_examples(self, count, public=True):
        for i in range(count):
            length = 3 + i % 4
            frames = np.full((length, 10, 12, 3), 10 * i, "uint8")
            labels = [int(i + t > 10) if public else -1 for t in range(length)]
            yield i, {"clip": frames, "kind": labels, "title": f"number {i}"}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    builder = ClipsOfAnyLength(data_dir=tmp_path_factory.mktemp("tfds"))
    builder.download_and_prepare()
    return labelled_videos.of_prepared("clips_of_any_length", builder)


@pytest.mark.parametrize("memory", [2**30, 10])
def test_clips_are_padded_to_the_longest(prepared, memory, monkeypatch):
    monkeypatch.setattr(examples, "MEMORY", memory)
    assert prepared.shape == (10, 12, 3) and prepared.classes == ("dark", "light")
    held = prepared.read("test", None, prepared.shape)
    assert (held.columns is None) == (memory == 10)
    (batch,) = held.in_batches(9).as_numpy_iterator()
    assert batch["frames"].shape == (4, 6, 10, 12, 3) and batch["labels"].shape == (4, 6)
    found = clips_of(prepared, "test", prepared.shape)
    assert sorted(found) == [f"number {i}" for i in range(4)]
    for name, (frames, labels) in found.items():
        i = int(name.split()[1])
        assert len(labels) == 3 + i and (frames == 10 * i).all()


def test_training_and_validation_part_the_clips_and_labels_come_without_frames(prepared):
    named = {split: clips_of(prepared, split, prepared.shape) for split in ("train", "validation")}
    assert len(named["train"]) == 18 and len(named["validation"]) == 2
    assert not named["train"].keys() & named["validation"].keys()
    for split, clips in named.items():
        labels = labelled_videos.labels_of(prepared, split)
        assert [row.tolist() for row in labels] == [row for _, row in clips.values()]
    assert "frames" not in prepared.read("train", 3, None).columns
    assert len(labelled_videos.labels_of(prepared, "train", 3)) == 3


def test_frames_in_another_size_and_in_grey(prepared):
    for shape in ((5, 6, 1), (20, 6, 3)):
        for name, (frames, _) in clips_of(prepared, "train", shape, limit=5).items():
            assert frames.shape[1:] == shape
            assert abs(frames.astype(int) - 10 * int(name.split()[1])).max() <= 1


def test_labels_that_are_not_public_are_refused(prepared):
    with pytest.raises(UserError, match="hidden split are not public"):
        prepared.read("hidden", None, prepared.shape)


def test_data_that_fits():
    label = tfds.features.ClassLabel(num_classes=2)
    labels, video = tfds.features.Sequence(label), tfds.features.Video(shape=(4, 8, 8, 1))
    for features, fits in [
        ({"image": tfds.features.Image()}, None),
        ({"video": video, "label": label}, None),
        ({"video": video, "labels": labels, "more": labels}, None),
        ({"video": video, "labels": labels}, ("video", "labels")),
    ]:
        features = tfds.features.FeaturesDict(features)
        assert labelled_videos.video_and_labels(features) == fits


# The user's own folder

LENGTHS = {"monday": 4, "tuesday": 3, "friday": 5, "sunday": 6, "march": 7}


def write_folder(path, lengths=LENGTHS, lines=(), left_out=(), splits=None):
    """Clips whose frames are dark, then light, and the table that says so."""
    rows = [("clip", "frame", "label", *(["split"] if splits else []))]
    for number, (clip, length) in enumerate(lengths.items()):
        (path / clip).mkdir(parents=True)
        for t in range(length):
            picture = Image.new("L", (20, 16), 10 * t + number if t < 2 else 255)
            picture.save(path / clip / f"{t + 8}.png")  # 8, 9, 10: not in alphabetical order
            row = (clip, f"{t + 8}.png", "dark" if t < 2 else "light")
            rows.append((*row, splits[clip]) if splits else row)
    with open(path / "labels.csv", "w", newline="") as file:
        csv.writer(file).writerows([row for row in rows if row[:2] not in left_out] + list(lines))
    return path


def of_folder(path, **more):
    return labelled_videos.of_folder(SimpleNamespace(folder=str(path), **more))


@pytest.mark.parametrize("memory", [2**30, 10])
def test_every_clip_of_a_folder_in_one_split(tmp_path, memory, monkeypatch):
    monkeypatch.setattr(examples, "MEMORY", memory)
    source = of_folder(write_folder(tmp_path / "own"))
    assert source.name == "own" and source.files == (str(tmp_path / "own"),)
    assert source.classes == ("dark", "light") and source.shape == (16, 20, 1)
    found = {}
    for split, count in {"train": 3, "validation": 1, "test": 1}.items():
        assert (source.read(split, None, source.shape).columns is None) == (memory == 10)
        clips = clips_of(source, split, source.shape)
        assert len(clips) == count and not clips.keys() & found.keys()
        assert [*clips] == [*clips_of(source, split, source.shape)]
        labels = labelled_videos.labels_of(source, split)
        held = source.read(split, None, (6, 8, 1))
        for one, other in zip(
            labels, labelled_videos.labels_of(source, split, None, held), strict=True
        ):
            np.testing.assert_array_equal(one, other)
        assert [row.tolist() for row in labels] == [row for _, row in clips.values()]
        found |= clips
    assert found.keys() == LENGTHS.keys()
    for clip, length in LENGTHS.items():
        frames, labels = found[clip]
        assert labels == [0, 0, *[1] * (length - 2)]
        np.testing.assert_array_equal(frames[:, 0, 0, 0] == 255, labels)


def test_copies_of_a_clip_are_in_one_split(tmp_path):
    own = write_folder(tmp_path / "own", {f"day {i}": 3 for i in range(12)})
    with open(own / "labels.csv", "a") as table:
        for i in range(12):
            shutil.copytree(own / f"day {i}", own / f"again {i}")
            lines = (f"again {i},{t + 8}.png,{'dark' if t < 2 else 'light'}\n" for t in range(3))
            table.writelines(lines)
    source = of_folder(own)
    for split in source.splits:
        numbers = [name.split()[1] for name in clips_of(source, split, (8, 8, 1))]
        assert numbers and all(numbers.count(number) == 2 for number in numbers)


def test_splits_as_named(tmp_path):
    splits = dict(zip(LENGTHS, ("train", "test", "Val", "train", "test"), strict=True))
    source = of_folder(write_folder(tmp_path / "own", splits=splits))
    assert [*clips_of(source, "train", (8, 8, 1))] == ["monday", "sunday"]
    assert [*clips_of(source, "validation", (8, 8, 1))] == ["friday"]
    assert [*clips_of(source, "test", (8, 8, 1))] == ["tuesday", "march"]


def test_a_split_in_other_spellings(tmp_path):
    splits = dict.fromkeys(LENGTHS, "train") | {"march": "val", "sunday": "TEST"}
    own = write_folder(tmp_path / "own", splits=splits)
    table = own / "labels.csv"
    table.write_text(table.read_text().replace("9.png,dark,val", "9.png,dark, Validation"))
    assert [*clips_of(of_folder(own), "validation", (8, 8, 1))] == ["march"]


def test_a_folder_to_measure_on_alone(tmp_path):
    """One clip and one label are enough then; splits are as they are named."""
    own = write_folder(tmp_path / "one", {"monday": 2})
    source = of_folder(own, whole=True)
    assert source.splits == ("test",) and source.classes == ("dark",)
    assert clips_of(source, "test", (8, 8, 1))["monday"][1] == [0, 0]
    splits = {"monday": "train", "friday": "test"}
    own = write_folder(tmp_path / "two", {"monday": 2, "friday": 3}, splits=splits)
    assert [*clips_of(of_folder(own, whole=True), "test", (8, 8, 1))] == ["friday"]


def test_size_and_colour_are_those_of_the_pictures(tmp_path):
    own = write_folder(tmp_path / "own")
    Image.new("RGB", (30, 16), (255, 0, 0)).save(own / "march" / "9.png")
    assert of_folder(own).shape == (16, None, 3)


def test_the_version_is_of_table_and_pictures(tmp_path):
    own = write_folder(tmp_path / "own")
    versions = [of_folder(own).version]
    shutil.copytree(own, tmp_path / "copy" / "own")
    assert of_folder(tmp_path / "copy" / "own").version == versions[0]
    Image.new("L", (20, 16), 7).save(own / "monday" / "8.png")
    versions.append(of_folder(own).version)
    table = own / "labels.csv"
    table.write_text(table.read_text().replace("monday,9.png,dark", "monday,9.png,light"))
    versions.append(of_folder(own).version)
    assert len(set(versions)) == 3


@pytest.mark.parametrize(
    "damage, words",
    [
        ({"left_out": [("friday", "9.png")]}, "no label for the frame {own}/friday/9.png"),
        ({"lines": [("friday", "77.png", "dark")]}, "line 27: there is no picture {own}/friday/77"),
        ({"lines": [("easter", "8.png", "dark")]}, "line 27: there is no folder {own}/easter"),
        ({"lines": [("friday", "8.png", "light")]}, "line 27: the frame 8.png of the clip friday"),
        ({"lines": [("friday", "8.png", "light")]}, "has another label in line 9"),
        ({"lines": [("friday", "8.png", "")]}, "line 27: the label is missing"),
        ({"lines": [("friday", "../8.png", "dark")]}, "line 27: clip and frame must be plain"),
        ({"lines": [("..", "8.png", "dark")]}, "line 27: clip and frame must be plain"),
        ({"lengths": {"monday": 3, "friday": 3}}, "labels.csv: 2 different examples can't"),
        ({"lengths": dict.fromkeys("abc", 2)}, "every label is 'dark'"),
        ({"splits": dict.fromkeys(LENGTHS, "exam")}, "line 2: there is no split 'exam'"),
        ({"lines": [("x" * 300, "8.png", "dark")]}, "line 27: there is no folder {own}/xxx"),
        (
            {"lengths": dict(a=3, b=2, c=2), "splits": dict(a="test", b="train", c="dev")},
            "line 4: the class 'light' has no frames to train on",
        ),
        (
            {
                "splits": dict.fromkeys(LENGTHS, "train"),
                "lines": [("friday", "8.png", "dark", "x")],
            },
            "line 27: the clip friday was of the split 'train' before, and is of 'x' here",
        ),
    ],
)
def test_table_and_pictures_must_agree(tmp_path, damage, words):
    own = write_folder(tmp_path / "own", **damage)
    with pytest.raises(UserError) as refused:
        of_folder(own)
    assert words.format(own=own) in str(refused.value)
    assert str(own / "labels.csv") in str(refused.value)


@pytest.mark.parametrize(
    "change, words",
    [
        (lambda own: (own / "labels.csv").unlink(), "Can't read"),
        (lambda own: (own / "labels.csv").write_text("clip,frame\na,b\n"), "no column 'label'"),
        (lambda own: (own / "labels.csv").write_text("clip,frame,label\n"), "has no rows"),
        (lambda own: (own / "labels.csv").write_bytes(b"\xff\xfe\0"), "labels.csv"),
        (lambda own: (own / "extra").mkdir(), "has no labels for the frames in {own}/extra"),
        (lambda own: [p.unlink() for p in (own / "friday").iterdir()], "holds no pictures"),
        (lambda own: (own / "friday" / "9.png").write_bytes(b"x"), "9.png is not a picture"),
    ],
)
def test_folder_that_is_none(tmp_path, change, words):
    own = write_folder(tmp_path / "own")
    change(own)
    with pytest.raises(UserError) as refused:
        of_folder(own)
    assert words.format(own=own) in str(refused.value)


@pytest.mark.parametrize("memory", [2**30, 10])
def test_a_frame_that_is_cut_short_is_named(tmp_path, memory, monkeypatch):
    monkeypatch.setattr(examples, "MEMORY", memory)
    own = write_folder(tmp_path / "own")
    pixels = np.random.default_rng(1).integers(0, 255, (16, 20), "uint8")
    for clip in LENGTHS:
        Image.fromarray(pixels).save(own / clip / "9.png")
        (own / clip / "9.png").write_bytes((own / clip / "9.png").read_bytes()[:-150])
    source = of_folder(own)
    with pytest.raises(UserError, match=r"9\.png is damaged or cut short"), examples.user_errors():
        list(source.read("train", None, source.shape).in_batches(1))
