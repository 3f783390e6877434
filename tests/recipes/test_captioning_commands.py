"""The captioning recipe's commands: any picture to describe, one's own pictures."""

import io
import json
import shutil

import keras
import numpy as np
import pytest
from PIL import Image

from recipes.captioning import data, sample, user_files
from shared.data import examples
from shared.errors import UserError
from tests.recipes.test_commands import call, refused

SMALL = ["--epochs", 1, "--units", 8, "--image-size", 32, "--batch-size", 4]


def words_of(line):
    return line.split()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A run trained for an epoch on a few scenes of the sample: what it writes is gibberish."""
    path = tmp_path_factory.mktemp("captioning") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(path.parent)
        result = call(
            "captioning", "train", "--dataset", "sample", "--limit", 8, *SMALL, "--run", path
        )
    assert result.exit_code == 0, result.output
    return path


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """The sample's scenes as files, and the first of them in other formats."""
    path = tmp_path_factory.mktemp("pictures")
    first, second = sample.write_inputs(path)
    scene = Image.open(first)
    scene.convert("L").save(path / "grey.png")
    scene.convert("RGBA").save(path / "transparent.png")
    scene.save(path / "moving.gif", save_all=True, append_images=[Image.open(second)])
    scene.resize((20_000, 20)).save(path / "wide.png")
    packed = io.BytesIO()
    scene.resize((400, 400)).save(packed, "jpeg")
    (path / "whole.jpg").write_bytes(packed.getvalue())
    (path / "cut.jpg").write_bytes(packed.getvalue()[:2000])
    (path / "text.png").write_text("This is a text.")
    (path / "empty.png").touch()
    return path


def answers(folder, *inputs, stdin=None):
    result = call("captioning", "predict", "--json", "--run", folder, *inputs, stdin=stdin)
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_any_picture_is_described(folder, pictures):
    names = ["scene-1.png", "grey.png", "transparent.png", "moving.gif", "wide.png", "whole.jpg"]
    paths = [str(pictures / name) for name in names]
    found = answers(folder, paths[0], "-", stdin="\n".join(paths[1:]))
    assert [answer["input"] for answer in found] == paths
    vocabulary = set((folder / "vocabulary.txt").read_text().split("\n")[4:])
    for answer in found:
        assert set(answer) == {"input", "output", "score"} and answer["score"] < 0
        assert set(answer["output"].split()) <= vocabulary
    # Opaque everywhere, it is the same picture; alone it gets the answer that it gets among others.
    assert found[2]["output"] == found[0]["output"]
    (alone,) = answers(folder, paths[4])
    assert alone["output"] == found[4]["output"]
    assert alone["score"] == pytest.approx(found[4]["score"], abs=1e-3)
    plain = call("captioning", "predict", "--run", folder, "--beam", 1, paths[0])
    assert plain.exit_code == 0 and len(plain.stdout.splitlines()) == 1


@pytest.mark.parametrize(
    "name, words",
    [
        ("cut.jpg", "is damaged or cut short"),
        ("text.png", "is not a picture"),
        ("empty.png", "is empty (0 bytes)"),
        ("missing.png", "No such file"),
        (".", "is a folder"),
    ],
)
def test_what_is_no_picture_is_refused(folder, pictures, name, words):
    for command in ("predict", "inspect"):
        assert words in refused("captioning", command, "--run", folder, pictures / name)


def test_inspect_shows_every_word(folder, pictures):
    result = call("captioning", "inspect", "--run", folder, pictures / "scene-1.png")
    assert result.exit_code == 0, result.output
    page = (folder / "inspect.html").read_text()
    (answer,) = answers(folder, str(pictures / "scene-1.png"))
    assert page.count("data:image/png") == len(answer["output"].split()) + 1
    assert answer["output"] in page and "[stop]" in page


