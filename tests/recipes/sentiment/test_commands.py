"""The commands: answers to any text that people might send, and tables of their own."""

import json

import numpy as np
import pytest

from tests.conftest import call, refused


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A run trained for one epoch on a few reviews of the sample: its answers are poor."""
    path = tmp_path_factory.mktemp("sentiment") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(path.parent)
        arguments = ["train", "--dataset", "sample", "--limit", 64, "--epochs", 1, "--units", 8]
        result = call("sentiment", *arguments, "--run", path)
    assert result.exit_code == 0, result.output
    return path


def answers(folder, *inputs, stdin=None):
    result = call("sentiment", "predict", "--json", "--run", folder, *inputs, stdin=stdin)
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_answers_come_in_the_order_of_the_inputs(folder):
    texts = [" ".join(["word"] * length) for length in (30, 1, 12, 300, 2)]
    found = answers(folder, texts[0], "-", texts[4], stdin="\n".join(texts[1:4]))
    assert [answer["input"] for answer in found] == texts
    for answer, text in zip(found, texts, strict=True):
        (alone,) = answers(folder, text)
        assert alone["label"] == answer["label"] in ("positive", "negative")
        assert alone["probability"] == pytest.approx(answer["probability"], abs=1e-5)
        assert 0.5 <= answer["probability"] <= 1


@pytest.mark.parametrize(
    "strange",
    ["😀🎬👎", "这部电影很好看", "مشاهدة ممتعة", "<br />", "!!!", "-1", "word " * 100_000],
    ids=["emoji", "chinese", "arabic", "html", "punctuation", "number", "100,000 words"],
)
def test_any_text_is_answered(folder, strange):
    (answer,) = answers(folder, "--", strange)
    assert answer["input"] == strange.strip()


def test_binary_rubbish_is_answered(folder):
    (answer,) = answers(folder, "-", stdin=b"\xff\xfe\x00\x01\x80rubbish\n")
    assert "rubbish" in answer["input"]


@pytest.mark.parametrize("empty", ["", "   ", "\t"])
def test_empty_text_is_refused(folder, empty):
    line = refused("sentiment", "predict", "--run", folder, "good", empty)
    assert "input 2 is empty" in line


def test_empty_lines_of_standard_input_are_refused_with_their_number(folder):
    line = refused("sentiment", "predict", "--run", folder, "-", stdin="good\n\nbad\n")
    assert "line 2 of standard input is empty" in line
    assert "Standard input is empty" in refused(
        "sentiment", "predict", "--run", folder, "-", stdin=""
    )


def test_labels_of_another_data_set_are_refused(folder, tmp_path):
    file = tmp_path / "news.csv"
    file.write_text("text,label\nA goal!,sports\nA vote.,politics\n")
    line = refused("sentiment", "evaluate", "--run", folder, "--file", file)
    assert "news.csv has the label 'politics'" in line and "negative, positive" in line


COLOURS = {"cold": "ice snow frost", "warm": "sun beach sand", "wet": "rain flood river"}


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """A run trained on a table with three classes, and the table."""
    folder = tmp_path_factory.mktemp("own")
    draw = np.random.default_rng(0)
    rows = [
        (f'"the {draw.choice(words.split())}, number {number}"', kind)
        for number in range(100)
        for kind, words in COLOURS.items()
    ]
    file = folder / "places.csv"
    file.write_text("note,kind\n" + "".join(f"{text},{kind}\n" for text, kind in rows))
    columns = ["--text-column", "note", "--label-column", "kind"]
    small = ["--units", 8, "--epochs", 6, "--dropout", 0, "--word-dropout", 0]
    small += ["--learning-rate", 0.02, "--batch-size", 16]
    result = call("sentiment", "train", "--file", file, *columns, *small, "--run", folder / "run")
    assert result.exit_code == 0, result.output
    return folder / "run", file


def test_a_table_of_ones_own(own, tmp_path):
    """Three classes: trained, measured on what was held out, and answered with their names."""
    run, _ = own
    config = json.loads((run / "config.json").read_text())
    assert config["dataset"]["name"] == "places.csv" and "notice" not in config["dataset"]
    assert json.loads((run / "classes.json").read_text()) == ["cold", "warm", "wet"]

    result = call("sentiment", "evaluate", "--run", run)
    assert result.exit_code == 0, result.output
    assert "SAMPLE" not in result.output
    record = json.loads((run / "metrics.json").read_text())
    assert (record["dataset"], record["split"], record["examples"]) == ("places.csv", "test", 30)
    assert record["metrics"]["accuracy"] > 0.95
    found = answers(run, "much snow", "a river", "the sun")
    assert [answer["label"] for answer in found] == ["cold", "wet", "warm"]

    other = tmp_path / "others.jsonl"
    other.write_text('{"note": "snow", "kind": "cold"}\n{"note": "sand", "kind": "wet"}\n')
    result = call("sentiment", "evaluate", "--run", run, "--file", other)
    assert result.exit_code == 0, result.output
    record = json.loads((run / "metrics.json").read_text())
    assert (record["dataset"], record["examples"]) == ("others.jsonl", 2)
    assert record["metrics"]["accuracy"] == 0.5


def test_a_table_that_has_changed_is_refused(own):
    run, file = own
    before = {path.name: path.read_bytes() for path in run.iterdir() if path.is_file()}
    kept = file.read_text()
    file.write_text(kept.replace("frost", "thaw"))
    try:
        for command in (["evaluate"], ["train", "--resume", "--epochs", 7]):
            assert "places.csv has changed" in refused("sentiment", *command, "--run", run)
    finally:
        file.write_text(kept)
    assert {path.name: path.read_bytes() for path in run.iterdir() if path.is_file()} == before


def test_a_file_and_a_data_set_exclude_each_other(own):
    _, file = own
    line = refused("sentiment", "train", "--file", file, "--dataset", "imdb_reviews")
    assert "exclude each other" in line


def test_inspect_writes_a_page(folder):
    result = call("sentiment", "inspect", "--run", folder, "Not even the <cast> helps")
    assert result.exit_code == 0, result.output
    page = (folder / "inspect.html").read_text()
    assert "Forget gate" in page and "&lt;cast&gt;" in page and "<cast>" not in page
