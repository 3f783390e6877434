"""The network: what it computes at once and step by step, and the translations it writes."""

import keras
import numpy as np
import pytest
from keras import ops

from recipes.translation import model
from shared.data.subwords import START, STOP
from shared.training.losses import SmoothedCrossEntropy

SOURCE = np.array([[4, 5, 6, 7, STOP], [8, 9, STOP, 0, 0], [STOP, 0, 0, 0, 0]], "int32")
TARGET = np.array([[5, 6, STOP, 0], [7, STOP, 0, 0], [4, 5, 6, STOP]], "int32")


def small_network(attention="multiplicative", cell="lstm", layers=1, dropout=0.0):
    keras.utils.set_random_seed(1)
    return model.build_model(
        source_size=11,
        target_size=9,
        cell=cell,
        units=6,
        layers=layers,
        attention=attention,
        dropout=dropout,
    )


def late(target):
    """What was written before each step."""
    return np.pad(target[:, :-1], [(0, 0), (1, 0)], constant_values=START)


def batch(source=SOURCE, target=TARGET):
    inputs = {"source": source, "written": late(target)}
    return inputs, target, (target != 0).astype("float32")


def compiled(network, smoothing=0.1):
    network.compile("sgd", SmoothedCrossEntropy(smoothing), weighted_metrics=["accuracy"])
    return network


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


def test_words_are_chosen_by_exact_scores_in_half_precision():
    """Rounded to 8 bits, scores of 16 and more would lie an eighth apart."""
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        network = small_network()
    finally:
        keras.config.set_dtype_policy("float32")
    vectors, x = network.get_layer("target_vectors"), ops.cast(16 * np.ones((1, 6)), "bfloat16")
    assert network.output.dtype == "float32" and vectors(x, reverse=True).dtype == "bfloat16"
    expected = 16 * ops.convert_to_numpy(vectors.embeddings).sum(axis=1)
    np.testing.assert_allclose(model.scores(vectors, x)[0], expected, rtol=1e-5, atol=1e-5)


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
    memory, mask, states = model.encode(network.get_layer("encoder"), SOURCE)
    step, written, logits = model.step_function(network), late(TARGET), []
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
    memory, mask, states = model.encode(small_network("none").get_layer("encoder"), SOURCE)
    assert memory.shape == (3, 1, 12) and ops.convert_to_numpy(mask).all()
    np.testing.assert_array_equal(ops.convert_to_numpy(memory)[:, 0], states[-1][0])


def test_a_sentence_is_translated_alike_alone_and_among_others():
    network = small_network()
    sources = [[4, 5, 6, STOP], [7, STOP], [8, 9, 10, 4, 5, 6, 7, 8, 9, STOP]]
    together = model.translate(network, sources, 3)
    for source, found in zip(sources, together, strict=True):
        (alone,) = model.translate(network, [source], 3, batch_size=1)
        np.testing.assert_array_equal(alone.tokens, found.tokens)
        assert alone.score == pytest.approx(found.score, abs=1e-4)
        assert len(found.tokens) <= 2 * 16 + 20


def test_the_translation_of_nothing_is_nothing():
    found = model.translate(small_network(), [[STOP], [4, 5, STOP], [STOP]], 2)
    for nothing in (found[0], found[2]):
        assert len(nothing.tokens) == 0 and nothing.score == 0
    assert found[1].score < 0


@pytest.mark.parametrize("attention", ["additive", "multiplicative"])
def test_attention_is_that_of_the_translation(attention):
    network = small_network(attention)
    weights = model.attend(network, [4, 5, 6, STOP], [5, 6, STOP])
    assert weights.shape == (3, 4) and (weights > 0).all()
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-5)
    # The weights of the first step make the context of the first step.
    memory, mask, states = model.encode(
        network.get_layer("encoder"), np.array([[4, 5, 6, STOP]], "int32")
    )
    decoder, vectors = network.get_layer("decoder"), network.get_layer("target_vectors")
    first = model.read_vectors(vectors, ops.convert_to_tensor([START]))
    _, expected, _ = decoder.step(first, states, memory, mask)
    np.testing.assert_allclose(weights[:1], ops.convert_to_numpy(expected), atol=1e-5)
