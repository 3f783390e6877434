"""The network: one input, many outputs."""

import keras
import numpy as np
from keras import ops

from shared.data.caption_words import PADDING, START, STOP, UNKNOWN
from shared.decoding import beam_search, compile_step, repeat
from shared.layers import AttentionDecoder, BahdanauAttention, LuongAttention, recurrent
from shared.training import pretrained

WIDTH = 24  # channels of the scratch encoder at its first resolution
# How much beam search favours long captions: the exponent of its length normalization, chosen on
# the validation split among 0 to 2 (BLEU-4 14.1 at 0, 14.3 at 0.6, 13.9 at 1, 13.0 at 2).
FAVOUR_LENGTH = 0.6


def build_model(
    vocabulary_size,
    captions,
    steps,
    encoder="scratch",
    features=None,
    cell="lstm",
    units=256,
    layers=1,
    attention="multiplicative",
    dropout=0.3,
):
    """One to many: an image, and its captions up to each word -> logits of the next word.

    Inputs `image` `(batch, height, width, 3)`, values 0 to 255, and `written`
    `(batch, captions, steps)`, word numbers. Outputs `captions`
    `(batch, captions, steps, vocabulary_size)` and `words` `(batch, vocabulary_size)`: logits of
    the next word at each step, and of any word of any caption. In training `written` are the right
    captions one step late (teacher forcing): an image is looked at once for all of its captions,
    and all steps are computed at once. `writer` goes step by step.

    Args:
        vocabulary_size: number of words.
        captions: how many captions of each image a training step takes.
        steps: their length, the stop included.
        encoder: `"scratch"`, or the name of a network of `keras.applications`.
        features: in the place of an encoder, the number of features of grids that are computed
            already, `(batch, rows, columns, features)`; then `grid` is the first input.
        cell: the name of a recurrent cell, as `shared.layers.recurrent` takes it.
        units: size of the decoder's state, of the word vectors, and of the vectors attended to.
        layers: recurrent layers in the decoder.
        attention: `"additive"` or `"multiplicative"`.
        dropout: share of the features that a training step leaves out.
    """
    if features:
        first = grid = keras.Input((None, None, features), name="grid")
    else:
        first = keras.Input((None, None, 3), name="image")
        grid = build_encoder(encoder)(first)
    written = keras.Input((captions, steps), dtype="int32", name="written")
    opening = build_opening(grid.shape[-1], vocabulary_size, cell, units, layers, dropout)
    memory, states, words = opening(grid)

    # One matrix for the vectors that are read and for the scores of the words that are written:
    # O. Press and L. Wolf, "Using the output embedding to improve language models", EACL 2017.
    vectors = keras.layers.ReversibleEmbedding(
        vocabulary_size,
        units,
        embeddings_initializer=keras.initializers.RandomNormal(stddev=units**-0.5),
        # About half of a training step is spent on these products; Keras alone would take float32.
        reverse_dtype=keras.config.dtype_policy().compute_dtype,
        name="vectors",
    )
    decoder = AttentionDecoder(
        [
            recurrent(
                cell,
                units,
                return_sequences=True,
                return_state=True,
                dropout=0.0 if layer == 0 else dropout,
            )
            for layer in range(layers)
        ],
        {"additive": BahdanauAttention(units), "multiplicative": LuongAttention(score="scaled")}[
            attention
        ],
        units,
        name="decoder",
    )
    # Each caption becomes a row of its own, with what is known of its image.
    x = ops.reshape(read_vectors(vectors, written), (-1, steps, units))
    memory, states = keras.tree.map_structure(
        lambda each: ops.repeat(each, captions, axis=0), (memory, states)
    )
    x, _, _ = decoder(keras.layers.Dropout(dropout)(x), memory, initial_state=states)
    x = vectors(keras.layers.Dropout(dropout)(x), reverse=True)
    x = ops.reshape(x, (-1, captions, steps, vocabulary_size))
    outputs = {"captions": keras.layers.Identity(dtype="float32", name="captions")(x)}
    outputs["words"] = keras.layers.Identity(dtype="float32", name="words")(words)
    return keras.Model([first, written], outputs, name="captioning")


def read_vectors(vectors, written):
    """The vectors of words, scaled up for the decoder: words are scored with the small ones."""
    return vectors(written) * vectors.output_dim**0.5


def scores(vectors, x):
    """Logits of all words, as exact as can be: the best of them are often close to each other."""
    return ops.matmul(ops.cast(x, "float32"), ops.transpose(vectors.embeddings))


def build_encoder(name="scratch"):
    """An encoder to train: an image -> a grid of features.

    The scratch encoder is a small residual network (K. He et al., "Deep residual learning for image
    recognition", CVPR 2016), with one place for 16 by 16 pixels. At 128 x 128 pixels it takes about
    140 million multiplications. Other names are those of networks of `keras.applications`.
    """
    if name != "scratch":
        return pretrained.build_encoder(name)
    image = keras.Input((None, None, 3))
    x = keras.layers.Rescaling(1 / 127.5, offset=-1)(image)
    x = _convolution(x, WIDTH, stride=2)
    x = keras.layers.ReLU()(x)
    for stage, blocks in enumerate((1, 1, 2), start=1):
        for block in range(blocks):
            x = _residual_block(x, WIDTH * 2**stage, stride=2 if block == 0 else 1)
    return keras.Model(image, x, name="encoder")


