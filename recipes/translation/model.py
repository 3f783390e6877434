"""The network: many inputs, many outputs, of another length and in another order."""

import functools

import keras
import numpy as np
from keras import ops

from shared.data.batching import pad
from shared.data.subwords import PADDING, START, STOP
from shared.decoding import Hypothesis, beam_search, compile_step, repeat
from shared.evaluation.prediction import Answering
from shared.layers import (
    AttentionDecoder,
    BahdanauAttention,
    Bidirectional,
    LuongAttention,
    recurrent,
)
from shared.progress import progress

# No translation is longer than this many times its source, and these many subwords more.
LONGEST_RATIO, LONGEST_MORE = 2, 20
ROUNDED_TO = 8  # lengths of sources to be translated: few shapes to compile for


def build_model(
    source_size,
    target_size,
    cell="lstm",
    units=256,
    layers=1,
    attention="multiplicative",
    dropout=0.3,
):
    """Many to many: a sentence, and its translation up to each word -> logits of the next word.

    Inputs `source` `(batch, timesteps)` and `written` `(batch, steps)`, both subword numbers;
    output `(batch, steps, target_size)`. In training `written` is the right translation one step
    late (teacher forcing), so that all steps are computed at once; `translate` goes step by step.

    Args:
        source_size, target_size: number of subwords in either language.
        cell: the name of a recurrent cell, as `shared.layers.recurrent` takes it.
        units: size of the state of each of the encoder's directions, and of the subword vectors;
            the decoder's state is as large as both directions together.
        layers: recurrent layers in the encoder and in the decoder.
        attention: `"none"`, `"additive"` or `"multiplicative"`.
        dropout: share of the features that a training step leaves out.
    """
    source = keras.Input((None,), dtype="int32", name="source")
    written = keras.Input((None,), dtype="int32", name="written")

    encoder = build_encoder(source_size, cell, units, layers, attention, dropout)
    memory, mask, states = encoder(source)

    # One matrix for the vectors that are read and for the scores of the words that are written:
    # O. Press and L. Wolf, "Using the output embedding to improve language models", EACL 2017.
    vectors = keras.layers.ReversibleEmbedding(
        target_size,
        units,
        embeddings_initializer=keras.initializers.RandomNormal(stddev=units**-0.5),
        # About half of a training step is spent on these products; Keras alone would take float32.
        reverse_dtype=keras.config.dtype_policy().compute_dtype,
        name="target_vectors",
    )
    decoder = AttentionDecoder(
        [
            recurrent(
                cell,
                2 * units,
                return_sequences=True,
                return_state=True,
                dropout=0.0 if layer == 0 else dropout,
            )
            for layer in range(layers)
        ],
        {
            "none": NoAttention(),
            "additive": BahdanauAttention(units),
            "multiplicative": LuongAttention(score="scaled"),
        }[attention],
        units,
        name="decoder",
    )
    x = keras.layers.Dropout(dropout)(read_vectors(vectors, written))
    x, _, _ = decoder(x, memory, initial_state=states, memory_mask=mask)
    x = keras.layers.Dropout(dropout)(x)
    logits = keras.layers.Identity(dtype="float32", name="logits")(vectors(x, reverse=True))
    return keras.Model([source, written], logits, name="translation")


def read_vectors(vectors, written):
    """The vectors of subwords, as large as the decoder wants them.

    Vectors that give scores of a moderate size are too small as inputs: with them the network
    learns late or never to look back at the sentence.
    """
    return vectors(written) * vectors.output_dim**0.5


def scores(vectors, x):
    """Logits of all subwords, as exact as can be: the best of them are often close together."""
    return ops.matmul(ops.cast(x, "float32"), ops.transpose(vectors.embeddings))


