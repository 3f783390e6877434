"""Wherever Keras's layers work, ours do: ways to call, train, compile, export and save.

The plain numbers are compared in `test_same_as_keras.py` and `test_loops.py`; here it is the
circumstances that vary.
"""

import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops

from shared import layers
from tests.layers.recurrences import random_weights

BACKEND = keras.backend.backend()
CELLS = ["rnn", "lstm", "gru", "mingru"]


def mingru_by_keras(units, dtype=None, **arguments):
    """Keras has no such layer, but a loop around any cell."""
    cell = layers.MinGRUCell(units, dtype=dtype)
    return keras.layers.RNN(cell, dtype=dtype, **arguments)


KERAS = {
    "rnn": keras.layers.SimpleRNN,
    "lstm": keras.layers.LSTM,
    "gru": keras.layers.GRU,
    "mingru": mingru_by_keras,
}
TOKENS = np.array([[3, 1, 2, 0, 0], [1, 2, 3, 4, 5], [4, 0, 0, 0, 0], [0, 0, 0, 0, 0]] * 3)
TARGETS = np.linspace(-1, 1, 12).astype("float32")[:, None]


def both_models(cell, wrapper=lambda layer: layer, timesteps=None, batch_size=None, **arguments):
    """The same small model over masked tokens with our layer and with Keras's."""
    models = []
    for kind in (layers.recurrent, lambda name, *a, **k: KERAS[name](*a, **k)):
        tokens = keras.Input((timesteps,), batch_size=batch_size, dtype="int32")
        x = keras.layers.Embedding(6, 3, mask_zero=True)(tokens)
        x = wrapper(kind(cell, 4, **arguments))(x)
        models.append(keras.Model(tokens, keras.layers.Dense(1)(x)))
    models[0].set_weights(random_weights(models[0]))
    models[1].set_weights(models[0].get_weights())
    return models


def train_both(models, **compile_arguments):
    """Three epochs; what the models predict then, and their losses."""
    found = []
    for model in models:
        model.compile(keras.optimizers.SGD(0.1), "mse", **compile_arguments)
        history = model.fit(TOKENS, TARGETS, batch_size=4, epochs=3, shuffle=False, verbose=0)
        found.append((model.predict(TOKENS, verbose=0, batch_size=4), history.history["loss"]))
    return found


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"go_backwards": True},
        {"stateful": True, "batch_size": 4},
        {"unroll": True, "timesteps": 5},
        {"activation": "softsign"},
        {"wrapper": layers.Bidirectional},
    ],
    ids=lambda arguments: "-".join(arguments) or "plain",
)
def test_fit(cell, arguments):
    """Training ends at the same weights: masks, empty rows, unknown static shapes and all."""
    if cell == "mingru" and "activation" in arguments:
        pytest.skip("it has none to choose")
    (ours, our_losses), (theirs, their_losses) = train_both(both_models(cell, **arguments))
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(our_losses, their_losses, rtol=1e-4)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize(
    "how",
    [{"run_eagerly": True}, {"jit_compile": True}],
    ids=["eagerly", "jit"],
)
def test_fit_compiled_otherwise(cell, how):
    if BACKEND == "torch" and "jit_compile" in how:
        pytest.skip("needs a C compiler at run time, with Keras's layers too")
    timesteps = 5 if "jit_compile" in how else None
    ours, theirs = train_both(both_models(cell, timesteps=timesteps), **how)
    np.testing.assert_allclose(ours[0], theirs[0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "float16", "bfloat16"])
def test_half_precision(cell, policy):
    # Not the orthogonal initializer: it has no bfloat16 on TensorFlow.
    more = {} if cell == "mingru" else {"recurrent_initializer": "glorot_uniform"}
    ours, theirs = both_models(cell, dtype=policy, return_sequences=True, **more)
    x = TOKENS[:, :5]
    one, other = ours.layers[2], theirs.layers[2]
    values = np.random.default_rng(0).normal(size=(12, 5, 3)).astype("float32")
    mask = np.asarray(x != 0)
    found = [layer(ops.cast(values, layer.compute_dtype), mask=mask) for layer in (one, other)]
    assert keras.backend.standardize_dtype(found[0].dtype) == one.compute_dtype
    found = [ops.convert_to_numpy(ops.cast(outputs, "float32")) for outputs in found]
    np.testing.assert_allclose(*found, atol=0.03)
    losses = []
    for model in (ours, theirs):
        model.compile("sgd", "mse")
        losses.append(model.train_on_batch(x, np.zeros((12, 5, 1))))
    np.testing.assert_allclose(*losses, rtol=0.05)


def test_batches_of_many_shapes():
    """One model over changing batch sizes and lengths: each batch as if it were alone."""
    ours, theirs = both_models("lstm")
    generator = np.random.default_rng(0)
    for model in (ours, theirs):
        model.compile("sgd", "mse")
    for rows, timesteps in ((1, 1), (1, 20), (7, 40), (33, 16)):
        tokens = generator.integers(0, 6, (rows, timesteps))
        found = [model.predict_on_batch(tokens) for model in (ours, theirs)]
        np.testing.assert_allclose(*found, rtol=1e-4, atol=1e-5)
        losses = [model.train_on_batch(tokens, np.ones((rows, 1))) for model in (ours, theirs)]
        np.testing.assert_allclose(*losses, rtol=1e-4)


