"""The frame labelling recipe's commands: clips of any kind, and what is none."""

import csv
import json
import shutil

import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image

from recipes.frame_labeling import augmentation, data, folder, sample
from shared.data import examples, loading
from shared.errors import UserError
from tests.recipes.test_commands import call, refused

NAME = "frame_labeling"
TINY = ["--epochs", 1, "--units", 8, "--layers", 1]


def train(path, *arguments):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(path.parent)
        result = call(NAME, "train", *TINY, *arguments, "--run", path)
    assert result.exit_code == 0, result.output
    return path


@pytest.fixture(scope="module")
def forward(tmp_path_factory):
    """A run trained for one epoch on a few clips of the sample: its answers are poor."""
    path = tmp_path_factory.mktemp(NAME) / "run"
    return train(path, "--dataset", "sample", "--limit", 16, "--direction", "forward")


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    return [str(path) for path in sample.write_inputs(tmp_path_factory.mktemp("clips"))]


def answers(*arguments, stdin=None):
    result = call(NAME, "predict", "--json", *arguments, stdin=stdin)
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_segments_cover_the_clip_and_are_those_of_the_stream(forward, clips):
    found = answers("--run", forward, "-", clips[0], stdin=f"{clips[1]}\n")
    assert [answer["input"] for answer in found] == [clips[1], clips[0]]
    stream = answers("--run", forward, "--stream", clips[1], clips[0])
    for answer, length in zip(found, (32, 25), strict=True):
        assert (answer["frames"], answer["frames_per_second"]) == (length, 10)
        segments = answer["segments"]
        assert [segments[0]["start"], segments[-1]["end"]] == [0, length]
        labels = []
        for before, segment in zip([None, *segments], segments, strict=False):
            assert before is None or before["end"] == segment["start"]
            assert segment["start_seconds"] == segment["start"] / 10
            assert segment["end_seconds"] == segment["end"] / 10
            labels += [segment["label"]] * (segment["end"] - segment["start"])
        assert [s["label"] for s in stream if s["input"] == answer["input"]] == labels
    assert [s["frame"] for s in stream] == [*range(32), *range(25)]


def test_frames_of_a_folder_and_their_rate(forward, clips, tmp_path):
    with Image.open(clips[0]) as picture:
        for t in range(picture.n_frames):
            picture.seek(t)
            picture.convert("RGB").save(tmp_path / f"{t}.png")
    (whole,), (frames,) = answers("--run", forward, clips[0]), answers("--run", forward, tmp_path)
    assert frames["frames_per_second"] == 25
    assert [s["end"] for s in frames["segments"]] == [s["end"] for s in whole["segments"]]
    (slow,) = answers("--run", forward, "--frames-per-second", 2, clips[0])
    assert slow["segments"][-1]["end_seconds"] == 12.5
    result = call(NAME, "predict", "--run", forward, clips[0], "--frames-per-second", "2")
    assert "12.50 s" in result.stdout.splitlines()[-1]


def test_pages(forward, clips):
    result = call(NAME, "evaluate", "--run", forward)
    assert result.exit_code == 0, result.output
    record = json.loads((forward / "metrics.json").read_text())
    assert set(record["metrics"]) == {"frame_accuracy", "segment_f1"}
    assert record["baselines"]["majority"]["frame_accuracy"] < 0.6
    assert f"position alone: frame_accuracy {record['baselines']['position']['frame_accuracy']:.4f}"
    report = (forward / "report.html").read_text()
    assert "Worst clips" in report and "<!-- returning -->" in report
    result = call(NAME, "inspect", "--run", forward, clips[0])
    assert result.exit_code == 0, result.output
    page = (forward / "inspect.html").read_text()
    assert page.count('src="data:image/png;base64,') == 25
    assert "forget gate" in page and "probability of each label" in page


