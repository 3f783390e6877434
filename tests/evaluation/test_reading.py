"""A text read in pieces of any length: what each token costs, and the states at its end."""

import keras
import numpy as np
import pytest

from shared.evaluation import reading

IDS = np.append(0, np.random.default_rng(1).integers(2, 12, 100)).astype("int32")


@pytest.fixture(scope="module")
def reader():
    keras.utils.set_random_seed(1)
    tokens, before = keras.Input((None,), dtype="int32"), keras.Input((6,))
    x = keras.layers.Embedding(12, 8)(tokens)
    layer = keras.layers.GRU(6, return_sequences=True, return_state=True)
    x, after = layer(x, initial_state=before)
    return keras.Model([tokens, before], [keras.layers.Dense(12)(x), after])


@pytest.mark.parametrize("chunk", [1000, 101, 100, 7, 1])
def test_every_token_is_scored_once_given_all_before_it(reader, chunk, monkeypatch):
    logits, state = reader.predict_on_batch([IDS[None], *reading.no_memory(reader)])
    logits = logits[0].astype("float64")
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    monkeypatch.setattr(reading, "CHUNK", chunk)
    surprise, after = reading.score(reader, IDS)
    assert surprise.shape == (100,)
    expected = -np.log(probabilities[np.arange(100), IDS[1:]])
    np.testing.assert_allclose(surprise, expected, atol=1e-5)
    np.testing.assert_allclose(after, probabilities[-1], atol=1e-6)
    np.testing.assert_allclose(reading.remember(reader, IDS)[0], state, atol=1e-5)


def test_nothing_read_is_nothing_remembered(reader):
    (state,) = reading.remember(reader, IDS[:0])
    np.testing.assert_array_equal(state, np.zeros((1, 6)))
