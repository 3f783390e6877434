"""The translation recipe: its network, its data, and its answers to whatever people send."""

import json
import shlex
import shutil

import keras
import numpy as np
import pytest
import sacrebleu
from keras import ops

from recipes.translation import data, model, sample
from shared.data.subwords import START, STOP
from shared.errors import UserError
from shared.training.losses import SmoothedCrossEntropy
from tests.recipes.test_commands import call, refused

SOURCE = np.array([[4, 5, 6, 7, STOP], [8, 9, STOP, 0, 0], [STOP, 0, 0, 0, 0]], "int32")
TARGET = np.array([[5, 6, STOP, 0], [7, STOP, 0, 0], [4, 5, 6, STOP]], "int32")


def small_network(attention="multiplicative", cell="lstm", layers=1, dropout=0.0):
    keras.utils.set_random_seed(1)
    return model.build_model(11, 9, cell, 6, layers, attention, dropout)


def late(target):
    """What was written before each step."""
    return np.pad(target[:, :-1], [(0, 0), (1, 0)], constant_values=START)


def batch(source=SOURCE, target=TARGET):
    inputs = {"source": source, "written": late(target)}
    return inputs, target, (target != 0).astype("float32")


def compiled(network, smoothing=0.1):
    network.compile("sgd", SmoothedCrossEntropy(smoothing), weighted_metrics=["accuracy"])
    return network


# The network


@pytest.mark.parametrize(
    "attention, cell, layers",
    [("none", "rnn", 1), ("additive", "gru", 1), ("multiplicative", "lstm", 1)],
)
def test_further_padding_changes_nothing(attention, cell, layers):
    network = compiled(small_network(attention, cell, layers))
    wider = np.pad(SOURCE, [(0, 0), (0, 5)]), np.pad(TARGET, [(0, 0), (0, 3)])
    np.testing.assert_allclose(
        network.predict_on_batch(batch()[0]),
        network.predict_on_batch(batch(*wider)[0])[:, :4],
        atol=1e-5,
    )
    figures = [network.test_on_batch(*each, return_dict=True) for each in (batch(), batch(*wider))]
    assert figures[1] == pytest.approx(figures[0], abs=1e-5)
    # One pair alone gives what it gave beside the others.
    alone = network.predict_on_batch(batch(SOURCE[1:2, :3], TARGET[1:2, :2])[0])
    np.testing.assert_allclose(alone, network.predict_on_batch(batch()[0])[1:2, :2], atol=1e-5)


@pytest.mark.parametrize(
    "attention, cell, layers",
    [
        ("none", "gru", 1),
        ("additive", "lstm", 2),
        ("multiplicative", "rnn", 1),
        ("none", "mingru", 2),
    ],
)
def test_step_by_step_gives_what_all_at_once_gives(attention, cell, layers):
    network = small_network(attention, cell, layers)
    memory, mask, states = model.encode(network, SOURCE)
    step, written, logits = model.stepwise(network), late(TARGET), []
    for t in range(written.shape[1]):
        row, states = step(ops.convert_to_tensor(written[:, t]), states, memory, mask)
        logits.append(ops.convert_to_numpy(row))
    together = network.predict_on_batch({"source": SOURCE, "written": written})
    np.testing.assert_allclose(np.stack(logits, axis=1), together, atol=1e-5)


@pytest.mark.parametrize(
    "attention, cell, layers",
    [("none", "lstm", 1), ("additive", "rnn", 1), ("multiplicative", "gru", 2)],
)
def test_one_step_changes_every_weight(attention, cell, layers):
    network = compiled(small_network(attention, cell, layers))
    before = network.get_weights()
    network.train_on_batch(*batch())
    for weight, old, new in zip(network.weights, before, network.get_weights(), strict=True):
        assert (old != new).any(), weight.path


def test_without_attention_only_the_last_state_is_left():
    memory, mask, states = model.encode(small_network("none"), SOURCE)
    assert memory.shape == (3, 1, 12) and ops.convert_to_numpy(mask).all()
    np.testing.assert_array_equal(ops.convert_to_numpy(memory)[:, 0], states[-1][0])


def test_a_sentence_is_translated_alike_alone_and_among_others():
    network = small_network()
    sources = [[4, 5, 6, STOP], [7, STOP], [8, 9, 10, 4, 5, 6, 7, 8, 9, STOP], [STOP]]
    together = model.translate(network, sources, 3)
    for source, found in zip(sources, together, strict=True):
        (alone,) = model.translate(network, [source], 3, batch_size=1)
        np.testing.assert_array_equal(alone.tokens, found.tokens)
        assert alone.score == pytest.approx(found.score, abs=1e-4)
        assert len(found.tokens) <= 2 * 16 + 20


