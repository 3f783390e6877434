"""The network: a text read in pieces as if in one, scored once, and written again."""

import keras
import numpy as np
import pytest

from recipes.language_modeling import data, model
from shared.cli import CELLS
from shared.data.windows import windows
from shared.evaluation.reading import no_memory, score

# A text of 100 tokens, and what stands before it.
IDS = np.append(data.START, np.random.default_rng(1).integers(2, 12, 100)).astype("int32")


def small_network(**arguments):
    keras.utils.set_random_seed(1)
    arguments = {"vocabulary_size": 12, "streams": 3, "units": 6, "layers": 2, **arguments}
    return model.build_model(**arguments)


def whole(reader, ids):
    """The logits of one row, read in a single call."""
    return reader.predict_on_batch([ids[None], *no_memory(reader)])[0][0]


# States


@pytest.mark.parametrize("cell", CELLS)
def test_carried_state_equals_one_long_pass(cell):
    network = small_network(cell=cell)
    reader = model.with_states(network)
    batches = list(windows(IDS, 3, 7).as_numpy_iterator())
    forget = model.ForgetBetweenTexts()
    forget.set_model(network)

    def in_pieces():
        return np.concatenate([network.predict_on_batch(x) for x, _ in batches], axis=1)

    forget.on_epoch_begin(0)
    carried = in_pieces()
    for row, expected in zip(IDS[:99].reshape(3, 33), carried, strict=True):
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
    training, validation = windows(IDS, 3, 11), windows(IDS[50:], 3, 8)
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
            begin = first + row * length
            logits = whole(reader, IDS[begin : begin + length])
            said = IDS[1 + begin : 1 + begin + length]
            log_probabilities = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
            expected.append(-log_probabilities[np.arange(length), said])
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
    network.train_on_batch(*(side.reshape(3, 33) for side in (IDS[:99], IDS[1:100])))
    for variable, old in zip(network.trainable_variables, before, strict=True):
        assert (old != variable.numpy()).any(), variable.path


# What it is asked for


def test_what_is_learned_while_reading_serves_what_comes_after():
    trained = small_network(dropout=0.5)
    reader = model.with_states(trained)
    text = np.append(data.START, np.tile(IDS[1:51], 40)).astype("int32")
    surprise, _ = score(reader, text)
    copy = model.of_one_row(trained, "lstm")
    dynamic = model.score_while_learning(copy, windows(text, 1, 25), learning_rate=0.01)
    assert dynamic.shape == surprise.shape
    # A window is scored before it is learned from.
    assert dynamic[0] == pytest.approx(surprise[:25].mean(), abs=1e-5)
    assert abs(dynamic[25] - surprise[25:50].mean()) > 1e-3
    assert dynamic[1000:].mean() < surprise[1000:].mean() - 0.3, "the text repeats itself"
    again, _ = score(reader, text)
    np.testing.assert_array_equal(again, surprise, "the trained network stays as it was")


def test_steps_say_what_one_pass_says_and_never_write_what_is_no_text():
    reader = model.with_states(small_network())
    expected = whole(reader, IDS[:20])
    step, states = model.step_function(reader), no_memory(reader, rows=2)
    for place, token in enumerate(IDS[:20]):
        logits, states = step(np.array([token, 3], "int32"), states)
        logits = np.asarray(logits)
        assert np.isneginf(logits[:, [data.START, data.UNKNOWN]]).all()
        np.testing.assert_allclose(logits[0, 2:], expected[place, 2:], atol=1e-5)


def test_hidden_states_are_those_after_each_token():
    network = small_network()
    reader = model.with_states(network)
    hidden = model.explain(reader, IDS[:21])
    assert hidden.shape == (20, 2, 6)
    _, h1, _, h2, _ = reader.predict_on_batch([IDS[None, :10], *no_memory(reader)])
    np.testing.assert_allclose(hidden[8], [h1[0], h2[0]], atol=1e-6)
    gates = model.gates(reader, IDS[:21])
    np.testing.assert_allclose(gates["hidden_state"], hidden[:, 0], atol=1e-5)
    assert {"input_gate", "forget_gate", "output_gate"} < set(gates)


def test_a_long_text_is_read_in_pieces_as_if_in_one(monkeypatch):
    """Exactly where all that stands before a piece is read again, and nearly where not."""
    reader = model.with_states(small_network())
    whole_text = model.explain(reader, IDS)
    assert whole_text.shape == (100, 2, 6)
    for pieces in (2, 3, 7, 1000):
        np.testing.assert_allclose(model.explain(reader, IDS, pieces), whole_text, atol=1e-5)
    monkeypatch.setattr(model, "WARM_UP", 30)
    found = model.explain(reader, IDS, 3)
    np.testing.assert_allclose(found[:33], whole_text[:33], atol=1e-5)
    assert abs(found - whole_text).max() < 1e-3
    monkeypatch.setattr(model, "WARM_UP", 0)
    assert abs(model.explain(reader, IDS, 3) - whole_text).max() > 5e-3, "memory counts"
