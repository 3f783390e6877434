"""The network: a token in, the next one out, at every step; and then it writes."""

import keras
import numpy as np
from keras import ops

from shared.data.examples import untuned
from shared.decoding import compile_step
from shared.evaluation.reading import no_memory
from shared.layers import CarriedState, recurrent
from shared.progress import progress

from .data import START, UNKNOWN

WARM_UP = 500  # tokens that bring the states near to those of a text read from its beginning


def build_model(vocabulary_size, streams, cell="lstm", units=512, layers=2, dropout=0.4):
    """Next token: `(streams, timesteps)` ids -> `(streams, timesteps, vocabulary_size)` logits.

    Row i of a batch goes on with the state in which row i of the batch before ended. Gradients
    stop at the edge of the batch (truncated back-propagation through time), the memory doesn't.

    Args:
        vocabulary_size: number of token ids.
        streams: rows of every batch.
        cell: the name of a recurrent cell, as `shared.layers.recurrent` takes it.
        units: size of the state of each layer.
        layers: recurrent layers, one above the other.
        dropout: share of each layer's outputs that a training step leaves out, the same ones at
            all timesteps of a window (Gal and Ghahramani 2016), on the way up but not on the way
            to the next step (Zaremba et al. 2014).
    """
    tokens = keras.Input(batch_shape=(streams, None), dtype="int32", name="tokens")
    # A vector of as many numbers as there are tokens can tell all of them apart.
    x = keras.layers.Embedding(vocabulary_size, min(units, vocabulary_size), name="vectors")(tokens)
    for _ in range(layers):
        x = CarriedState(recurrent(cell, units, return_sequences=True, return_state=True))(x)
        x = keras.layers.SpatialDropout1D(dropout)(x)
    logits = keras.layers.Dense(vocabulary_size, dtype="float32", name="logits")(x)
    return keras.Model(tokens, logits, name="language_modeling")


class ForgetBetweenTexts(keras.callbacks.Callback):
    """Begin every pass over a text, in training and in validation, without any memory."""

    def on_epoch_begin(self, epoch, logs=None):
        self._forget()

    def on_test_begin(self, logs=None):
        self._forget()

    def _forget(self):
        for layer in self.model.layers:
            if isinstance(layer, CarriedState):
                layer.forget()


def with_states(network):
    """The trained network for any number of rows, with the states in the caller's hands.

    Args:
        network: as from `build_model`.

    Returns:
        A Keras model `[tokens (rows, timesteps), *states] -> [logits (rows, timesteps,
        vocabulary_size), *states]`, each state `(rows, units)`, of the same layers.
    """
    tokens = keras.Input((None,), dtype="int32", name="tokens")
    x = network.get_layer("vectors")(tokens)
    before, after = [], []
    for carried in network.layers:
        if isinstance(carried, CarriedState):
            own = [keras.Input((state.shape[-1],)) for state in carried.states]
            x, *states = carried.layer(x, initial_state=own)
            before += own
            after += states
    logits = network.get_layer("logits")(x)
    return keras.Model([tokens, *before], [logits, *after], name="with_states")


def score_while_learning(network, batches, learning_rate):
    """How well a network predicts a text while its weights go on learning from what it has read.

    Each window is scored first and then learned from, in one training step (dynamic evaluation,
    Mikolov et al. 2010, Krause et al. 2018). So every token is predicted by weights that have seen
    the tokens before its window and nothing of what follows, but that change from window to window.

    Args:
        network: as from `build_model` with `streams=1` and without dropout; it is changed.
        batches: the windows of one text, from `shared.data.windows` with `streams=1`.
        learning_rate: of Adam.

    Returns:
        surprise: float64 array `(length,)`, for each token the mean of -log p over its window.
    """
    network.compile(
        keras.optimizers.Adam(learning_rate, clipnorm=1.0),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    network.optimizer.build(network.trainable_variables)  # or the first step is traced twice
    surprise = []
    for inputs, targets in progress(untuned(batches), doing="scoring", unit="window"):
        loss = network.train_on_batch(inputs, targets)  # as it was before the step
        surprise += targets.shape[1] * [float(loss)]
    return np.array(surprise)


def of_one_row(network, cell):
    """A copy of the trained network, from `build_model`, for a single text at a time."""
    carried = [layer for layer in network.layers if isinstance(layer, CarriedState)]
    copy = build_model(
        vocabulary_size=network.output_shape[-1],
        streams=1,
        cell=cell,
        units=carried[0].layer.units,
        layers=len(carried),
        dropout=0.0,
    )
    for variable, trained in zip(
        copy.trainable_variables, network.trainable_variables, strict=True
    ):
        variable.assign(trained)
    return copy


def step_function(reader):
    """What `shared.decoding` writes with: (tokens, states) -> (logits of the next token, states).

    The two ids that stand for no text are never written.
    """
    possible = np.zeros(reader.outputs[0].shape[-1], "float32")
    possible[[START, UNKNOWN]] = -np.inf
    vectors, to_logits = reader.get_layer("vectors"), reader.get_layer("logits")
    cells = [layer.cell for layer in _recurrent_layers(reader)]

    def step(tokens, states):
        x, before, after = vectors(tokens), list(states), []
        for cell in cells:  # a single step needs no loop around the cell
            x, states = cell(x, [before.pop(0) for _ in np.atleast_1d(cell.state_size)])
            after += states
        return to_logits(x) + possible, after

    return compile_step(step, reader)


def explain(reader, ids, pieces=1):
    """What happens inside while a text is read.

    Args:
        reader: as from `with_states`.
        ids: int32 array `(1 + length,)`, as from `data.to_ids`.
        pieces: a long text is read in a fraction of the time in pieces side by side. Each but the
            first begins `WARM_UP` tokens early, without memory of what stands before those.

    Returns:
        float32 array `(length, layers, units)`: the hidden states that have read each token.
    """
    states = keras.Model(reader.inputs, [layer.output[0] for layer in _recurrent_layers(reader)])
    length = len(ids) - 1
    ends = np.linspace(0, length, min(pieces, length) + 1).astype(int)[1:]
    begins = [0, *ends[:-1]]
    # Where each row begins to read; the first one at the token before the text.
    early = [max(0, 1 + begin - WARM_UP) if begin else 0 for begin in begins]
    longest = max(1 + end - start for end, start in zip(ends, early, strict=True))
    rows = [ids[start : start + longest] for start in early]
    rows = np.stack([np.pad(row, (0, longest - len(row)), "edge") for row in rows])
    outputs = states.predict_on_batch([rows, *no_memory(reader, len(rows))])
    # Of one layer, Keras gives the array itself, of several a list.
    outputs = np.stack(keras.tree.flatten(outputs), axis=2)
    parts = zip(outputs, early, begins, ends, strict=True)
    return np.concatenate(
        [row[1 + begin - start : 1 + end - start] for row, start, begin, end in parts]
    )


def gates(reader, ids):
    """What `trace` tells of the first layer: states and gates by name, each `(length, units)`."""
    first = _recurrent_layers(reader)[0]
    vectors = reader.get_layer("vectors")(ops.convert_to_tensor(ids[None]))
    return {name: values[0, 1:] for name, values in first.trace(vectors).items()}


def _recurrent_layers(reader):
    return [layer for layer in reader.layers if isinstance(layer, keras.layers.RNN)]