@pytest.mark.parametrize("attention", ["additive", "multiplicative"])
def test_attention_is_that_of_the_translation(attention):
    network = small_network(attention)
    weights = model.attend(network, [4, 5, 6, STOP], [5, 6, STOP])
    assert weights.shape == (3, 4) and (weights > 0).all()
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-5)
    # The weights of the first step make the context of the first step.
    memory, mask, states = model.encode(network, np.array([[4, 5, 6, STOP]], "int32"))
    decoder, vectors = network.get_layer("decoder"), network.get_layer("target_vectors")
    first = model.read_vectors(vectors, ops.convert_to_tensor([START]))
    _, expected, _ = decoder.step(first, states, memory, mask)
    np.testing.assert_allclose(weights[:1], ops.convert_to_numpy(expected), atol=1e-5)


# The commands


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
        (["train", "--source-file", "nowhere.txt"], "nowhere.txt"),
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


def test_damaged_subwords(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "run")
    (tmp_path / "run" / "target.subwords").write_bytes(b"rubbish")
    line = refused("translation", "predict", "--run", tmp_path / "run", "x")
    assert "target.subwords are damaged" in line


def test_inspect_draws_the_attention(folder):
    result = call("translation", "inspect", "--run", folder, "May 1, 1981 <cost> $5 $6")
    assert result.exit_code == 0, result.output
    page = (folder / "inspect.html").read_text()
    assert "<svg" in page and "&lt;cost&gt;" in page and "<cost>" not in page


def test_inspect_says_where_there_is_nothing_to_draw(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "run")
    config = tmp_path / "run" / "config.json"
    text = config.read_text().replace('"attention": "multiplicative"', '"attention": "none"')
    config.write_text(text)
    line = refused("translation", "inspect", "--run", tmp_path / "run", "71")
    assert "--attention none" in line and "no attention to draw" in line


# Other data


@pytest.fixture
def files(tmp_path):
    """Twenty sentences and their translations, and blank lines, which don't count."""
    source = [f"Satz {n}" for n in range(20)]
    target = [f"sentence {n}" for n in range(20)]
    source[3:3], target[3:3] = ["", "nur hier", " "], ["", "", "only here"]
    for name, lines in (("a.de", source), ("a.en", target)):
        (tmp_path / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return tmp_path / "a.de", tmp_path / "a.en"


def test_files_are_split_the_same_way_every_time(files):
    source = data.find(None, None, *map(str, files))
    splits = {split: data.read(source, split) for split in ("train", "validation", "test")}
    assert [len(sentences) for sentences, _ in splits.values()] == [16, 2, 2]
    pairs = [pair for sides in splits.values() for pair in zip(*sides, strict=True)]
    assert sorted(pairs) == sorted((f"Satz {n}", f"sentence {n}") for n in range(20))
    assert data.read(source, "train", limit=3)[0] == splits["train"][0][:3]
    assert data.languages(source) == ["a.de", "a.en"]
    with pytest.raises(UserError, match="no split 'dev'"):
        data.read(source, "dev")


def test_reverse_swaps_the_direction(files):
    for source in (data.find("sample"), data.find(None, None, *map(str, files))):
        there, back = (data.read(source, "test", reverse=reverse) for reverse in (False, True))
        assert back == there[::-1]
        assert data.languages(source, True) == data.languages(source)[::-1]


def test_own_files_from_training_to_answer(files, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    both = ["--source-file", "a.de", "--target-file", "a.en", "--run", "run"]
    result = call("translation", "train", *both, "--reverse", "--units", 4, "--epochs", 1)
    assert result.exit_code == 0, result.output
    for arguments in (["evaluate"], ["train", "--resume", "--epochs", 2]):
        result = call("translation", *arguments, "--run", "run")
        assert result.exit_code == 0, result.output
    record = json.loads((tmp_path / "run/metrics.json").read_text())
    assert (record["dataset"], record["examples"]) == ("a.de to a.en", 2)
    assert json.loads((tmp_path / "run/languages.json").read_text()) == ["a.en", "a.de"]
    assert answers(tmp_path / "run", "sentence 3")
    line = refused("translation", "evaluate", "--run", "run", "--dataset", "sample")
    assert "sample goes from fr to en, but this run was trained from a.en to a.de" in line


@pytest.mark.parametrize(
    "contents, words",
    [
        ((b"one\ntwo\nthree\n", b"eins\nzwei\n"), "has 3 lines and"),
        ((b"", b"eins\n"), "a.txt is empty"),
        ((b"one\n", b" \n\n"), "b.txt is empty"),
        ((b"one\n\xff\n", b"eins\nzwei\n"), "a.txt is not UTF-8 text (byte 4)"),
        ((b"one\ntwo\n", b"eins\nzwei\n"), "only 2 pairs"),
        ((b"one\n", None), "give both, or neither"),
    ],
)
def test_bad_files(tmp_path, monkeypatch, contents, words):
    monkeypatch.chdir(tmp_path)
    arguments = []
    for name, option, content in zip(
        ("a.txt", "b.txt"), ("--source-file", "--target-file"), contents, strict=True
    ):
        if content is not None:
            (tmp_path / name).write_bytes(content)
            arguments += [option, name]
    assert words in refused("translation", "train", *arguments, "--run", "run")
    assert not (tmp_path / "run").exists()


def test_files_and_a_data_set_exclude_each_other(files):
    with pytest.raises(UserError, match="exclude each other"):
        data.find("multi30k/de_to_en", None, *map(str, files))
