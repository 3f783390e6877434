"""The commands: answers to any text that people might send, and files of their own."""

import json
import shlex

import numpy as np
import pytest
import sacrebleu

from recipes.translation import data, model, sample
from shared.training.run import Run
from tests.conftest import call, refused

SMALL = ["--units", 4, "--epochs", 1, "--max-length", 40]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A run trained for two epochs on a few pairs of the sample: its answers are poor."""
    path = tmp_path_factory.mktemp("translation") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(path.parent)
        arguments = ["train", "--dataset", "sample", "--limit", 64, "--epochs", 2, "--units", 8]
        result = call("translation", *arguments, "--max-length", 40, "--run", path)
    assert result.exit_code == 0, result.output
    return path


def answers(folder, *inputs, stdin=None):
    result = call("translation", "predict", "--json", "--run", folder, *inputs, stdin=stdin)
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_bleu_is_that_of_what_predict_prints(folder):
    result = call("translation", "evaluate", "--run", folder, "--limit", 20, "--beam", 3)
    assert result.exit_code == 0, result.output
    record = json.loads((folder / "metrics.json").read_text())
    sentences, references = zip(*sample.generate("test")[:20], strict=True)
    found = answers(folder, "--beam", 3, "-", stdin="\n".join(sentences))
    outputs = [answer["output"] for answer in found]
    bleu, chrf = (
        measure(outputs, [references]).score
        for measure in (sacrebleu.corpus_bleu, sacrebleu.corpus_chrf)
    )
    assert record["metrics"]["bleu"] == pytest.approx(bleu)
    assert record["metrics"]["chrf"] == pytest.approx(chrf)
    exact = sum(map(str.__eq__, outputs, references)) / 20
    assert record["metrics"]["exact_match"] == exact
    assert "case:mixed" in record["signatures"]["bleu"] and record["beam"] == 3
    assert "Worst translations" in (folder / "report.html").read_text()
    command = shlex.split(result.stdout.splitlines()[-1])
    assert command[-2:] == [str(folder), sentences[0]], "predict, with a sentence in its language"


def test_answers_come_in_the_order_of_the_inputs(folder):
    texts = ["1,234", "7", "the 1st of May 1981", "three hundred and forty-seven", "9 weeks"]
    found = answers(folder, texts[0], "-", texts[4], stdin="\n".join(texts[1:4]))
    assert [answer["input"] for answer in found] == texts
    assert all(set(answer) == {"input", "output", "score"} for answer in found)
    (alone,) = answers(folder, texts[2])
    assert alone["output"] == found[2]["output"]
    assert alone["score"] == pytest.approx(found[2]["score"], abs=1e-3)


@pytest.mark.parametrize(
    "strange",
    ["😀🎬", "这部电影 مشاهدة", "-1 !!!", "word " * 100_000, "w" * 1_000_000],
    ids=["emoji", "unknown scripts", "punctuation", "100,000 words", "one long word"],
)
def test_any_text_is_answered_within_a_bound(folder, strange):
    result = call("translation", "predict", "--json", "--run", folder, "--", strange)
    answer = json.loads(result.stdout)
    assert answer["input"] == strange.strip()
    assert len(answer["output"]) < 5000
    assert ("only 40 subwords are read" in result.stderr) == (len(strange) > 1000)


def test_binary_rubbish_is_answered(folder):
    (answer,) = answers(folder, "-", stdin=b"\xff\xfe\x00\x01\x80rubbish\n")
    assert "rubbish" in answer["input"]


def test_an_empty_line_stays_an_empty_line(folder):
    found = answers(folder, "-", stdin="71\n\n  \n80\n")
    assert [answer["input"] for answer in found] == ["71", "", "", "80"]
    assert [answer["output"] for answer in found[1:3]] == ["", ""]
    (nothing,) = answers(folder, "-", stdin="\n")
    assert nothing == {"input": "", "output": "", "score": 0.0}


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["predict", "--beam", "0", "x"], "--beam"),
        (["predict", "--beam", "-2", "x"], "--beam"),
        (["evaluate", "--beam", "0"], "--beam"),
        (["predict", "good", " "], "input 2 is empty"),
        (["inspect", ""], "input 1 is empty"),
        (["train", "--attention", "all"], "'none', 'additive', 'multiplicative'"),
        (["train", "--dropout", "1"], "--dropout"),
        (["train", "--dataset", "mnist"], "needs a TFDS Translation"),
        (["train", "--dataset", "imdb_reviews"], "multi30k/fr_to_en, ted_hrlr_translate/pt_to_en"),
        (["train", "--dataset", "sample", "--vocabulary-size", "50"], "is too small to encode"),
        (["train", "--dataset", "sample", "--max-length", "2"], "--max-length 2"),
        (["train", "--file", "nowhere.txt"], "nowhere.txt"),
    ],
)
def test_bad_input(folder, tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    run = ["--run", tmp_path / "run" if arguments[0] == "train" else folder]
    assert words in refused("translation", arguments[0], *run, *arguments[1:])
    assert not (tmp_path / "run").exists()


def test_standard_input_without_a_line_is_refused(folder):
    line = refused("translation", "predict", "--run", folder, "-", stdin="")
    assert "Standard input is empty" in line


def test_inspect_draws_the_attention(folder):
    result = call("translation", "inspect", "--run", folder, "May 1, 1981 <cost> $5 $6")
    assert result.exit_code == 0, result.output
    page = (folder / "inspect.html").read_text()
    assert "Attention: rows are what was written" in page and "Where it looked" in page
    assert "Inside the decoder" in page and "Inside the encoder" in page
    assert "&lt;cost&gt;" in page and "<cost>" not in page


def test_what_inspect_says_of_each_subword_is_what_the_network_gives(folder):
    """Against the whole network on the same subwords, and the attention of its decoder."""
    run = Run("translation", folder)
    network, names = run.load_model(), data.load_names(run)
    (read,) = data.to_ids(["the 1st of May 1981"], names.source, 40)
    (best,) = model.translate(network, [read], 3)
    (written,) = data.with_stop([best.tokens.tolist()])
    weights, probabilities, decoder, encoder = model.explain(network, read, written)
    before = np.array([[model.START, *written[:-1]]])
    logits = np.asarray(network([np.array([read]), before]))[0].astype("float64")
    logits -= np.log(np.exp(logits).sum(axis=-1, keepdims=True))
    np.testing.assert_allclose(
        probabilities, np.exp(logits[np.arange(len(written)), written]), rtol=1e-4
    )
    np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=1e-5)
    assert weights.shape == (len(written), len(read))
    assert decoder["cell_state"].shape == (len(written), 16)
    assert encoder["cell_state"].shape == (len(read), 8)


def test_inspect_of_a_network_without_attention(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    few = ["--dataset", "sample", "--limit", 16, *SMALL, "--attention", "none", "--run", "run"]
    assert call("translation", "train", *few).exit_code == 0
    result = call("translation", "inspect", "--run", "run", "71")
    assert result.exit_code == 0, result.output
    page = (tmp_path / "run" / "inspect.html").read_text()
    assert "This network has no attention" in page and "Inside the decoder" in page
    assert "Attention: rows" not in page


# Files of one's own

NUMBERS = ["null", "eins", "zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun"]


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """A run trained on two texts, in the direction from the second to the first; and the texts."""
    folder = tmp_path_factory.mktemp("own")
    numbers = range(60)
    german = [f"{NUMBERS[n // 10]} {NUMBERS[n % 10]}" for n in numbers]
    texts = {"a.de": german, "a.en": [f"number {n:02}" for n in numbers]}
    for name, lines in texts.items():
        (folder / name).write_text("\n".join(lines), encoding="utf-8")
    files = ["--file", folder / "a.de", "--file", folder / "a.en", "--reverse"]
    result = call("translation", "train", *files, *SMALL, "--run", folder / "run")
    assert result.exit_code == 0, result.output
    return folder / "run", folder


def contents(run):
    return {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}


def measured(run, *arguments):
    """What `evaluate` writes: the name, the split and the number of the sentences."""
    result = call("translation", "evaluate", "--run", run, "--beam", 1, *arguments)
    assert result.exit_code == 0, result.output
    record = json.loads((run / "metrics.json").read_text())
    return record["dataset"], record["split"], record["examples"]


def test_two_texts_from_training_to_answer(own):
    run, folder = own
    dataset = json.loads((run / "config.json").read_text())["dataset"]
    assert dataset["name"] == "a.de to a.en" and len(dataset["version"]) == 16
    assert dataset["files"] == [str(folder / "a.de"), str(folder / "a.en")]
    assert json.loads((run / "languages.json").read_text()) == ["en", "de"]
    assert measured(run) == ("a.de to a.en", "test", 6)
    result = call("translation", "train", "--resume", "--run", run, "--epochs", 2)
    assert result.exit_code == 0, result.output
    assert len((run / "history.csv").read_text().splitlines()) == 3
    assert answers(run, "number 17")


def test_evaluate_measures_other_files_whole(own, tmp_path):
    run, _ = own
    table = tmp_path / "more.csv"
    table.write_text("de,en\neins eins,number 11\nzwei eins,number 21\n")
    assert measured(run, "--file", table) == ("more.csv", "test", 2)
    table.write_text("de,en,split\neins eins,number 11,dev\nzwei eins,number 21,test\n")
    assert measured(run, "--file", table) == ("more.csv", "test", 1)
    (tmp_path / "b.de").write_text("eins eins\n\n")
    (tmp_path / "b.en").write_text("number 11\n\n")
    two = ["--file", tmp_path / "b.de", "--file", tmp_path / "b.en"]
    assert measured(run, *two) == ("b.de to b.en", "test", 1)


def test_other_languages_are_refused(own, folder, tmp_path):
    run, _ = own
    line = refused("translation", "evaluate", "--run", run, "--dataset", "sample")
    assert "sample goes from fr to en, but this run was trained from en to de" in line
    table = tmp_path / "own.csv"
    table.write_text("fr,en\nun,one\n")
    line = refused("translation", "evaluate", "--run", folder, "--file", table)
    assert "own.csv goes from fr to en, but this run was trained from en to fr" in line


@pytest.mark.parametrize("name", ["a.de", "a.en"])
def test_files_that_have_changed_are_refused(own, name):
    run, folder = own
    before, kept = contents(run), (folder / name).read_text()
    (folder / name).write_text(kept + "!")
    try:
        for command in (["evaluate"], ["train", "--resume", "--epochs", 7]):
            line = refused("translation", *command, "--run", run)
            assert "a.de to a.en has changed" in line
    finally:
        (folder / name).write_text(kept)
    assert contents(run) == before


def test_a_table_with_splits_from_training_to_answer(tmp_path):
    rows = [f"{number},n {number},{'test' if number % 4 == 0 else 'train'}" for number in range(40)]
    (tmp_path / "own.csv").write_text("\n".join(["digits,words,split", *rows]))
    run = tmp_path / "run"
    result = call("translation", "train", "--file", tmp_path / "own.csv", *SMALL, "--run", run)
    assert result.exit_code == 0, result.output
    assert measured(run) == ("own.csv", "test", 10)
    assert json.loads((run / "languages.json").read_text()) == ["digits", "words"]


@pytest.mark.parametrize(
    "content, words",
    [
        ("de,en\na,b\nc,\n", "own.csv, line 3: the en is missing"),
        ("de,en,fr\na,b,c\n", "Give it two"),
        ("de,en\na,b\nc,d\n", "2 different examples can't be parted"),
    ],
)
def test_a_bad_table_leaves_no_run(content, words, tmp_path):
    (tmp_path / "own.csv").write_text(content)
    run = tmp_path / "run"
    line = refused("translation", "train", "--file", tmp_path / "own.csv", "--run", run)
    assert words in line and not run.exists()