def build_encoder(source_size, cell, units, layers, attention, dropout):
    """A sentence -> what the decoder can look back at, where words are, and its first states.

    Output: `memory` `(batch, timesteps, 2 * units)`, `mask` `(batch, timesteps)`, and for each
    layer a list of the parts of its last state, each `(batch, 2 * units)`. Without attention the
    memory has one timestep: the vector that the whole sentence became.
    """
    source = keras.Input((None,), dtype="int32")
    mask = ops.not_equal(source, PADDING)
    unit_variance = keras.initializers.RandomNormal(stddev=1.0)
    x = keras.layers.Embedding(source_size, units, unit_variance)(source)
    states = []
    for _ in range(layers):
        x = keras.layers.Dropout(dropout)(x)
        both = Bidirectional(recurrent(cell, units, return_sequences=True, return_state=True))
        x, *last = both(x, mask=mask)
        forward, backward = last[: len(last) // 2], last[len(last) // 2 :]
        states.append(
            [ops.concatenate(parts, axis=-1) for parts in zip(forward, backward, strict=True)]
        )
    if attention == "none":
        x, mask = states[-1][0][:, None, :], mask[:, :1]
    return keras.Model(source, [x, mask, states], name="encoder")


@keras.saving.register_keras_serializable(package=__package__)
class NoAttention(keras.layers.Layer):
    """What takes the place of attention over a memory of one timestep: that one, at every step."""

    def build(self, query_shape, memory_shape):
        """There is nothing to learn."""

    def call(self, query, memory, memory_mask=None):
        weights = ops.ones_like(query[:, :, :1])
        return weights * memory, weights


def translate(network, sources, beam_width, batch_size=64):
    """What `translator` writes for each sentence."""
    return translator(network, beam_width, batch_size)(sources)


def translator(network, beam_width, batch_size=64):
    """A function that translates freely: each word follows those written before.

    Args:
        network: as from `build_model`.
        beam_width: hypotheses that are followed side by side.
        batch_size: sentences at once; a batch holds sentences of like length.

    Returns:
        Function from a list of lists of subword numbers, each with the stop at its end, to the
        `Hypothesis` of highest score for each. An empty sentence gives an empty one.
    """
    step, encoder = step_function(network), Answering(network.get_layer("encoder"))

    def write(sources):
        found = [Hypothesis(np.empty(0, "int32"), 0.0, 0.0, True)] * len(sources)
        something = np.flatnonzero([len(ids) > 1 for ids in sources])  # more than the stop
        with progress(total=len(something), doing="translating", unit="sentence") as bar:
            for timesteps, places in _of_like_length(sources, something, batch_size):
                read = pad([sources[i] for i in places], ROUNDED_TO)
                memory, mask, states = encode(encoder, read)
                memory, mask = repeat((memory, mask), beam_width)
                hypotheses = beam_search(
                    functools.partial(step, memory=memory, mask=mask),
                    [[START]] * len(places),
                    states,
                    LONGEST_RATIO * timesteps + LONGEST_MORE,
                    beam_width,
                    alpha=1.0,
                    stop_token=STOP,
                )
                for i, (best,) in zip(places, hypotheses, strict=True):
                    found[i] = best
                bar.update(len(places))
        return found

    return write


def _of_like_length(sequences, places, batch_size):
    """Batches of the places whose sequences are padded to one length: (that length, places)."""
    lengths = np.array([-(-len(sequences[i]) // ROUNDED_TO) * ROUNDED_TO for i in places])
    for length in np.unique(lengths):
        alike = places[lengths == length]
        for begin in range(0, len(alike), batch_size):
            yield int(length), alike[begin : begin + batch_size]


def encode(encoder, source):
    """What `build_encoder` gives for a batch `(batch, timesteps)`, as tensors on the device."""
    encoded = encoder.predict_on_batch(source)
    return keras.tree.map_structure(ops.convert_to_tensor, encoded)


def step_function(network):
    """What `shared.decoding` writes with: (tokens, states, ...) -> (logits of the next, states)."""
    decoder, vectors = network.get_layer("decoder"), network.get_layer("target_vectors")

    def step(tokens, states, memory, mask):
        vector, _, states = decoder.step(read_vectors(vectors, tokens), states, memory, mask)
        return scores(vectors, vector), states

    return compile_step(step, network)


def attend(network, source, target):
    """Where in one sentence the decoder looked when it wrote each word of its translation.

    Args:
        network: as from `build_model`, with attention.
        source, target: lists of subword numbers.

    Returns:
        Array `(len(target), len(source))` of weights; each row adds up to one.
    """
    return explain(network, source, target)[0]


def explain(network, source, target):
    """How one sentence became its translation.

    Args:
        network: as from `build_model`.
        source, target: lists of subword numbers.

    Returns:
        weights: array `(len(target), len(source))`, as from `attend`; `(len(target), 1)` where
            there is no attention.
        probabilities: array `(len(target),)`: how likely each subword was after those before it.
        decoder, encoder: what `trace` tells of the first layer of either, of the encoder reading
            forward: states and gates by name, `(timesteps, units)`.
    """
    encoder, decoder = network.get_layer("encoder"), network.get_layer("decoder")
    vectors = network.get_layer("target_vectors")
    memory, mask, states = encode(encoder, pad([source]))
    written = read_vectors(vectors, pad([[START, *target[:-1]]]))
    x, weights, _ = decoder(written, memory, initial_state=states, memory_mask=mask)
    likely = ops.convert_to_numpy(ops.softmax(scores(vectors, x)))[0]
    probabilities = likely[np.arange(len(target)), target]

    (embedding, *_) = (x for x in encoder.layers if isinstance(x, keras.layers.Embedding))
    (both, *_) = (x for x in encoder.layers if isinstance(x, Bidirectional))
    traced = (
        decoder.layers[0].trace(written, initial_state=states[0]),
        both.forward_layer.trace(embedding(pad([source]))),
    )
    inside = ({name: values[0] for name, values in each.items()} for each in traced)
    return ops.convert_to_numpy(weights)[0], probabilities, *inside
