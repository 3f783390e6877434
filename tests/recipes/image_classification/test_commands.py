"""The image recipe's commands: any picture and any folder that people might give them."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from recipes.image_classification import sample
from shared.data import examples
from tests.conftest import call, refused

NAME = "image_classification"
TINY = ["--epochs", 1, "--units", 8, "--filters", 8]


def train(folder, *arguments):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder.parent)
        result = call(NAME, "train", *TINY, *arguments, "--run", folder)
    assert result.exit_code == 0, result.output
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A run trained for one epoch on a few pictures of the sample: its answers are poor."""
    path = tmp_path_factory.mktemp(NAME) / "run"
    return train(path, "--dataset", "sample", "--limit", 64)


@pytest.fixture(scope="module")
def shapes(tmp_path_factory):
    return [str(path) for path in sample.write_inputs(tmp_path_factory.mktemp("shapes"))]


def answers(folder, *inputs, stdin=None):
    result = call(NAME, "predict", "--json", "--run", folder, *inputs, stdin=stdin)
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_answers_come_in_the_order_of_the_inputs(folder, shapes):
    found = answers(folder, shapes[0], "-", shapes[4], stdin="\n".join([*shapes[1:4], ""]))
    assert [answer["input"] for answer in found] == shapes[:5]
    for answer, path in zip(found, shapes, strict=False):
        (alone,) = answers(folder, path)
        assert alone["label"] == answer["label"] in sample.CLASSES
        assert alone["probability"] == pytest.approx(answer["probability"], abs=1e-5)


def test_inverting_twice_is_not_inverting(folder, shapes, tmp_path):
    picture = Image.open(shapes[0])
    Image.fromarray(255 - np.asarray(picture)).save(tmp_path / "negative.png")
    (plain,), (inverted,) = (
        answers(folder, shapes[0]),
        answers(folder, "--invert", tmp_path / "negative.png"),
    )
    assert {**plain, "input": ""} == {**inverted, "input": ""}


@pytest.mark.parametrize("mode, size", [("RGB", (5, 900)), ("RGBA", (1, 1)), ("CMYK", (64, 64))])
def test_any_picture_is_answered(folder, tmp_path, mode, size):
    path = tmp_path / "picture.tiff"
    Image.new(mode, size).save(path)
    assert answers(folder, path)[0]["label"] in sample.CLASSES


def test_what_is_no_picture_is_refused(folder, shapes, tmp_path):
    cut = tmp_path / "cut.jpg"
    Image.open(shapes[0]).resize((99, 99)).save(cut)
    cut.write_bytes(cut.read_bytes()[:-300])
    (tmp_path / "text.png").write_text("Dear reader,\n")
    (tmp_path / "none.png").touch()
    words = {
        "cut.jpg": "is damaged or cut short",
        "text.png": "is not a picture",
        "none.png": "is empty",
        "nowhere.png": "No such file",
        ".": "is a folder",
    }
    for name, expected in words.items():
        for command in (["predict", "--json", shapes[0]], ["inspect"]):
            line = refused(NAME, *command, "--run", folder, tmp_path / name)
            assert expected in line
    assert "Standard input is empty" in refused(NAME, "predict", "--run", folder, "-", stdin="\n")
    assert not (folder / "inspect.html").exists()


@pytest.mark.parametrize("scan, cell", [("none", "lstm"), ("none", "none"), ("rows", "gru")])
def test_pages(folder, tmp_path, shapes, scan, cell):
    run = tmp_path / "run"
    if cell == "lstm":
        shutil.copytree(folder, run)
    else:
        more = ["--scan", scan, "--cell", cell, "--no-flip"]
        train(run, "--dataset", "sample", "--limit", 32, *more)
    assert json.loads((run / "config.json").read_text())["options"]["flip"] == (cell == "lstm")
    result = call(NAME, "evaluate", "--run", run)
    assert result.exit_code == 0, result.output
    report = (run / "report.html").read_text()
    assert report.count('src="data:image/png;base64,') == pictures_shown(run)
    assert "confident mistakes" in report and ">star</text>" in report
    result = call(NAME, "inspect", "--run", run, shapes[2])
    assert result.exit_code == 0, result.output
    page = (run / "inspect.html").read_text()
    assert page.count('<figure><img src="data:image/png;base64,') == 3
    assert ("Update gate" in page, "Forget gate" in page) == (cell == "gru", cell == "lstm")
    assert ("a single step" in page, "Read row by row" in page) == (cell == "lstm", scan == "rows")
    if scan == "none":
        assert "with --scan none: it reads no sequence" in refused(NAME, "gradients", "--run", run)
        return
    result = call(NAME, "gradients", "--run", run)
    assert result.exit_code == 0 and f"Written: {run / 'gradients.html'}" in result.output
    assert ">gru" in (run / "gradients.html").read_text()


def pictures_shown(run):
    record = json.loads((run / "metrics.json").read_text())
    right = round(record["examples"] * record["metrics"]["accuracy"])
    return min(24, right) + min(24, record["examples"] - right)