def test_what_is_no_video_is_refused(forward, clips, tmp_path):
    (tmp_path / "none.mp4").touch()
    (tmp_path / "text.png").write_text("Dear reader,\n")
    (tmp_path / "empty").mkdir()
    shutil.copy(clips[0], tmp_path / "cut.gif")
    cut = (tmp_path / "cut.gif").read_bytes()
    (tmp_path / "cut.gif").write_bytes(cut[: len(cut) // 2])
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "1.png").write_bytes(b"no picture")
    words = {
        "none.mp4": "is empty (0 bytes)",
        "text.png": "is not a picture",
        "empty": "holds no pictures",
        "cut.gif": "damaged",
        "bad": "1.png is not a picture",
        "nowhere.mp4": "No such file",
    }
    for name, expected in words.items():
        for command in (["predict", "--json"], ["predict", "--stream"], ["inspect"]):
            assert expected in refused(NAME, *command, "--run", forward, tmp_path / name)


def test_stream_needs_a_network_that_reads_forward(forward, clips, tmp_path):
    run = shutil.copytree(forward, tmp_path / "run")
    config = (run / "config.json").read_text()
    (run / "config.json").write_text(config.replace('"forward"', '"both"'))
    line = refused(NAME, "predict", "--stream", "--run", run, clips[0])
    assert "--direction both" in line and "choose a --run trained with --direction forward" in line


@pytest.mark.parametrize("content", ["[]", '{"names": [1, 2]}', '{"names": ["a"]}', "{"])
def test_damaged_class_names(forward, clips, tmp_path, content):
    run = shutil.copytree(forward, tmp_path / "run")
    (run / "classes.json").write_text(content)
    line = refused(NAME, "predict", "--run", run, clips[0])
    assert "classes.json is damaged" in line


def test_labels_of_another_data_set_are_refused(forward, monkeypatch):
    monkeypatch.setattr(data, "class_names", lambda source: ["up", "down"])
    assert "has the labels up, down" in refused(NAME, "evaluate", "--run", forward)


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
        return {"train": self._generate_examples(20), "test": self._generate_examples(4)}

    def _generate_examples(self, count):
        for i in range(count):
            length = 3 + i % 4
            frames = np.full((length, 10, 12, 3), 10 * i, "uint8")
            labels = [int(i + t > 10) for t in range(length)]
            yield i, {"clip": frames, "kind": labels, "title": f"number {i}"}


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    builder = ClipsOfAnyLength(data_dir=tmp_path_factory.mktemp("tfds"))
    builder.download_and_prepare()
    return loading.Source("clips_of_any_length", "1.0.0", builder=builder)


@pytest.mark.parametrize("memory", [2**30, 10])
def test_clips_are_padded_to_the_longest(source, memory, monkeypatch):
    monkeypatch.setattr(examples, "MEMORY", memory)
    shape = data.picture_shape(source)
    assert shape == (10, 12, 3) and data.class_names(source) == ["dark", "light"]
    held = data.read(source, "test", None, shape)
    assert (held.columns is None) == (memory == 10)
    assert sorted(data.names_of(held)) == [f"number {i}" for i in range(4)]
    numbers = [int(name.split()[1]) for name in data.names_of(held)]
    assert [len(labels) for labels in data.labels_of(held)] == [3 + i for i in numbers]
    (batch,) = data.in_order(held)
    inputs, labels, weights = (batch[0], *map(np.asarray, batch[1:]))
    assert inputs["frames"].shape == (4, 6, 10, 12, 3)
    for row, i in enumerate(numbers):
        present = np.arange(6) < 3 + i
        np.testing.assert_array_equal(inputs["present"][row], present)
        np.testing.assert_array_equal(weights[row], present)
        assert (np.asarray(inputs["frames"])[row, :3] == 10 * i).all()
        assert labels[row].min() >= 0, "no label that the loss can't take, even where nothing is"


def test_frames_in_another_size(source):
    held = data.read(source, "train", 5, (5, 6, 1))
    assert held.columns["frames"].shape == (5, 6, 5, 6, 1)
    assert data.picture_shape(source, 5, None) == (5, 12, 3)
    assert data.picture_shape(loading.Source("sample"), None, 30) == (sample.HEIGHT, 30, 1)


def test_data_without_a_video_is_refused(monkeypatch):
    features = tfds.features.FeaturesDict({"image": tfds.features.Image()})
    with pytest.raises(UserError, match="one video and a class label for each of its frames"):
        data._check_features("pictures", features)


# The user's own folder

LENGTHS = {"monday": 4, "tuesday": 3, "friday": 5, "sunday": 3, "march": 3}


def write_folder(path, lengths=LENGTHS, lines=(), left_out=()):
    """Clips whose frames are dark, then light, and the table that says so."""
    rows = [("clip", "frame", "label")]
    for clip, length in lengths.items():
        (path / clip).mkdir(parents=True)
        for t in range(length):
            picture = Image.new("RGB", (20, 16), (90 * t,) * 3 if t < 2 else "white")
            picture.save(path / clip / f"{t + 8}.png")  # 8, 9, 10: not in alphabetical order
            rows.append((clip, f"{t + 8}.png", "dark" if t < 2 else "light"))
    with open(path / "labels.csv", "w", newline="") as file:
        csv.writer(file).writerows([row for row in rows if row[:2] not in left_out] + list(lines))
    return path


@pytest.mark.parametrize("memory", [2**30, 10])
def test_every_clip_of_a_folder_in_one_split(tmp_path, memory, monkeypatch):
    monkeypatch.setattr(folder, "MEMORY", memory)
    source = data.find(None, None, write_folder(tmp_path / "own"))
    assert data.class_names(source) == ["dark", "light"]
    assert data.picture_shape(source, 16, 20) == (16, 20, 1)
    found = {}
    for split, count in {"train": 3, "validation": 1, "test": 1}.items():
        held = data.read(source, split, None, (16, 20, 1))
        assert held.count == count and (held.columns is None) == (memory == 10)
        found |= dict(zip(data.names_of(held), data.labels_of(held), strict=True))
        for inputs, labels, _ in data.in_order(held):
            light = np.asarray(inputs["frames"])[..., 0, 0, 0] == 255
            np.testing.assert_array_equal(light, labels)
    expected = {clip: [0, 0, *[1] * (length - 2)] for clip, length in LENGTHS.items()}
    assert {clip: labels.tolist() for clip, labels in found.items()} == expected
    order = [data.names_of(data.read(source, "train", None, (16, 20, 1))) for _ in range(2)]
    assert order[0] == order[1]


@pytest.mark.parametrize(
    "damage, words",
    [
        ({"left_out": [("friday", "9.png")]}, "no label for the frame 9.png of the clip friday"),
        ({"lines": [("friday", "77.png", "dark")]}, "friday has no such picture"),
        ({"lines": [("easter", "8.png", "dark")]}, "names the clip 'easter', but"),
        ({"lines": [("friday", "8.png", "light")]}, "gives the frame 8.png of friday a second"),
        ({"lines": [("friday", "8.png", "")]}, "has an empty field"),
        ({"lines": [("friday", "../8.png", "dark")]}, "plain names"),
        ({"lengths": {"monday": 3, "friday": 3}}, "has 2 clips; give three or more"),
        ({"lengths": dict.fromkeys("abc", 2)}, "has only one label"),
    ],
)
def test_table_and_frames_must_agree(tmp_path, damage, words):
    own = write_folder(tmp_path / "own", **damage)
    line = refused(NAME, "train", "--frames-folder", own, "--run", tmp_path / "run")
    assert words in line and not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "change, words",
    [
        (lambda own: (own / "labels.csv").unlink(), "Can't read"),
        (lambda own: (own / "labels.csv").write_text("clip,frame\n"), "lacks the column 'label'"),
        (lambda own: (own / "labels.csv").write_text("clip,frame,label\n"), "has no lines below"),
        (lambda own: (own / "labels.csv").write_bytes(b"\xff\xfe\0"), "is not a table in UTF-8"),
        (lambda own: (own / "extra").mkdir(), "has no labels for the clip extra"),
        (lambda own: [p.unlink() for p in (own / "friday").iterdir()], "holds no pictures"),
    ],
)
def test_folder_that_is_none(tmp_path, change, words):
    own = write_folder(tmp_path / "own")
    change(own)
    assert words in refused(NAME, "train", "--frames-folder", own, "--run", tmp_path / "run")


