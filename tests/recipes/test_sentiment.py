"""The sentiment recipe: its network, and its answers to any text that people might send."""

import json

import keras
import numpy as np
import pytest

from recipes.sentiment import data, model, sample
from shared.cli import CELLS
from tests.recipes.test_commands import call, refused

WORDS = np.array([[3, 4, 5, 6], [7, 8, 0, 0], [1, 0, 0, 0]], "int32")


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("layers", [1, 2])
def test_further_padding_changes_nothing(cell, layers):
    keras.utils.set_random_seed(1)
    network = model.build_model(20, cell=cell, units=6, layers=layers)
    network.compile(
        "sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"]
    )
    labels = np.array([1, 0, 1])
    padded = np.pad(WORDS, [(0, 0), (0, 9)])
    np.testing.assert_allclose(
        network.predict_on_batch(WORDS), network.predict_on_batch(padded), atol=1e-6
    )
    for ours, expected in zip(
        network.evaluate(padded, labels, verbose=0),
        network.evaluate(WORDS, labels, verbose=0),
        strict=True,
    ):
        assert ours == pytest.approx(expected, abs=1e-6)
    # One text alone gives what it gave in the batch.
    alone = network.predict_on_batch(WORDS[1:2, :2])
    np.testing.assert_allclose(alone, network.predict_on_batch(WORDS)[1:2], atol=1e-6)


@pytest.mark.parametrize("cell", CELLS)
def test_one_step_changes_every_weight(cell):
    keras.utils.set_random_seed(1)
    network = model.build_model(20, cell=cell, units=6, layers=2, dropout=0.0)
    network.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    before = network.get_weights()
    network.train_on_batch(WORDS, np.array([1, 0, 1]))
    for weight, old, new in zip(network.weights, before, network.get_weights(), strict=True):
        assert (old != new).any(), weight.path


def test_probabilities_add_up_to_one_and_follow_the_logits():
    network = model.build_model(20, classes=3, units=6)
    logits = network.predict_on_batch(WORDS)
    probabilities = model.with_probabilities(network).predict_on_batch(WORDS)
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(probabilities, expected, rtol=1e-5)


def test_standardize_keeps_what_carries_meaning():
    texts = ["It's GREAT!<br /><br />Isn't it?", "Ärger: 100%"]
    split = [text.decode().split() for text in data.standardize(texts).numpy()]
    assert split == [["it's", "great", "!", "isn't", "it", "?"], ["ärger", ":", "100", "%"]]


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


def test_labels_of_another_data_set_are_refused(folder, monkeypatch):
    monkeypatch.setattr(data, "class_names", lambda source: ["sports", "politics", "film"])
    line = refused("sentiment", "evaluate", "--run", folder)
    assert "has the labels sports, politics, film" in line


def test_sample_is_what_the_recipe_reads():
    source = data.find("sample")
    texts, labels = data.read(source, "test")
    assert list(zip(texts, labels.tolist(), strict=True)) == sample.generate("test")
    assert data.class_names(source) == ["negative", "positive"]


@pytest.mark.parametrize("cell", CELLS)
def test_evidence_of_the_words_adds_up_to_the_logits(cell):
    keras.utils.set_random_seed(1)
    network = model.build_model(20, cell=cell, units=6, layers=2)
    evidence, inside = model.explain(network, WORDS[0])
    logits = network.predict_on_batch(WORDS[:1])[0]
    bias = network.get_layer("logits").get_weights()[1]
    np.testing.assert_allclose(evidence.sum(axis=0) + bias, logits, atol=1e-5)
    assert {values.shape for values in inside.values()} == {(4, 6)}


def test_inspect_writes_a_page(folder):
    result = call("sentiment", "inspect", "--run", folder, "Not even the <cast> helps")
    assert result.exit_code == 0, result.output
    page = (folder / "inspect.html").read_text()
    assert "forget gate" in page and "&lt;cast&gt;" in page and "<cast>" not in page
