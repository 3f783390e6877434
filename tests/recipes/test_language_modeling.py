"""The language model: a text read in pieces as if in one, scored once, and written again."""

import json
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow_datasets as tfds

from recipes.language_modeling import __main__ as commands
from recipes.language_modeling import data, model, units
from shared.decoding import sample
from tests.recipes.test_commands import call, refused

RECIPE = "language_modeling"
IDS = np.random.default_rng(1).integers(2, 12, 100).astype("int32")


def small_network(streams=3, **arguments):
    keras.utils.set_random_seed(1)
    return model.build_model(12, streams, **{"units": 6, "layers": 2, **arguments})


def whole(reader, ids):
    """The logits of one row, read in a single call."""
    return reader.predict_on_batch([ids[None], *model.no_memory(reader)])[0][0]


# Batches


@pytest.mark.parametrize("streams, timesteps", [(1, 7), (3, 10), (7, 100), (100, 1)])
def test_batches_go_on_where_the_one_before_ended(streams, timesteps):
    inputs, targets = data.before_and_after(IDS)
    batches = list(data.windows(inputs, targets, streams, timesteps).as_numpy_iterator())
    length = len(IDS) // streams
    for side, expected in enumerate((inputs, targets)):
        rows = np.concatenate([batch[side] for batch in batches], axis=1)
        np.testing.assert_array_equal(rows.ravel(), expected[: streams * length])
    widths = {batch[0].shape[1] for batch in batches}
    assert max(widths) <= timesteps and max(widths) - min(widths) <= 1


def test_an_epoch_reads_the_whole_text_begun_at_a_place_of_its_own(tmp_path):
    text = "".join(chr(ord("a") + i) for i in IDS) * 20
    (tmp_path / "text").write_text(text)
    source = data.find(None, str(tmp_path / "text"))
    options = SimpleNamespace(limit=None, tokens="character", batch_size=1, timesteps=50, seed=1)
    batches, validation, vocabulary, streams = data.load(source, options)
    train = data.to_ids(text[:1800], vocabulary)
    ring = np.append(data.START, train)

    def epoch(number):
        inputs, targets = zip(*batches(number).as_numpy_iterator(), strict=True)
        return np.concatenate(inputs, axis=1)[0], np.concatenate(targets, axis=1)[0]

    turns = []
    for number in range(4):
        inputs, targets = epoch(number)
        np.testing.assert_array_equal(inputs[1:], targets[:-1])
        (begin,) = np.flatnonzero(np.append(inputs, targets[-1]) == data.START)
        np.testing.assert_array_equal(np.roll(ring, begin), np.append(inputs, targets[-1]))
        turns.append(begin)
    assert len(set(turns)) == 4, "every epoch begins elsewhere"
    np.testing.assert_array_equal(epoch(2), epoch(2))
    held_out = np.concatenate([targets[0] for _, targets in validation.as_numpy_iterator()])
    assert "".join(vocabulary[i] for i in held_out) == text[1800:1900]
    assert streams == 1


@pytest.mark.parametrize("kind", ["character", "word"])
@pytest.mark.parametrize(
    "text",
    ["", "It's 5 o'clock,\n\n  isn't it?\t(No!) ", "Ärger: 100%…\r\n这部 😀\u00a0x", "''a'' _b"],
)
def test_tokens_joined_are_the_text(kind, text):
    assert "".join(data.tokenize(text, kind)) == text


def test_words_are_words():
    assert data.tokenize("Don't go, sir!\nAy.", "word") == [
        *("Don't", " go", ",", " sir", "!", "\n", "Ay", "."),
    ]


def test_vocabulary_is_ordered_by_frequency_and_leaves_the_rare_out():
    tokens = list("aabbbccd" + 4 * "\ufffd")
    assert data.learn_vocabulary(tokens) == ["", "\ufffd", "b", "a", "c", "d"]
    vocabulary = data.learn_vocabulary(tokens, 5)
    assert data.to_ids(["d", "c", "b", "\ufffd", "x"], vocabulary).tolist() == [1, 4, 2, 1, 1]


# States


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_carried_state_equals_one_long_pass(cell):
    network = small_network(cell=cell)
    reader = model.with_states(network)
    inputs, targets = data.before_and_after(IDS)
    batches = list(data.windows(inputs, targets, 3, 7).as_numpy_iterator())
    forget = model.ForgetBetweenTexts()
    forget.set_model(network)

    def in_pieces():
        return np.concatenate([network.predict_on_batch(x) for x, _ in batches], axis=1)

    forget.on_epoch_begin(0)
    carried = in_pieces()
    for row, expected in zip(inputs[:99].reshape(3, 33), carried, strict=True):
        np.testing.assert_allclose(expected, whole(reader, row), atol=1e-5)
    # What is left of the text that was read matters, until it is forgotten.
    assert abs(in_pieces() - carried).max() > 1e-3
    forget.on_epoch_begin(1)
    np.testing.assert_array_equal(in_pieces(), carried)


