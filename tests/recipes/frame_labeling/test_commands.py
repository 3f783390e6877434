"""The frame labelling recipe's commands: clips of any kind, and what is none."""

import csv
import json
import shutil

import pytest
from PIL import Image

from recipes.frame_labeling import sample
from tests.conftest import call, reconfigure, refused
from tests.data.test_labelled_videos import LENGTHS, write_folder

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
    position = record["baselines"]["position"]["frame_accuracy"]
    assert f"for comparison, position: frame_accuracy {position:.4f}" in result.output
    report = (forward / "report.html").read_text()
    assert "Worst clips" in report and ">returning</text>" in report
    result = call(NAME, "inspect", "--run", forward, clips[0])
    assert result.exit_code == 0, result.output
    page = (forward / "inspect.html").read_text()
    assert page.count("<figure data-of=steps data-step=") == 25
    assert "Forget gate" in page and "The probability of each label over the frames" in page


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
    reconfigure(run, direction="both")
    line = refused(NAME, "predict", "--stream", "--run", run, clips[0])
    assert "--direction both" in line and "choose a --run trained with --direction forward" in line


def test_gradients_need_a_recurrent_layer(forward, tmp_path):
    run = shutil.copytree(forward, tmp_path / "run")
    reconfigure(run, cell="none")
    line = refused(NAME, "gradients", "--run", run)
    assert "--cell none: it has no recurrent layer" in line and "--cell lstm" in line


def test_labels_of_another_folder_are_refused(forward, tmp_path):
    own = write_folder(tmp_path / "own")
    before = contents(forward)
    line = refused(NAME, "evaluate", "--run", forward, "--folder", own)
    assert "own has the label 'dark'" in line and "home, leaving" in line
    assert contents(forward) == before


# The user's own folder


def write_lamps(path, count, first=0):
    """Clips in which a light goes on and off; dark frames before and after it look the same."""
    rows = [("clip", "frame", "label")]
    for i in range(first, first + count):
        (path / f"clip{i}").mkdir(parents=True)
        for t in range(10):
            label = "before" if t < 2 + i % 3 else "light" if t < 5 + i % 4 else "after"
            picture = Image.new("L", (12, 8), 50 + i)
            if label == "light":
                picture.paste(220, (2 + i % 5, 2, 6 + i % 5, 6))
            picture.save(path / f"clip{i}" / f"{t}.png")
            rows.append((f"clip{i}", f"{t}.png", label))
    with open(path / "labels.csv", "w", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


def contents(run):
    return {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def lamps(tmp_path_factory):
    """A run trained on a folder, and the folder."""
    folder = tmp_path_factory.mktemp("lamps")
    own = write_lamps(folder / "lamps", 40)
    options = ["--folder", own, "--epochs", 12, "--units", 16, "--batch-size", 8]
    options += ["--augmentation", 0, "--dropout", 0, "--learning-rate", 0.01]
    return train(folder / "run", *options), own


def test_a_folder_of_ones_own(lamps, tmp_path):
    """Trained, measured on what was held out, answered with its labels, and measured elsewhere."""
    run, own = lamps
    config = json.loads((run / "config.json").read_text())
    assert config["dataset"]["name"] == "lamps" and len(config["dataset"]["version"]) == 16
    assert "notice" not in config["dataset"]
    assert json.loads((run / "classes.json").read_text())["classes"] == ["after", "before", "light"]

    result = call(NAME, "evaluate", "--run", run)
    assert result.exit_code == 0, result.output
    record = json.loads((run / "metrics.json").read_text())
    assert (record["dataset"], record["split"], record["examples"]) == ("lamps", "test", 4)
    assert record["frames"] == 40 and record["metrics"]["frame_accuracy"] > 0.95
    (answer,) = answers("--run", run, own / "clip7")
    assert [segment["label"] for segment in answer["segments"]] == ["before", "light", "after"]

    other = write_lamps(tmp_path / "others", 2, first=40)
    result = call(NAME, "evaluate", "--run", run, "--folder", other)
    assert result.exit_code == 0, result.output
    record = json.loads((run / "metrics.json").read_text())
    assert (record["dataset"], record["examples"]) == ("others", 2)
    assert record["metrics"]["frame_accuracy"] > 0.95


def test_only_some_of_the_labels(lamps, tmp_path):
    """Numbers of other data are brought to those of the run, whatever labels it lacks."""
    run, own = lamps
    other = tmp_path / "dark"
    shutil.copytree(own / "clip0", other / "clip0")
    (other / "labels.csv").write_text(
        "clip,frame,label\n" + "".join(f"clip0,{t}.png,before\n" for t in range(10))
    )
    result = call(NAME, "evaluate", "--run", run, "--folder", other)
    assert result.exit_code == 0, result.output
    record = json.loads((run / "metrics.json").read_text())
    assert record["metrics"]["frame_accuracy"] == pytest.approx(0.2, abs=0.11), "2 of 10 frames"


@pytest.mark.parametrize("changed", ["a picture", "a label"])
def test_a_folder_that_has_changed_is_refused(lamps, changed):
    run, own = lamps
    before = contents(run)
    file = own / ("clip3/4.png" if changed == "a picture" else "labels.csv")
    kept = file.read_bytes()
    if changed == "a picture":
        Image.new("L", (12, 8)).save(file)
    else:
        file.write_bytes(kept.replace(b"clip3,5.png,light", b"clip3,5.png,after"))
    assert file.read_bytes() != kept
    try:
        for command in (["evaluate"], ["train", "--resume", "--epochs", 13]):
            assert "lamps has changed since" in refused(NAME, *command, "--run", run)
    finally:
        file.write_bytes(kept)
    assert contents(run) == before


def test_what_is_wrong_with_a_folder_is_said_before_anything_is_written(tmp_path):
    own = write_folder(tmp_path / "own", lines=[("friday", "77.png", "dark")])
    line = refused(NAME, "train", "--folder", own, "--run", tmp_path / "run")
    assert "labels.csv, line 27: there is no picture" in line
    own = write_folder(tmp_path / "other")
    for clip in LENGTHS:
        picture = (own / clip / "9.png").read_bytes()
        (own / clip / "9.png").write_bytes(picture[:-30])
    line = refused(NAME, "train", "--folder", own, "--run", tmp_path / "run")
    assert "9.png is damaged" in line
    assert not (tmp_path / "run").exists()


def test_a_folder_and_a_data_set_exclude_each_other(lamps):
    _, own = lamps
    line = refused(NAME, "train", "--dataset", "sample", "--folder", own)
    assert "exclude each other" in line