@pytest.mark.parametrize("scan", ["rows", "pixels"])
def test_a_scan_needs_a_cell(scan):
    line = refused(NAME, "train", "--dataset", "sample", "--scan", scan, "--cell", "none")
    assert f"--scan {scan} needs a cell" in line


def test_labels_of_another_data_set_are_refused(folder, tmp_path):
    pictures = write_folder(tmp_path / "pets", "test")
    line = refused(NAME, "evaluate", "--run", folder, "--folder", pictures)
    assert "pets has the label 'down', but this run was trained on circle, ring" in line


# The user's own folder


def write_folder(path, split, classes=("down", "up"), count=20):
    """Pictures that get brighter downwards or upwards, of different size and format."""
    draw = np.random.default_rng(len(split))
    for label in classes:
        (path / split / label).mkdir(parents=True)
        for i in range(count):
            slope = np.linspace(0, 200, 20 + i % 2) + draw.uniform(0, 50)
            slope = slope if label == "down" else slope[::-1]
            picture = np.tile(slope[:, None], (1, 30)).astype("uint8")
            Image.fromarray(picture).save(path / split / label / f"{i}.{['png', 'jpg'][i % 2]}")
    return path


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """A run trained on a folder of one's own with two classes, and the folder."""
    path = tmp_path_factory.mktemp("own")
    pictures = write_folder(path / "slopes", "")
    more = ["--epochs", 4, "--batch-size", 4, "--image-size", 8, "--scan", "rows", "--erase", 0]
    more += ["--learning-rate", 0.03]
    return train(path / "run", "--folder", pictures, *more), pictures


def measured(run, *arguments):
    result = call(NAME, "evaluate", "--run", run, *arguments)
    assert result.exit_code == 0, result.output
    assert "SAMPLE" not in result.output
    return json.loads((run / "metrics.json").read_text())


def test_a_folder_of_ones_own(own, tmp_path):
    """Trained, measured on what was held out, and answered with the folders' names."""
    run, pictures = own
    config = json.loads((run / "config.json").read_text())
    assert config["dataset"]["name"] == "slopes" and len(config["dataset"]["version"]) == 16
    assert config["options"]["flip"] is False
    assert json.loads((run / "classes.json").read_text()) == ["down", "up"]
    record = measured(run)
    assert (record["dataset"], record["split"], record["examples"]) == ("slopes", "test", 4)
    assert record["metrics"]["accuracy"] == 1
    found = answers(run, pictures / "up/0.png", pictures / "down/1.jpg")
    assert [answer["label"] for answer in found] == ["up", "down"]


def test_measured_on_other_pictures(own, tmp_path):
    """All of them, or their test split; a part of the classes will do."""
    run, _ = own
    record = measured(run, "--folder", write_folder(tmp_path / "others", "", ["up"], 3))
    assert (record["dataset"], record["examples"]) == ("others", 3)
    assert record["metrics"]["accuracy"] == 1
    parted = write_folder(write_folder(tmp_path / "parted", "train"), "test", count=5)
    record = measured(run, "--folder", parted)
    assert (record["dataset"], record["examples"]) == ("parted", 10)
    assert record["metrics"]["accuracy"] == 1


def test_a_folder_that_has_changed_is_refused(own):
    run, pictures = own
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    Image.new("L", (9, 9)).save(pictures / "up" / "new.png")
    try:
        for command in (["evaluate"], ["train", "--resume", "--epochs", 9]):
            assert "slopes has changed since" in refused(NAME, *command, "--run", run)
    finally:
        (pictures / "up" / "new.png").unlink()
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before


def test_pictures_from_disk_are_trained_on_and_continued(tmp_path, monkeypatch):
    monkeypatch.setattr(examples, "MEMORY", 10)
    pictures = write_folder(write_folder(tmp_path / "slopes", "train", count=4), "test", count=2)
    run = train(tmp_path / "run", "--folder", pictures, "--image-size", 8, "--scan", "rows")
    result = call(NAME, "train", "--resume", "--run", run, "--epochs", 2)
    assert result.exit_code == 0, result.output
    assert measured(run)["examples"] == 4


def test_what_is_wrong_with_a_folder_is_said_before_a_run_is_begun(tmp_path, monkeypatch):
    pictures = write_folder(tmp_path / "slopes", "train", count=3)
    run = tmp_path / "run"
    arguments = ["train", *TINY, "--folder", pictures, "--run", run]
    assert "exclude each other" in refused(NAME, *arguments, "--dataset", "mnist")
    (pictures / "train/up/text.png").write_text("Dear reader,\n")
    assert f"{pictures}/train/up/text.png is not a picture" in refused(NAME, *arguments)
    whole = (pictures / "train/up/1.jpg").read_bytes()
    (pictures / "train/up/text.png").write_bytes(whole[:-100])
    assert f"{pictures}/train/up/text.png is damaged" in refused(NAME, *arguments)
    assert not run.exists()

    monkeypatch.setattr(examples, "MEMORY", 10)  # found only when its turn comes
    result = call(NAME, *arguments)
    assert result.exit_code == 1 and isinstance(result.exception, SystemExit)
    assert "text.png is damaged" in result.stderr.splitlines()[-1]
    assert "Traceback" not in result.output
