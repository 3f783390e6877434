"""The image recipe's commands: any picture and any folder that people might give them."""

import json
import shutil

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from PIL import Image

from recipes.image_classification import data, sample
from shared.data import examples
from shared.errors import UserError
from tests.recipes.test_commands import call, refused

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
    assert report.count('src="data:image/png;base64,') == mistakes_shown(run)
    assert "confident mistakes" in report and "<!-- star -->" in report
    result = call(NAME, "inspect", "--run", run, shapes[2])
    assert result.exit_code == 0, result.output
    page = (run / "inspect.html").read_text()
    assert page.count('src="data:image/png;base64,') == 3
    assert ("update gate" in page, "forget gate" in page) == (cell == "gru", cell == "lstm")
    assert ("the one step" in page, "row 28" in page) == (cell == "lstm", scan == "rows")


def mistakes_shown(run):
    record = json.loads((run / "metrics.json").read_text())
    return min(24, round(record["examples"] * (1 - record["metrics"]["accuracy"])))


@pytest.mark.parametrize("scan", ["rows", "pixels"])
def test_a_scan_needs_a_cell(scan):
    line = refused(NAME, "train", "--dataset", "sample", "--scan", scan, "--cell", "none")
    assert f"--scan {scan} needs a cell" in line


def test_mirroring_is_off_where_it_may_change_the_label():
    assert {"mnist", "emnist", "svhn_cropped"}.isdisjoint(data.MIRRORED)
    assert {"fashion_mnist", "cifar10"} <= set(data.MIRRORED)


def test_labels_of_another_data_set_are_refused(folder, monkeypatch):
    monkeypatch.setattr(data, "class_names", lambda source: ["cat", "dog"])
    assert "has the labels cat, dog" in refused(NAME, "evaluate", "--run", folder)


# The user's own folder


def write_folder(path, counts=(("train", 8), ("test", 3)), labels=("cat", "dog")):
    """Pictures of different size, format and colour mode: dark cats, bright dogs."""
    for split, count in counts:
        for number, label in enumerate(labels):
            (path / split / label).mkdir(parents=True)
            for i in range(count):
                shade = 40 + 140 * number + i
                mode, ending = (("RGB", "jpg"), ("L", "png"), ("RGBA", "PNG"))[i % 3]
                colour = {"RGB": (shade,) * 3, "L": shade, "RGBA": (shade,) * 3 + (255,)}[mode]
                picture = Image.new(mode, (20 + i, 30), colour)
                picture.save(path / split / label / f"{i}.{ending}")
    return path


@pytest.mark.parametrize("place", ["in memory", "from disk"])
def test_a_folder_of_pictures_is_trained_on(tmp_path, place, monkeypatch):
    if place == "from disk":
        monkeypatch.setattr(examples, "MEMORY", 10)
    pictures = write_folder(tmp_path / "pets")
    run = train(tmp_path / "run", "--image-folder", pictures, "--image-size", 16)
    assert json.loads((run / "classes.json").read_text()) == ["cat", "dog"]
    for split, count in (("test", 6), ("train", 14), ("validation", 2)):
        result = call(NAME, "evaluate", "--run", run, "--split", split)
        assert result.exit_code == 0, result.output
        record = json.loads((run / "metrics.json").read_text())
        assert (record["dataset"], record["examples"]) == (str(pictures), count)
    assert answers(run, pictures / "test/cat/0.jpg")[0]["label"] in ("cat", "dog")
    if place == "in memory":
        return
    result = call(NAME, "train", "--resume", "--run", run, "--epochs", 2)
    assert result.exit_code == 0, result.output

    Image.new("L", (9, 9)).save(pictures / "train/cat/new.png")
    for command in (["evaluate"], ["train", "--resume", "--epochs", 3]):
        assert "has changed since" in refused(NAME, *command, "--run", run)


def test_a_folder_is_read_as_predict_reads_a_file(tmp_path):
    """Transparency, 16 bits and all."""
    pictures = write_folder(tmp_path / "pets")
    clear = Image.new("RGBA", (20, 20), (0, 0, 0, 0))
    clear.save(pictures / "test/cat/clear.png")
    source = data.find(None, str(pictures))
    found = data.hold(source, "test", (8, 9, 3)).columns
    assert found["image"].shape == (7, 8, 9, 3)
    dogs = found["label"] == 1
    assert found["image"][dogs].min() > 150
    files = sorted(pictures.glob("test/*/*"))
    expected = data.read_files(files, (8, 9, 3))
    assert sorted(image.tobytes() for image in found["image"]) == sorted(
        image.tobytes() for image in expected
    )


