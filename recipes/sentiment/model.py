"""The network: many inputs, one output."""

import keras
import numpy as np

from shared.layers import Bidirectional, MaskedMaxPooling1D, recurrent


def build_model(
    vocabulary_size, classes=2, cell="lstm", units=64, layers=1, dropout=0.5, word_dropout=0.25
):
    """Many to one: `(batch, timesteps)` word numbers -> `(batch, classes)` logits.

    Args:
        vocabulary_size: number of word numbers, 0 (padding) included.
        classes: number of labels.
        cell: the name of a recurrent cell, as `shared.layers.recurrent` takes it.
        units: size of each direction's state, and of the word vectors.
        layers: bidirectional recurrent layers, one above the other.
        dropout: share of the features that a training step leaves out.
        word_dropout: share of the words that a training step leaves out.
    """
    words = keras.Input((None,), dtype="int32", name="words")
    x = keras.layers.Embedding(vocabulary_size, units, mask_zero=True, name="vectors")(words)
    # Whole words, so that no single one is relied on (Iyyer et al. 2015); then whole features of
    # the word vectors, at all timesteps alike (Gal and Ghahramani 2016).
    x = keras.layers.Dropout(word_dropout, noise_shape=(None, None, 1))(x)
    x = keras.layers.SpatialDropout1D(dropout)(x)
    for _ in range(layers):
        x = Bidirectional(recurrent(cell, units, return_sequences=True))(x)
    # The strongest evidence, wherever in the review it stands.
    x = MaskedMaxPooling1D()(x)
    x = keras.layers.Dropout(dropout)(x)
    logits = keras.layers.Dense(classes, dtype="float32", name="logits")(x)
    return keras.Model(words, logits, name="sentiment")


def with_probabilities(network):
    """The same network with probabilities `(batch, classes)` in place of logits."""
    return keras.Model(network.input, keras.layers.Softmax()(network.output))


def explain(network, words):
    """Where in one text the answer came from, and what the layer below the maximum did there.

    The logits are a sum over the features of the maximum, and each feature comes from one step.
    So each logit falls apart, exactly, into one share per word (and the bias).

    Args:
        network: as from `build_model`.
        words: int array `(timesteps,)` of word numbers.

    Returns:
        evidence: array `(timesteps, classes)`; its sum over the steps and the bias is the logits.
        inside: what `trace` of the first forward layer tells: hidden state, cell state and each
            gate by name, `(timesteps, units)`.
    """
    recurrent_layers = [layer for layer in network.layers if isinstance(layer, Bidirectional)]
    embedding, logits = network.get_layer("vectors"), network.get_layer("logits")
    batch = keras.ops.convert_to_tensor(words[None])
    states = keras.Model(network.inputs, recurrent_layers[-1].output)(batch)[0]
    states = keras.ops.convert_to_numpy(states)
    kernel = keras.ops.convert_to_numpy(logits.kernel)

    evidence = np.zeros((len(words), kernel.shape[1]))
    features = np.arange(states.shape[1])
    strongest = states.argmax(axis=0)
    np.add.at(evidence, strongest, states[strongest, features, None] * kernel)

    inside = recurrent_layers[0].forward_layer.trace(embedding(batch))
    return evidence, {name: values[0] for name, values in inside.items()}


def shares(network, inside):
    """What each unit of the first forward layer adds to each logit of one text.

    Args:
        network: as from `build_model`.
        inside: as from `explain`.

    Returns:
        Array `(units, classes)`; None where the logits come from a layer above.
    """
    if sum(isinstance(layer, Bidirectional) for layer in network.layers) > 1:
        return None
    strongest = inside["hidden_state"].max(axis=0)
    kernel = keras.ops.convert_to_numpy(network.get_layer("logits").kernel)
    return strongest[:, None] * kernel[: len(strongest)]