def _residual_block(x, channels, stride):
    shortcut = x
    if stride > 1:
        shortcut = keras.layers.AveragePooling2D(stride, padding="same")(shortcut)
    if shortcut.shape[-1] != channels:
        shortcut = _convolution(shortcut, channels, size=1)
    x = keras.layers.ReLU()(_convolution(x, channels, stride=stride))
    return keras.layers.ReLU()(keras.layers.Add()([shortcut, _convolution(x, channels)]))


def _convolution(x, channels, size=3, stride=1):
    x = keras.layers.Conv2D(
        channels, size, stride, "same", use_bias=False, kernel_initializer="he_normal"
    )(x)
    return keras.layers.BatchNormalization(momentum=0.95)(x)


def build_opening(features, vocabulary_size, cell, units, layers, dropout):
    """A grid -> what the decoder can look at, its first states, and the words to be expected.

    Outputs: `memory` `(batch, places, units)`, the grid's places in a row; for each layer a list of
    the parts of its first state, each `(batch, units)`, from the mean of the grid (Xu et al. 2015);
    and `words` `(batch, vocabulary_size)`, the logits of the words of all captions, from the same
    mean. These are asked for in training alone, since they teach an encoder what is worth seeing
    sooner than the captions do: A. Joulin et al., "Learning visual features from large weakly
    supervised data", ECCV 2016.
    """
    grid = keras.Input((None, None, features))
    x = keras.layers.Reshape((-1, features))(keras.layers.Dropout(dropout)(grid))
    memory = keras.layers.LayerNormalization()(keras.layers.Dense(units)(x))
    mean = keras.layers.GlobalAveragePooling1D()(x)
    parts = 2 if cell == "lstm" else 1
    states = [
        [keras.layers.Dense(units, activation="tanh")(mean) for _ in range(parts)]
        for _ in range(layers)
    ]
    words = keras.layers.Dense(vocabulary_size)(keras.layers.Dropout(dropout)(mean))
    return keras.Model(grid, [memory, states, words], name="opening")


def writer(network, encoder, beam_width, longest):
    """A function that writes captions freely: each word follows those written before.

    Args:
        network: as from `build_model`.
        encoder: as from `pretrained.encoder_of`.
        beam_width: captions that are followed side by side.
        longest: words that a caption has at most.

    Returns:
        Function from an array of images `(batch, height, width, 3)`, values 0 to 255, to the
        `Hypothesis` of highest score for each.
    """
    step = step_function(network)

    def write(images):
        memory, states = look(network, encoder, images)
        memory = repeat(memory, beam_width)
        hypotheses = beam_search(
            lambda tokens, states: step(tokens, states, memory),
            [[START]] * len(images),
            states,
            longest,
            beam_width,
            alpha=FAVOUR_LENGTH,
            stop_token=STOP,
            minimum_length=1,
        )
        return [best for (best,) in hypotheses]

    return write


def look(network, encoder, images):
    """What `build_opening` gives for a batch of images: the memory and the first states."""
    grid = encoder.predict_on_batch(images.astype("float32"))
    memory, states, _ = network.get_layer("opening").predict_on_batch(grid)
    return keras.tree.map_structure(ops.convert_to_tensor, (memory, states))


def step_function(network):
    """What `shared.decoding` writes with: (tokens, states, ...) -> (logits of the next, states)."""
    decoder, vectors = network.get_layer("decoder"), network.get_layer("vectors")
    never = np.zeros(vectors.input_dim, "float32")
    never[[PADDING, UNKNOWN, START]] = -np.inf

    def step(tokens, states, memory):
        vector, _, states = decoder.step(read_vectors(vectors, tokens), states, memory)
        return scores(vectors, vector) + never, states

    return compile_step(step, network)


def attend(network, encoder, image, words):
    """Where in an image the decoder looked when it wrote each word.

    Args:
        network, encoder: as for `writer`.
        image: array `(height, width, 3)`.
        words: list of word numbers, as written.

    Returns:
        Array `(len(words), rows, columns)` of weights over the encoder's grid; those of each word
        add up to one.
    """
    return explain(network, encoder, image, words)[0]


def explain(network, encoder, image, words):
    """How an image became its caption; arguments as of `attend`.

    Returns:
        weights: as from `attend`.
        probabilities: array `(len(words),)`: how likely each word was after those before it.
        inside: what `trace` tells of the decoder's first layer: states and gates by name,
            `(len(words), units)`.
    """
    decoder, vectors = network.get_layer("decoder"), network.get_layer("vectors")
    memory, states = look(network, encoder, image[None])
    written = read_vectors(vectors, np.array([[START, *words[:-1]]], "int32"))
    x, weights, _ = decoder(written, memory, initial_state=states)
    likely = ops.convert_to_numpy(ops.softmax(scores(vectors, x)))[0]
    inside = decoder.layers[0].trace(written, initial_state=states[0])
    rows, columns = encoder.compute_output_shape((1, *image.shape))[1:3]
    return (
        ops.convert_to_numpy(weights)[0].reshape(len(words), rows, columns),
        likely[np.arange(len(words)), words],
        {name: values[0] for name, values in inside.items()},
    )