def test_known_shapes_stay_known_after_batches_of_other_sizes():
    """A layer that keeps a state for each row asks the layer below how many there are."""
    for rows in (2, 3, 5, 7):
        layers.LSTM(11, return_sequences=True)(np.zeros((rows, rows, 11), "float32"))
    x = keras.Input(batch_shape=(4, None, 11))
    for _ in range(2):
        x = layers.CarriedState(layers.LSTM(11, return_sequences=True, return_state=True))(x)
    assert x.shape == (4, None, 11)


@pytest.mark.skipif(BACKEND != "tensorflow", reason="the others know the shape of every batch")
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("loop", ["reference", "xla"])
def test_batches_whose_shape_is_unknown_until_they_come(cell, loop):
    """As `tf.data` gives them that pads each batch to its longest sequence."""
    import tensorflow as tf

    ours, theirs = both_models(cell)
    ours.layers[2].loop = loop
    batches = tf.data.Dataset.from_generator(
        lambda: ((TOKENS[n : n + 2, : n // 2 + 1], TARGETS[n : n + 2]) for n in range(0, 10, 2)),
        output_signature=(tf.TensorSpec((None, None), "int32"), tf.TensorSpec((None, 1))),
    )
    for model in (ours, theirs):
        model.compile(keras.optimizers.SGD(0.1), "mse")
        model.fit(batches, epochs=2, verbose=0)
    for one, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("cell", CELLS)
def test_more_padding_changes_nothing(cell):
    model, _ = both_models(cell, wrapper=layers.Bidirectional)
    longer = np.pad(TOKENS, ((0, 0), (0, 30)))
    np.testing.assert_allclose(
        model.predict(TOKENS, verbose=0), model.predict(longer, verbose=0), atol=1e-6
    )


def test_dropout_is_in_training_alone():
    layer = layers.LSTM(4, dropout=0.5, seed=1)
    x = np.ones((3, 5, 2), "float32")
    resting = ops.convert_to_numpy(layer(x))
    np.testing.assert_array_equal(resting, ops.convert_to_numpy(layer(x, training=False)))
    assert not np.allclose(resting, ops.convert_to_numpy(layer(x, training=True)))


def test_use_cudnn_where_there_is_none():
    with pytest.raises(ValueError, match="cuDNN"):
        layers.LSTM(3, use_cudnn=True, activation="relu")(np.zeros((2, 4, 3), "float32"))
    assert layers.LSTM(3, use_cudnn=False)(np.zeros((2, 4, 3), "float32")).shape == (2, 3)


def test_saved_model_in_a_fresh_process(tmp_path):
    """Saved, then loaded by a process that imports `shared.layers` and nothing else of ours."""
    tokens = keras.Input((None,), dtype="int32")
    x = keras.layers.Embedding(6, 3, mask_zero=True)(tokens)
    for wrapper in (keras.layers.Bidirectional, layers.Bidirectional):
        x = wrapper(layers.LSTM(4, return_sequences=True))(x)
    x = layers.GRU(3, return_sequences=True, reset_after=False)(x)
    x = layers.MinGRU(3, return_sequences=True, bias_initializer="ones")(x)
    x = layers.SimpleRNN(2, activity_regularizer="l2")(x)
    model = keras.Model(tokens, x)
    model.save(tmp_path / "model.keras")
    np.save(tmp_path / "tokens.npy", TOKENS)
    program = (
        "import sys, keras, numpy as np, shared.layers\n"
        "model = keras.saving.load_model(sys.argv[1] + '/model.keras', safe_mode=True)\n"
        "found = model.predict(np.load(sys.argv[1] + '/tokens.npy'), verbose=0)\n"
        "np.save(sys.argv[1] + '/found.npy', found)\n"
    )
    root = Path(__file__).resolve().parents[2]
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True, cwd=root)
    np.testing.assert_allclose(
        np.load(tmp_path / "found.npy"), model.predict(TOKENS, verbose=0), atol=1e-6
    )


@pytest.mark.skipif(BACKEND != "tensorflow", reason="SavedModel is TensorFlow's format")
def test_export_as_saved_model(tmp_path):
    """The exported model needs neither Keras nor us, and takes batches of any shape."""
    import tensorflow as tf

    tokens = keras.Input((None,), dtype="int32")
    x = keras.layers.Embedding(6, 3, mask_zero=True)(tokens)
    x = layers.Bidirectional(layers.LSTM(4, return_sequences=True))(x)
    model = keras.Model(tokens, layers.GRU(3)(x))
    model.export(tmp_path / "exported", verbose=False)
    exported = tf.saved_model.load(str(tmp_path / "exported"))
    for rows, timesteps in ((1, 2), (5, 33)):
        batch = np.random.default_rng(0).integers(0, 6, (rows, timesteps)).astype("int32")
        np.testing.assert_allclose(
            exported.serve(batch).numpy(), model.predict(batch, verbose=0), atol=1e-6
        )