def test_evaluate_says_what_it_measured(folder):
    arguments = ["--run", folder, "--limit", 6, "--beam", 2]
    result = call("captioning", "evaluate", *arguments)
    assert result.exit_code == 0, result.output
    record = json.loads((folder / "metrics.json").read_text())
    wanted = ["bleu_1", "bleu_2", "bleu_3", "bleu_4", "bleu_4_shuffled_images", "exact_match"]
    assert list(record["metrics"]) == wanted
    assert record["beam"] == 2 and "nrefs:5" in record["signatures"]["bleu_4"]
    assert "tok:none" in record["signatures"]["bleu_4"]
    assert "Worst captions" in (folder / "report.html").read_text()


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["predict", "--beam", "0", "x"], "--beam"),
        (["train", "--attention", "all"], "'additive', 'multiplicative'"),
        (["train", "--image-size", "8"], "--image-size"),
        (["train", "--captions-per-image", "6"], "--captions-per-image"),
        (["train", "--weights", "imagenet"], "--weights imagenet needs an --encoder"),
        (["train", "--dataset", "sample", "--encoder", "ResNet"], "ResNet50"),
        (["train", "--dataset", "mnist"], "needs a colour image and a sequence of captions"),
        (["train", "--dataset", "imdb_reviews"], "flickr8k, coco_captions"),
        (
            words_of("train --dataset sample --encoder Xception --weights none --image-size 72"),
            "Xception reads images of at least 71 pixels, and --image-size 72 gives pieces of 63",
        ),
        (["train", "--dataset", "sample", "--minimum-frequency", "99999"], "--minimum-frequency"),
        (["train", "--captions-file", "nowhere.csv"], "nowhere.csv"),
    ],
)
def test_bad_input(folder, tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    run = ["--run", tmp_path / "run" if arguments[0] == "train" else folder]
    assert words in refused("captioning", arguments[0], *run, *arguments[1:])
    assert not (tmp_path / "run").exists()


def test_damaged_vocabulary(folder, pictures, tmp_path):
    shutil.copytree(folder, tmp_path / "run")
    (tmp_path / "run" / "vocabulary.txt").write_bytes(b"\xff")
    line = refused("captioning", "predict", "--run", tmp_path / "run", pictures / "grey.png")
    assert "vocabulary.txt is damaged" in line


# Other data


@pytest.fixture
def captions_file(tmp_path):
    """Twelve pictures in a folder of their own, two captions each."""
    (tmp_path / "own" / "pictures").mkdir(parents=True)
    lines = ["caption,image,note"]
    for number in range(12):
        grey = Image.new("L", (20 + number, 30), 20 * number)
        grey.save(tmp_path / "own" / "pictures" / f"{number}.png")
        lines += [
            f'"A grey, plain thing.",pictures/{number}.png,',
            f"number {number},pictures/{number}.png,x",
        ]
    (tmp_path / "own" / "captions.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return tmp_path / "own" / "captions.csv"


def test_own_pictures_are_split_the_same_way_every_time(captions_file):
    source = data.find(None, None, str(captions_file))
    splits = {split: user_files.read(source, split) for split in ("train", "validation", "test")}
    assert [len(paths) for paths, _ in splits.values()] == [10, 1, 1]
    numbers = [int(path.stem) for paths, _ in splits.values() for path in paths]
    assert sorted(numbers) == list(range(12))
    for paths, captions in splits.values():
        for path, given in zip(paths, captions, strict=True):
            assert given == ["A grey, plain thing.", f"number {path.stem}"]
    with pytest.raises(UserError, match="no split 'dev'"):
        user_files.read(source, "dev")
    with pytest.raises(UserError, match="exclude each other"):
        data.find("flickr8k", None, str(captions_file))


def test_many_pictures_are_read_from_their_files_in_each_epoch(captions_file, monkeypatch):
    source = data.find(None, None, str(captions_file))

    def epochs():
        held = data.examples(source, "train", None, 16)
        found = []
        for seed in (None, [1, 0], [1, 0], [1, 1]):
            batches = examples.batches(held, 4, lambda batch, seed: batch, seed)
            found.append([keras.tree.map_structure(np.array, batch) for batch in batches])
        return held, found

    held, in_memory = epochs()
    assert held.columns is not None
    monkeypatch.setattr(examples, "MEMORY", 1000)
    held, from_files = epochs()
    assert held.columns is None
    for one, other in zip(
        keras.tree.flatten(in_memory), keras.tree.flatten(from_files), strict=True
    ):
        np.testing.assert_array_equal(one, other)
    order = [batch["captions"][:, 1].tolist() for batch in from_files[1]]
    assert order == [batch["captions"][:, 1].tolist() for batch in from_files[2]]
    assert order != [batch["captions"][:, 1].tolist() for batch in from_files[3]]


def test_own_pictures_from_training_to_answer(captions_file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arguments = ["--captions-file", "own/captions.csv", "--run", "run", "--minimum-frequency", 1]
    result = call("captioning", "train", *arguments, *SMALL)
    assert result.exit_code == 0, result.output
    for again in (["evaluate"], ["train", "--resume", "--epochs", 2]):
        result = call("captioning", *again, "--run", "run")
        assert result.exit_code == 0, result.output
    record = json.loads((tmp_path / "run/metrics.json").read_text())
    assert (record["dataset"], record["examples"]) == ("captions.csv", 1)
    assert answers(tmp_path / "run", "own/pictures/1.png")


@pytest.mark.parametrize(
    "content, words",
    [
        (b"", "has no column 'image'"),
        (b"image,text\n1.png,A dog.\n", "has no column 'caption'"),
        (b"image,caption\n", "has no rows"),
        (b"image,caption\n1.png,A dog.\nmissing.png,A cat.\n", "line 3: there is no image file"),
        (b"image,caption\n1.png,\n", "line 2: the caption is missing"),
        (b"image,caption\n,A dog.\n", "line 2: the image is missing"),
        (b"image,caption\n1.png\n", "line 2: the caption is missing"),
        (b"image,caption\n1.png,\xff\n", "is not a CSV file in UTF-8"),
        (b"image,caption\n1.png,A dog.\n2.png,A cat.\n", "names 2 images"),
        (b"image,caption\n1.png,A\n2.png,B\nbroken.png,C\n", "broken.png is not a picture"),
    ],
)
def test_bad_captions_file(tmp_path, monkeypatch, content, words):
    monkeypatch.chdir(tmp_path)
    for name in ("1.png", "2.png"):
        Image.new("RGB", (8, 8)).save(name)
    (tmp_path / "broken.png").write_text("no picture")
    (tmp_path / "own.csv").write_bytes(content)
    line = refused(
        "captioning",
        "train",
        "--captions-file",
        "own.csv",
        *SMALL,
        "--run",
        "run",
        "--minimum-frequency",
        1,
    )
    assert words in line
    assert not (tmp_path / "run").exists()