def test_damaged_frame_is_named(tmp_path, monkeypatch):
    own = write_folder(tmp_path / "own")
    for clip in LENGTHS:
        (own / clip / "9.png").write_bytes(b"no picture")
    monkeypatch.chdir(tmp_path)
    line = refused(NAME, "train", "--frames-folder", own, "--run", tmp_path / "run")
    assert "9.png is not a picture" in line


def test_folder_is_trained_on_and_must_stay_as_it_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    own = write_folder(tmp_path / "own")
    size = ["--height", 8, "--width", 8]
    run = train(tmp_path / "run", "--frames-folder", own, *size, "--direction", "forward")
    assert call(NAME, "evaluate", "--run", run).exit_code == 0
    record = json.loads((run / "metrics.json").read_text())
    assert record["examples"] == 1 and record["dataset"] == str(own)
    assert answers("--run", run, own / "monday")[0]["frames"] == 4
    assert "not both" in refused(NAME, "train", "--dataset", "sample", "--frames-folder", own)
    Image.new("L", (20, 16)).save(own / "monday" / "7.png")
    with open(own / "labels.csv", "a") as file:
        file.write("monday,7.png,dark\n")
    for command in (["evaluate"], ["train", "--resume", "--epochs", 2]):
        assert "has changed since" in refused(NAME, *command, "--run", run)


def test_guesses_without_looking(tmp_path):
    """Counted from the training labels alone: the most frequent one, in all and at each frame."""
    labels = np.array([[0, 1, 1, 2], [0, 0, 1, augmentation.ABSENT], [1, 0, 1, 2]], "int32")
    held = examples.Examples.of({"labels": labels})
    run = type("Run", (), {"path": staticmethod(lambda name: tmp_path / name)})
    data.save_names(run, ["a", "b", "c"], held)
    classes, guesses = data.load_names(run)
    assert classes == ["a", "b", "c"]
    assert guesses["majority"](3).tolist() == [1, 1, 1]
    assert guesses["position"](6).tolist() == [0, 0, 1, 2, 1, 1]
    assert guesses["position"](2).tolist() == [0, 0]