def test_training_and_validation_each_begin_without_memory():
    network = small_network(layers=1, dropout=0.0)
    network.compile(
        keras.optimizers.SGD(0.0), keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    )
    inputs, targets = data.before_and_after(IDS)
    training = data.windows(inputs, targets, 3, 11)
    validation = data.windows(inputs[50:], targets[50:], 3, 8)
    history = network.fit(
        training,
        validation_data=validation,
        epochs=2,
        shuffle=False,
        verbose=0,
        callbacks=[model.ForgetBetweenTexts()],
    ).history
    reader = model.with_states(network)
    for name, first, length in (("loss", 0, 33), ("val_loss", 50, 16)):
        expected = []
        for row in range(3):
            here = slice(first + row * length, first + (row + 1) * length)
            logits = whole(reader, inputs[here])
            log_probabilities = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
            expected.append(-log_probabilities[np.arange(length), targets[here]])
        # Nothing is learned, so a pass that begins without memory repeats the one before.
        np.testing.assert_allclose(history[name], np.mean(expected), atol=1e-5)


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_one_step_changes_every_weight(cell):
    network = small_network(cell=cell, dropout=0.0)
    network.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    before = [variable.numpy() for variable in network.trainable_variables]
    network.train_on_batch(*(side[:99].reshape(3, 33) for side in data.before_and_after(IDS)))
    for variable, old in zip(network.trainable_variables, before, strict=True):
        assert (old != variable.numpy()).any(), variable.path


# Scoring


def test_every_token_is_scored_once_given_all_before_it(monkeypatch):
    reader = model.with_states(small_network(layers=1))
    logits = whole(reader, np.append(data.START, IDS)).astype("float64")
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    for chunk in (1000, 101, 100, 7, 1):
        monkeypatch.setattr(model, "CHUNK", chunk)
        surprise, after = model.score(reader, IDS)
        assert surprise.shape == IDS.shape
        expected = -np.log(probabilities[np.arange(len(IDS)), IDS])
        np.testing.assert_allclose(surprise, expected, atol=1e-5)
        np.testing.assert_allclose(after, probabilities[-1], atol=1e-6)


def test_steps_say_what_one_pass_says_and_never_write_what_is_no_text():
    reader = model.with_states(small_network())
    expected = whole(reader, IDS[:20])
    step, states = model.step_function(reader), model.no_memory(reader, rows=2)
    for place, token in enumerate(IDS[:20]):
        logits, states = step(np.array([token, 3], "int32"), states)
        logits = np.asarray(logits)
        assert np.isneginf(logits[:, [data.START, data.UNKNOWN]]).all()
        np.testing.assert_allclose(logits[0, 2:], expected[place, 2:], atol=1e-5)


def test_hidden_states_are_those_after_each_token():
    network = small_network()
    reader = model.with_states(network)
    hidden = model.explain(reader, IDS[:20])
    assert hidden.shape == (20, 2, 6)
    _, h1, _, h2, _ = reader.predict_on_batch(
        [np.append(data.START, IDS[:9])[None], *model.no_memory(reader)]
    )
    np.testing.assert_allclose(hidden[8], [h1[0], h2[0]], atol=1e-6)
    gates = model.gates(reader, IDS[:20])
    np.testing.assert_allclose(gates["hidden_state"], hidden[:, 0], atol=1e-5)
    assert {"input_gate", "forget_gate", "output_gate"} < set(gates)


# Units


def test_properties_of_a_text():
    found = units.properties(list('a "Bc"\nd'))
    assert found["inside quotation marks"].tolist() == [0, 0, 1, 1, 1, 0, 0, 0]
    assert found["capital letter"].tolist() == [0, 0, 0, 1, 0, 0, 0, 0]
    assert found["position in the line"].tolist() == [1, 2, 3, 4, 5, 6, 0, 1]
    forgotten = units.properties(list('"a\nb\n\nc'))["inside quotation marks"]
    assert forgotten.tolist() == [1, 1, 1, 1, 1, 0, 0], "a mark is open until the paragraph ends"
    curved = units.properties([" “Oh", " no", "”"])["inside quotation marks"]
    assert curved.tolist() == [1, 1, 0]


def test_the_unit_that_tells_is_found_and_chance_is_not_taken_for_it():
    tokens = list('He said "Yes" and\nshe said "No" or\nmaybe not.\n' * 60)
    truth = units.properties(tokens)["inside quotation marks"]
    draw = np.random.default_rng(1)
    hidden = draw.normal(size=(len(tokens), 2, 40))
    hidden[:, 1, 6] -= 9 * truth  # negative there: it tells as well as a positive one
    found = units.find_units(hidden, tokens)
    (layer, unit, score), *others = found["inside quotation marks"]
    assert (layer, unit) == (2, 7) and score > 0.99
    assert len(others) == 4 and max(abs(score) for _, _, score in others) < 0.15
    by_chance = [score for *unit, score in found["position in the line"] if unit != [2, 7]]
    assert len(by_chance) >= 4 and max(map(abs, by_chance)) < 0.15


