"""The commands: any picture to describe, and pictures of one's own."""

import io
import json

import numpy as np
import pytest
from PIL import Image

from recipes.captioning import sample
from tests.conftest import call, refused

SMALL = ["--epochs", 1, "--units", 8, "--image-size", 32, "--batch-size", 4]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A run trained for an epoch on a few scenes of the sample: what it writes is gibberish."""
    path = tmp_path_factory.mktemp("captioning") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(path.parent)
        arguments = ["--dataset", "sample", "--limit", 8, *SMALL, "--run", path]
        result = call("captioning", "train", *arguments)
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
    assert page.count("<figure data-of=steps data-step=") == len(answer["output"].split()) + 1
    assert "Forget gate" in page
    assert answer["output"] in page and "[stop]" in page


def test_evaluate_says_what_it_measured(folder):
    result = call("captioning", "evaluate", "--run", folder, "--limit", 6, "--beam", 2)
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
        ("predict --beam 0 x", "--beam"),
        ("train --attention all", "'additive', 'multiplicative'"),
        ("train --image-size 8", "--image-size"),
        ("train --captions-per-image 6", "--captions-per-image"),
        ("train --dataset sample --weights imagenet", "--weights imagenet needs an --encoder"),
        ("train --dataset sample --encoder ResNet", "ResNet50"),
        ("train --dataset mnist", "needs a colour image and a sequence of captions"),
        ("train --dataset imdb_reviews", "flickr8k, coco_captions"),
        ("train --dataset sample --minimum-frequency 99999", "--minimum-frequency"),
    ],
)
def test_what_cannot_be_trained_is_refused(folder, tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    command, *arguments = arguments.split()
    run = ["--run", "run" if command == "train" else folder]
    assert words in refused("captioning", command, *run, *arguments)
    assert not (tmp_path / "run").exists()


# Pictures of one's own


def written_table(folder, name="captions.csv", places=range(24)):
    """A table of dark and bright pictures, and of what is on them."""
    (folder / "pictures").mkdir(parents=True, exist_ok=True)
    lines = ["photo,words"]
    for number in places:
        shade = (30 if number % 2 else 220) + number % 7
        path = folder / "pictures" / f"{number}.png"
        Image.fromarray(np.full((40, 50 + number, 3), shade, "uint8")).save(path)
        caption = "A dark thing." if number % 2 else "Something bright!"
        lines += [f"pictures/{number}.png,{caption}"] * 2
    (folder / name).write_text("\n".join(lines) + "\n")
    return folder / name


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """A run trained on a table, and the table."""
    folder = tmp_path_factory.mktemp("own")
    file = written_table(folder)
    options = ["--image-column", "photo", "--caption-column", "words", "--units", 16]
    options += ["--image-size", 32, "--batch-size", 4, "--epochs", 12, "--smallest-crop", 1]
    options += ["--dropout", 0, "--minimum-frequency", 1, "--learning-rate", 0.01]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        result = call("captioning", "train", "--file", file, *options, "--run", folder / "run")
    assert result.exit_code == 0, result.output
    return folder / "run", file


def test_own_pictures_are_learned_and_measured(own, tmp_path):
    run, file = own
    described = json.loads((run / "config.json").read_text())["dataset"]
    assert described["name"] == "captions.csv" and len(described["version"]) == 16
    assert "notice" not in described

    result = call("captioning", "evaluate", "--run", run)
    assert result.exit_code == 0 and "SAMPLE" not in result.output, result.output
    record = json.loads((run / "metrics.json").read_text())
    assert (record["dataset"], record["split"], record["examples"]) == ("captions.csv", "test", 2)
    assert record["metrics"]["exact_match"] == 1
    pictures = [str(file.parent / "pictures" / f"{number}.png") for number in (0, 1)]
    said = [answer["output"] for answer in answers(run, *pictures)]
    assert said == ["something bright", "a dark thing"]

    other = written_table(tmp_path / "others", "others.csv", places=range(31, 34))
    result = call("captioning", "evaluate", "--run", run, "--file", other)
    assert result.exit_code == 0, result.output
    record = json.loads((run / "metrics.json").read_text())
    assert (record["dataset"], record["split"], record["examples"]) == ("others.csv", "test", 3)


def test_pictures_that_have_changed_are_refused(own):
    run, file = own
    before = contents(run)
    picture = file.parent / "pictures" / "5.png"
    kept = picture.read_bytes()
    picture.write_bytes(kept + b"\0")
    try:
        for command in (["evaluate"], ["train", "--resume", "--epochs", 13]):
            assert "captions.csv has changed" in refused("captioning", *command, "--run", run)
    finally:
        picture.write_bytes(kept)
    assert contents(run) == before


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def damage_every_picture(folder):
    for path in folder.glob("pictures/*.png"):
        path.write_text(f"no picture, but its name: {path}")


@pytest.mark.parametrize(
    "damage, words",
    [
        (damage_every_picture, ".png is not a picture"),
        (lambda folder: (folder / "pictures/3.png").unlink(), "captions.csv, line 8: there is no"),
        (lambda folder: (folder / "captions.csv").write_text("photo\n"), "captions.csv has no"),
    ],
    ids=["damaged pictures", "a missing picture", "an empty table"],
)
def test_bad_pictures_and_tables_are_refused(tmp_path, monkeypatch, damage, words):
    monkeypatch.chdir(tmp_path)
    file = written_table(tmp_path, places=range(6))
    damage(tmp_path)
    columns = ["--image-column", "photo", "--caption-column", "words", "--minimum-frequency", 1]
    line = refused("captioning", "train", "--file", file, *columns, *SMALL, "--run", "run")
    assert words in line and not (tmp_path / "run").exists()
