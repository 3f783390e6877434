"""The commands of the language model: generate, predict, inspect, and texts of one's own."""

import json

import numpy as np
import pytest
import tensorflow_datasets as tfds

from recipes.language_modeling import __main__ as commands
from recipes.language_modeling import data, model
from shared.decoding import sample
from shared.evaluation import reading
from tests.conftest import call, refused

RECIPE = "language_modeling"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A run trained for one epoch on the beginning of the sample: its text is gibberish."""
    path = tmp_path_factory.mktemp(RECIPE) / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(path.parent)
        arguments = ["--dataset", "sample", "--limit", 3000, "--epochs", 1, "--units", 8]
        result = call(RECIPE, "train", *arguments, "--layers", 1, "--run", path)
    assert result.exit_code == 0, result.output
    return path


def written(folder, *arguments, stdin=None):
    result = call(RECIPE, "generate", "--run", folder, *arguments, stdin=stdin)
    assert result.exit_code == 0, result.output
    return result


def test_the_same_seed_gives_the_same_text(folder):
    arguments = ["--prompt", "The ", "--length", 80, "--temperature", 1]
    first, again, other = (written(folder, *arguments, "--seed", seed).stdout for seed in (1, 1, 2))
    assert first == again != other
    assert first.startswith("The ") and first.endswith("\n") and len(first) == 4 + 80 + 1


def test_the_stream_is_what_sampling_gives(folder):
    from shared.training.run import Run

    run = Run(RECIPE, folder)
    vocabulary = data.load_names(run).vocabulary
    reader = model.with_states(run.load_model())
    prompt = data.to_ids("The ", vocabulary)
    for more in ({"top_k": 5}, {"top_p": 0.5}, {"temperature": 0}):
        options = {"temperature": 0.8, "seed": 3, **more}
        step, states = model.step_function(reader), reading.no_memory(reader)
        (found,) = sample(step, [prompt], states, 60, **options)
        flags = [part for k, v in options.items() for part in (f"--{k.replace('_', '-')}", v)]
        shown = written(folder, "--prompt", "The ", "--length", 60, *flags).stdout
        assert shown == "The " + "".join(vocabulary[i] for i in found.tokens) + "\n"


def test_unknown_characters_of_a_prompt_are_reported(folder):
    result = written(folder, "--prompt", "The 猫 and 犬 and 猫", "--length", 5)
    assert result.stderr == "Unknown, since not in the training text: '犬', '猫'.\n"


def test_no_prompt_and_a_prompt_from_standard_input(folder):
    assert len(written(folder, "--length", 5).stdout) == 6
    shown = written(folder, "--prompt", "-", "--length", 5, stdin=b"def f\xff").stdout
    assert shown.startswith("def f\ufffd")
    shown = written(folder, "--prompt", "a\x1b[1m\tb\r\nc", "--length", 5).stdout
    assert shown.startswith("a\\x1b[1m\tb\nc")


def test_a_prompt_of_a_million_characters_is_answered(folder, monkeypatch):
    monkeypatch.setattr(commands, "PROMPT_READ", 1000)
    read = []
    pieces = reading.read
    monkeypatch.setattr(
        reading, "read", lambda reader, ids: (read.append(len(ids)), pieces(reader, ids))[1]
    )
    result = written(folder, "--prompt", "word " * 200_000, "--length", 5)
    assert result.stderr == "Of the prompt's 1,000,000 tokens the last 1,000 are read.\n"
    assert read == [1000] and len(result.stdout) == 1_000_006


@pytest.mark.parametrize(
    "option, value",
    [
        *(("--temperature", value) for value in ("-1", "nan", "hot")),
        *(("--top-k", value) for value in ("0", "-2")),
        *(("--top-p", value) for value in ("0", "1.1", "nan")),
        *(("--length", value) for value in ("0", "-5")),
        ("--seed", "-1"),
    ],
)
def test_wrong_options_of_generate(folder, option, value):
    line = refused(RECIPE, "generate", "--run", folder, option, value)
    assert option.strip("-").replace("-", "_") in line.replace("-", "_") and value in line


def test_predict_says_how_surprising_and_what_is_next(folder):
    texts = ["The", "x", "猫 😀", "word " * 1000]
    result = call(RECIPE, "predict", "--json", "--run", folder, *texts)
    assert result.exit_code == 0, result.output
    answers = [json.loads(line) for line in result.stdout.splitlines()]
    assert [answer["input"] for answer in answers] == [text.strip() for text in texts]
    for answer in answers:
        assert answer["perplexity"] == pytest.approx(np.exp(answer["cross_entropy"]))
        assert answer["next"] == max(answer["likely"], key=answer["likely"].get)
        assert len(answer["likely"]) == 5 and 0 < sum(answer["likely"].values()) <= 1
    assert "is empty" in refused(RECIPE, "predict", "--run", folder, " ")


def test_inspect_writes_a_page(folder):
    text = 'He <said> "A\n\nB" twice'
    result = call(RECIPE, "inspect", "--run", folder, text, "--unit", 1, 3)
    assert result.exit_code == 0, result.output
    page = (folder / "inspect.html").read_text()
    assert "tokens of the validation split of sample" in page and "inside quotation marks" in page
    assert "Layer 1, unit 3: as asked for" in page and "Forget gate" in page
    assert "&lt;" in page and "<said>" not in page
    line = refused(RECIPE, "inspect", "--run", folder, text, "--unit", 1, 9)
    assert "1 layers of 8 units" in line


# Data sets and texts of one's own


class OnePlay(tfds.core.GeneratorBasedBuilder):
    """A text for each split, as tiny_shakespeare has them; and two to test on."""

    VERSION = tfds.core.Version("1.0.0")

    def _info(self):
        features = tfds.features.FeaturesDict({"text": tfds.features.Text()})
        return self.dataset_info_from_configs(features=features)

    def _split_generators(self, dl_manager):
        return {
            "train": self._generate_examples("First Citizen:\nBefore we proceed. ", 90),
            "validation": self._generate_examples("GREMIO:\nGood morrow. ", 5),
            "test": self._generate_examples("rance ta'en? \n", 5, texts=2),
        }

    def _generate_examples(self, text, times, texts=1):
        for i in range(texts):
            yield i, {"text": text * times}


def test_a_public_data_set(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    OnePlay(data_dir="data").download_and_prepare()
    arguments = ["--dataset", "one_play", "--data-dir", "data", "--units", 8, "--layers", 1]
    result = call(RECIPE, "train", *arguments, "--limit", 300, "--epochs", 1, "--run", "run")
    assert result.exit_code == 0, result.output
    for limit, examples in ((120, 120), (9999, 2 * 70 + 2)):
        options = ["--run", "run", "--data-dir", "data", "--limit", limit]
        result = call(RECIPE, "evaluate", *options)
        assert result.exit_code == 0, result.output
        record = json.loads((tmp_path / "run" / "metrics.json").read_text())
        assert (record["dataset"], record["examples"]) == ("one_play", examples)
    strange = set("rance ta'en? \n") - set("First Citizen:\nBefore we proceed. ")
    assert strange == {"'", "a", "?"}
    assert record["unknown"] == 2 * 5 * 4
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert config["dataset"] == {"name": "one_play", "version": "1.0.0"}


LINE = "The quick brown fox jumps over 12 lazy dogs.\n"


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """A run trained on the words of a text file, and the file."""
    folder = tmp_path_factory.mktemp("own")
    file = folder / "text.txt"
    file.write_text(LINE * 60)
    arguments = ["--file", file, "--tokens", "word", "--vocabulary-size", 12, "--units", 8]
    more = ["--layers", 1, "--epochs", 6, "--batch-size", 2, "--timesteps", 16, "--dropout", 0]
    more += ["--learning-rate", 0.02, "--run", folder / "run"]
    result = call(RECIPE, "train", *arguments, *more)
    assert result.exit_code == 0, result.output
    assert "Nothing is learned" not in result.output
    return folder / "run", file


def contents(run):
    return {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}


def measured(run, *arguments):
    result = call(RECIPE, "evaluate", "--run", run, *arguments)
    assert result.exit_code == 0, result.output
    return json.loads((run / "metrics.json").read_text())


def test_a_file_of_ones_own(own):
    run, file = own
    config = json.loads((run / "config.json").read_text())
    assert config["dataset"]["name"] == "text.txt" and len(config["dataset"]["version"]) == 16
    record = measured(run, "--dynamic")
    tokens = data.tokenize(file.read_text()[-135:], "word")
    vocabulary = json.loads((run / "vocabulary.json").read_text())
    assert len(vocabulary) == 12
    assert (record["dataset"], record["split"]) == ("text.txt", "test")
    assert record["examples"] == len(tokens)
    assert record["unknown"] == sum(token not in vocabulary for token in tokens) > 0
    metrics = record["metrics"]
    assert metrics["perplexity"] == pytest.approx(np.exp(metrics["cross_entropy"]))
    assert metrics["cross_entropy"] < np.log(12) / 2, "the text is one sentence, again and again"
    # It goes on as it began, so that what is learned from it serves what follows.
    assert metrics["cross_entropy_dynamic"] < metrics["cross_entropy"]
    assert "\ufffd" not in written(run, "--length", 30, "--temperature", 5).stdout
    (answer,) = call(RECIPE, "predict", "--json", "--run", run, "The quick").stdout.splitlines()
    assert json.loads(answer)["next"] == " brown"


def test_another_file_is_measured_as_a_whole(own, tmp_path):
    run, _ = own
    other = tmp_path / "other.txt"
    other.write_bytes(("\ufeff" + LINE.replace("\n", "\r\n")).encode())
    record = measured(run, "--file", other)
    assert (record["dataset"], record["split"]) == ("other.txt", "test")
    assert record["examples"] == len(data.tokenize(LINE, "word"))
    line = refused(RECIPE, "evaluate", "--run", run, "--file", other, "--split", "train")
    assert "other.txt has no split 'train'" in line


def test_a_file_that_has_changed_or_gone(own):
    run, file = own
    text = "The quick brown fox"
    assert call(RECIPE, "inspect", "--run", run, text).exit_code == 0
    assert "of the validation split of text.txt" in (run / "inspect.html").read_text()
    before = contents(run)
    kept = file.read_text()
    more = ["train", "--resume", "--epochs", 7]
    try:
        file.write_text(kept + "And more.\n")
        for command in (["evaluate"], more):
            assert "text.txt has changed" in refused(RECIPE, *command, "--run", run)
        file.unlink()
        for command in (["evaluate"], more):
            assert "Can't read" in refused(RECIPE, *command, "--run", run)
        assert contents(run) == before
        # Without its data, the folder is still enough to use the network.
        for changed in (None, kept.replace("fox", "cat")):
            if changed:
                file.write_text(changed)
            result = call(RECIPE, "inspect", "--run", run, text)
            assert result.exit_code == 0, result.output
            assert "INPUT, as the validation split" in (run / "inspect.html").read_text()
    finally:
        file.write_text(kept)


@pytest.mark.parametrize(
    "content, words",
    [
        (b"", "has 0 characters of text; it needs 1,000 or more"),
        (b"short", "has 5 characters of text"),
        (b"text\n" * 999 + b"\xff\xff", "line 1000: this is not UTF-8 text. Save it as UTF-8."),
        (b"text\n" * 999 + b"\0", "line 1000: this is not text"),
    ],
    ids=["empty", "short", "latin-1", "binary"],
)
def test_files_that_are_no_text_are_refused(tmp_path, monkeypatch, content, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file.txt").write_bytes(content)
    line = refused(RECIPE, "train", "--file", tmp_path / "file.txt")
    assert "file.txt" in line and words in line
    assert [path.name for path in tmp_path.iterdir()] == ["file.txt"], "no run was begun"


def test_other_wrong_data(own, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    _, file = own
    assert "does not exist" in refused(RECIPE, "train", "--file", tmp_path / "nowhere")
    assert "is a directory" in refused(RECIPE, "train", "--file", tmp_path)
    line = refused(RECIPE, "train", "--file", file, "--dataset", "imdb_reviews")
    assert "exclude each other" in line
    assert "does not fit" in refused(RECIPE, "train", "--dataset", "mnist")
    assert "--tokens" in refused(RECIPE, "train", "--tokens", "syllable")
    assert "--distribute mirrored" in refused(RECIPE, "train", "--distribute", "mirrored")
    assert not list(tmp_path.iterdir())