def test_no_unit_is_named_for_what_does_not_occur():
    hidden = np.random.default_rng(1).normal(size=(60, 1, 4))
    found = units.find_units(hidden, list("no such marks. " * 4))
    assert found["inside quotation marks"] == found["capital letter"] == []
    assert len(found["position in the line"]) == 4
    for length in (0, 1, 2):
        assert not any(units.find_units(hidden[:length], ["a"] * length).values())


def test_scores_against_their_definitions():
    draw = np.random.default_rng(1)
    hidden, truth = draw.integers(0, 4, (50, 3)).astype(float), draw.random(50) < 0.3
    for unit, score in enumerate(units.score(hidden, truth)):
        pairs = hidden[truth, unit][:, None] - hidden[~truth, unit]
        area = (pairs > 0).mean() + (pairs == 0).mean() / 2
        assert score == pytest.approx(2 * area - 1)
    numbers = draw.integers(0, 30, 50)
    expected = [np.corrcoef(column, numbers)[0, 1] for column in hidden.T]
    np.testing.assert_allclose(units.score(hidden, numbers), expected)


# Commands


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
    vocabulary = data.load_vocabulary(run)
    reader = model.with_states(run.load_model())
    prompt = np.append(data.START, data.to_ids("The ", vocabulary))
    for more in ({"top_k": 5}, {"top_p": 0.5}, {"temperature": 0}):
        options = {"temperature": 0.8, "seed": 3, **more}
        step, states = model.step_function(reader), model.no_memory(reader)
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


def test_a_prompt_of_a_million_characters_is_answered(folder, monkeypatch):
    monkeypatch.setattr(commands, "PROMPT_READ", 1000)
    read = []
    pieces = model.read
    monkeypatch.setattr(
        model, "read", lambda reader, ids: (read.append(len(ids)), pieces(reader, ids))[1]
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
    assert "Layer 1, unit 3: as asked for" in page and "forget gate" in page
    assert "&lt;" in page and "<said>" not in page
    line = refused(RECIPE, "inspect", "--run", folder, text, "--unit", 1, 9)
    assert "1 layers of 8 units" in line


# Data sets and files


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


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text("The quick brown fox jumps over 12 lazy dogs.\n" * 60)
    return path


def test_a_file_of_words(file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arguments = ["--file", file, "--tokens", "word", "--vocabulary-size", 12, "--units", 8]
    more = ["--layers", 1, "--epochs", 1, "--batch-size", 2, "--run", "run"]
    result = call(RECIPE, "train", *arguments, *more)
    assert result.exit_code == 0, result.output
    result = call(RECIPE, "evaluate", "--run", "run")
    assert result.exit_code == 0, result.output
    record = json.loads((tmp_path / "run" / "metrics.json").read_text())
    tokens = data.tokenize(file.read_text()[-135:], "word")
    vocabulary = json.loads((tmp_path / "run" / "vocabulary.json").read_text())
    assert len(vocabulary) == 12
    assert record["examples"] == len(tokens)
    assert record["unknown"] == sum(token not in vocabulary for token in tokens) > 0
    metrics = record["metrics"]
    assert metrics["perplexity"] == pytest.approx(np.exp(metrics["cross_entropy"]))
    assert "\ufffd" not in written("run", "--length", 30, "--temperature", 5).stdout

    file.write_text(file.read_text() + "And more.\n")
    assert "has changed" in refused(RECIPE, "evaluate", "--run", "run")
    assert "has changed" in refused(RECIPE, "train", "--resume", "--run", "run")
    file.unlink()
    assert "Can't read" in refused(RECIPE, "evaluate", "--run", "run")
    # Without its data, the folder is still enough to use the network.
    result = call(RECIPE, "inspect", "--run", "run", "The quick brown fox")
    assert result.exit_code == 0, result.output
    assert "INPUT, as the validation split" in (tmp_path / "run" / "inspect.html").read_text()


@pytest.mark.parametrize(
    "content, words",
    [(b"", "has 0 characters"), (b"short", "has 5 characters"), (b"\xff\xfe\x00" * 999, "UTF-8")],
    ids=["empty", "short", "binary"],
)
def test_files_that_are_no_text_are_refused(tmp_path, content, words):
    (tmp_path / "file").write_bytes(content)
    assert words in refused(RECIPE, "train", "--file", tmp_path / "file")


def test_other_wrong_data(tmp_path, file):
    assert "Can't read" in refused(RECIPE, "train", "--file", tmp_path / "nowhere")
    assert "Can't read" in refused(RECIPE, "train", "--file", tmp_path)
    assert "not both" in refused(RECIPE, "train", "--file", file, "--dataset", "sample")
    assert "does not fit" in refused(RECIPE, "train", "--dataset", "mnist")
    assert "--tokens" in refused(RECIPE, "train", "--tokens", "syllable")
    assert not list(tmp_path.glob("runs"))


def test_damaged_vocabulary(folder):
    path = folder / "vocabulary.json"
    whole = path.read_text()
    try:
        for damage in ("", "{}", '["a", "a", "b"]', "[1, 2, 3]"):
            path.write_text(damage)
            assert "vocabulary.json is damaged" in refused(RECIPE, "predict", "--run", folder, "x")
    finally:
        path.write_text(whole)
