"""Many inputs through a network: in their order, and nothing compiled for a few of them."""

import keras
import numpy as np
import pytest

from shared.evaluation import prediction
from shared.evaluation.prediction import FEW, Answering, predict_sequences
from shared.layers import LSTM, Bidirectional
from shared.layers.loops import xla


class Adding:
    """A network that adds up the token ids of each row, and keeps the shapes it was called with."""

    inputs = ()

    def __init__(self):
        self.shapes = []

    def _flatten_layers(self):
        return []

    def predict_on_batch(self, ids):
        self.shapes.append(ids.shape)
        return ids.sum(axis=1, keepdims=True)


def test_outputs_come_in_the_order_of_the_sequences():
    draw = np.random.default_rng(0)
    lengths = draw.integers(1, 300, 500)
    sequences = [draw.integers(1, 9, length).astype("int32") for length in lengths]
    network = Adding()
    found = predict_sequences(network, sequences, batch_size=16)
    assert found[:, 0].tolist() == [sequence.sum() for sequence in sequences]
    rows, timesteps = np.array(network.shapes).T
    assert (rows * timesteps).sum() < 1.2 * lengths.sum(), "little padding"
    assert len(set(timesteps)) < 24, "of few lengths"


def test_batches_of_all_sizes_have_few_shapes():
    network = Adding()
    answering = Answering(network)
    for rows in range(1, 200):
        ids = np.arange(rows * 3).reshape(rows, 3)
        np.testing.assert_array_equal(answering.predict_on_batch(ids)[:, 0], ids.sum(axis=1))
    assert {rows for rows, _ in network.shapes} == {1, 2, 4, 8, 16, 32, 64, 128, 256}


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="compiled by TensorFlow alone")
def test_nothing_is_compiled_for_a_few_rows(monkeypatch):
    words = keras.Input((None,), dtype="int32")
    x = keras.layers.Embedding(9, 4, mask_zero=True)(words)
    network = keras.Model(words, {"a": [Bidirectional(LSTM(3))(x)], "b": LSTM(2)(x)})
    compiled, run = [], xla.run
    monkeypatch.setattr(xla, "run", lambda *a, **k: compiled.append(1) or run(*a, **k))
    answering = Answering(network)
    ids = np.random.default_rng(0).integers(1, 9, (FEW + 1, 5)).astype("int32")
    ids[::2, 3:] = 0
    for rows in (1, 3):
        few = answering.predict_on_batch(ids[:rows])
    assert not compiled
    many = answering.predict_on_batch(ids)
    assert compiled and len(many["b"]) == FEW + 1
    np.testing.assert_allclose(few["a"][0], many["a"][0][:3], atol=1e-5)
    np.testing.assert_allclose(few["b"], many["b"][:3], atol=1e-5)
    layers = [layer for layer in network.layers if isinstance(layer, prediction.RecurrentLayer)]
    assert [layer.loop for layer in layers] == ["auto"]
