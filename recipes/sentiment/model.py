"""The network: many inputs, one output."""

import keras

from shared.layers import MaskedMaxPooling1D, recurrent


def build_model(vocabulary_size, classes=2, cell="lstm", units=64, layers=1, dropout=0.5):
    """Many to one: `(batch, timesteps)` word numbers -> `(batch, classes)` logits.

    Args:
        vocabulary_size: number of word numbers, 0 (padding) included.
        classes: number of labels.
        cell: `"rnn"`, `"lstm"` or `"gru"`.
        units: size of each direction's state, and of the word vectors.
        layers: bidirectional recurrent layers, one above the other.
        dropout: share of the features that a training step leaves out.
    """
    words = keras.Input((None,), dtype="int32", name="words")
    x = keras.layers.Embedding(vocabulary_size, units, mask_zero=True)(words)
    # Whole features of the word vectors, at all timesteps alike (Gal and Ghahramani 2016).
    x = keras.layers.SpatialDropout1D(dropout)(x)
    for _ in range(layers):
        x = keras.layers.Bidirectional(recurrent(cell, units, return_sequences=True))(x)
    # The strongest evidence, wherever in the review it stands.
    x = MaskedMaxPooling1D()(x)
    x = keras.layers.Dropout(dropout)(x)
    logits = keras.layers.Dense(classes, dtype="float32", name="logits")(x)
    return keras.Model(words, logits, name="sentiment")


def with_probabilities(network):
    """The same network with probabilities `(batch, classes)` in place of logits."""
    return keras.Sequential([network, keras.layers.Softmax()])
