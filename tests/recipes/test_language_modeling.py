"""The language model: a text read in pieces as if in one, scored once, and written again."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest

from recipes.language_modeling import data, model, units
from shared.cli import CELLS

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


@pytest.mark.parametrize("cell", CELLS)
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


def test_a_training_step_leaves_out_the_same_outputs_at_all_timesteps():
    network = small_network(layers=1, dropout=0.5)
    shown = keras.Model(network.inputs, network.get_layer("logits").input)
    outputs = shown(IDS[:99].reshape(3, 33), training=True)
    dropped = keras.ops.convert_to_numpy(outputs) == 0
    np.testing.assert_array_equal(dropped, np.repeat(dropped[:, :1], 33, axis=1))
    assert 0 < dropped.mean() < 1
    assert len({tuple(row) for row in dropped[:, 0]}) > 1, "rows have choices of their own"


@pytest.mark.parametrize("cell", CELLS)
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


def test_what_is_learned_while_reading_serves_what_comes_after():
    trained = small_network(dropout=0.5)
    reader = model.with_states(trained)
    text = np.tile(IDS[:50], 40)
    surprise, _ = model.score(reader, text)
    copy = model.of_one_row(trained, 12, "lstm", 6, 2)
    batches = data.windows(*data.before_and_after(text), 1, 25)
    dynamic = model.score_while_learning(copy, batches, learning_rate=0.01)
    assert dynamic.shape == surprise.shape
    # A window is scored before it is learned from.
    assert dynamic[0] == pytest.approx(surprise[:25].mean(), abs=1e-5)
    assert abs(dynamic[25] - surprise[25:50].mean()) > 1e-3
    assert dynamic[1000:].mean() < surprise[1000:].mean() - 0.3, "the text repeats itself"
    again, _ = model.score(reader, text)
    np.testing.assert_array_equal(again, surprise, "the trained network stays as it was")


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