def test_a_damaged_picture_in_a_folder_is_named(tmp_path, monkeypatch):
    pictures = write_folder(tmp_path / "pets")
    (pictures / "train/dog/text.png").write_text("Dear reader,\n")
    monkeypatch.chdir(tmp_path)
    arguments = ["train", *TINY, "--image-folder", pictures, "--image-size", 16]
    line = refused(NAME, *arguments, "--run", tmp_path / "run")
    assert f"{pictures}/train/dog/text.png is not a picture" in line

    monkeypatch.setattr(examples, "MEMORY", 10)  # found only when its turn comes
    result = call(NAME, *arguments, "--run", tmp_path / "run")
    assert result.exit_code == 1 and isinstance(result.exception, SystemExit)
    assert result.stderr.endswith("Pillow can't read. Convert it to PNG.\n")
    assert "Traceback" not in result.output


def test_folders_that_do_not_fit(tmp_path):
    def line(folder, *more):
        return refused(NAME, "train", "--image-folder", folder, *more)

    assert "There is no folder" in line(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    assert "There are no pictures in" in line(tmp_path / "empty")
    (tmp_path / "flat" / "train" / "cat").mkdir(parents=True)
    (tmp_path / "flat" / "train" / "cat" / "text.txt").write_text("no picture")
    assert "There are no pictures in" in line(tmp_path / "flat")
    only_test = write_folder(tmp_path / "only-test", [("test", 3)])
    assert "no pictures to train on" in line(only_test) and "test (6)" in line(only_test)
    one = write_folder(tmp_path / "one", labels=["cat"])
    assert "have one label" in line(one)
    assert "not both" in line(one, "--dataset", "mnist")
    no_test = write_folder(tmp_path / "no-test", [("train", 4)])
    with pytest.raises(UserError, match=r"no split 'test'\. It has: train\."):
        data.hold(data.find(None, str(no_test)), "test", (8, 8, 3))


# Data sets of TFDS


class TinyColours(tfds.core.GeneratorBasedBuilder):
    """Red and blue pictures of one size, with a second label and a number beside them."""

    VERSION = tfds.core.Version("1.0.0")

    def _info(self):
        features = {
            "image": tfds.features.Image(shape=(8, 10, 3)),
            "label": tfds.features.ClassLabel(names=["red", "blue"]),
            "coarse_label": tfds.features.ClassLabel(names=["any"]),
            "number": tf.int64,
        }
        return self.dataset_info_from_configs(features=tfds.features.FeaturesDict(features))

    def _split_generators(self, dl_manager):
        return {"train": self._generate_examples(40), "test": self._generate_examples(10)}

    def _generate_examples(self, count):
        for i in range(count):
            image = np.zeros((8, 10, 3), "uint8")
            image[..., 2 * (i % 2)] = 255
            yield i, {"image": image, "label": i % 2, "coarse_label": 0, "number": i}


def test_any_data_set_with_an_image_and_a_label(tmp_path):
    TinyColours(data_dir=tmp_path).download_and_prepare()
    source = data.find("tiny_colours", None, tmp_path)
    assert data.image_shape(source) == (8, 10, 3)
    assert data.image_shape(source, 16) == (16, 16, 3)
    assert data.class_names(source) == ["red", "blue"]
    for shape in ((8, 10, 3), (16, 16, 3)):
        found = data.hold(source, "test", shape).columns
        assert found["image"].shape == (10, *shape) and found["image"].dtype == np.uint8
        assert (found["image"][:, 0, 0, 0] == 255).tolist() == (found["label"] == 0).tolist()


@pytest.mark.parametrize(
    "features, fits",
    [
        ({"image": tfds.features.Image(), "label": tfds.features.ClassLabel(num_classes=2)}, True),
        ({"image": tfds.features.Image(), "label": tf.int64}, False),
        ({"text": tfds.features.Text(), "label": tfds.features.ClassLabel(num_classes=2)}, False),
        (
            {
                "left": tfds.features.Image(),
                "right": tfds.features.Image(),
                "label": tfds.features.ClassLabel(num_classes=2),
            },
            False,
        ),
        (
            {
                "depth": tfds.features.Image(shape=(None, None, 1), dtype=np.uint16),
                "label": tfds.features.ClassLabel(num_classes=2),
            },
            False,
        ),
    ],
)
def test_which_features_fit(features, fits):
    features = tfds.features.FeaturesDict(features)
    if fits:
        data._check_features("x", features)
    else:
        with pytest.raises(UserError, match="needs one image and one class label"):
            data._check_features("x", features)


def test_the_sample_in_another_size_and_colour():
    found = data.hold(data.find("sample"), "test", (14, 14, 3), 20).columns["image"]
    images = sample.generate("test")[0][:20].astype("float64")
    means = images.reshape(20, 14, 2, 14, 2).mean(axis=(2, 4))
    assert found.shape == (20, 14, 14, 3)
    assert abs(found - means[..., None]).max() <= 1
