"""The state that outlasts the batch: carried, saved, forgotten, and left to whoever wants it."""

import keras
import numpy as np
import pytest

from shared.layers import GRU, LSTM, CarriedState, SimpleRNN

SEQUENCES = np.random.default_rng(1).normal(size=(3, 12, 4)).astype("float32")


def carrying(layer_class, **arguments):
    layer = layer_class(5, return_sequences=True, return_state=True, **arguments)
    inputs = keras.Input(batch_shape=(3, None, 4))
    return keras.Model(inputs, CarriedState(layer)(inputs))


@pytest.mark.parametrize("layer_class", [SimpleRNN, LSTM, GRU])
def test_pieces_give_what_the_whole_gives(layer_class, tmp_path):
    model = carrying(layer_class)
    carried = model.layers[-1]
    expected = keras.ops.convert_to_numpy(carried.layer(SEQUENCES)[0])  # from zeros, by itself
    first = model.predict_on_batch(SEQUENCES[:, :7])
    model.save(tmp_path / "model.keras")
    second = model.predict_on_batch(SEQUENCES[:, 7:])
    np.testing.assert_allclose(np.concatenate([first, second], axis=1), expected, atol=1e-6)

    # The state is saved with the model, in the middle of a sequence too.
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    np.testing.assert_allclose(loaded.predict_on_batch(SEQUENCES[:, 7:]), second, atol=1e-6)

    carried.forget()
    np.testing.assert_array_equal(model.predict_on_batch(SEQUENCES[:, :7]), first)
    assert len(model.trainable_variables) == len(carried.layer.trainable_variables)


def test_training_carries_it_too():
    model = carrying(LSTM)
    model.compile(keras.optimizers.SGD(0.0), "mse")
    for begin in (0, 4, 8):
        piece = SEQUENCES[:, begin : begin + 4]
        model.train_on_batch(piece, np.zeros((3, 4, 5), "float32"))
    _, *states = model.layers[-1].layer(SEQUENCES)
    for ours, expected in zip(model.layers[-1].states, states, strict=True):
        np.testing.assert_allclose(
            keras.ops.convert_to_numpy(ours), keras.ops.convert_to_numpy(expected), atol=1e-6
        )


@pytest.mark.parametrize(
    "arguments",
    [
        {"return_sequences": True},
        {"return_state": True},
        {"return_sequences": True, "return_state": True, "stateful": True},
    ],
)
def test_other_layers_are_refused(arguments):
    with pytest.raises(ValueError, match="return_sequences=True, return_state=True"):
        CarriedState(LSTM(5, name="lstm", **arguments))


def test_the_size_of_the_batch_must_be_known():
    layer = CarriedState(LSTM(5, return_sequences=True, return_state=True))
    with pytest.raises(ValueError, match="batch_shape"):
        layer(keras.Input((None, 4)))
