"""All steps at once and one step at a time give the same numbers."""

import keras
import numpy as np
import pytest
from keras import ops

from shared.layers import recurrent
from shared.layers.attention import BahdanauAttention, LuongAttention
from shared.layers.attention_decoder import AttentionDecoder
from tests.layers.recurrences import rounding

BATCH, STEPS, TIMESTEPS, FEATURES, MEMORY, UNITS = 3, 7, 5, 4, 6, 8
ATTENTION = {"bahdanau": lambda: BahdanauAttention(5), "luong": lambda: LuongAttention()}


def make(cell="lstm", attention="luong", layers=2):
    stack = [
        recurrent(cell, UNITS, return_sequences=True, return_state=True) for _ in range(layers)
    ]
    return AttentionDecoder(stack, ATTENTION[attention](), units=9)


def examples():
    random = np.random.default_rng(0)
    inputs = random.normal(size=(BATCH, STEPS, FEATURES)).astype("float32")
    memory = random.normal(size=(BATCH, TIMESTEPS, MEMORY)).astype("float32")
    mask = np.array([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0], [0, 0, 0, 0, 0]], bool)
    return inputs, memory, mask


def numbers(nested):
    return [ops.convert_to_numpy(tensor) for tensor in keras.tree.flatten(nested)]


def one_by_one(decoder, inputs, states, memory, mask):
    vectors, weights = [], []
    for t in range(inputs.shape[1]):
        vector, weight, states = decoder.step(inputs[:, t], states, memory, memory_mask=mask)
        vectors.append(vector)
        weights.append(weight)
    return ops.stack(vectors, axis=1), ops.stack(weights, axis=1), states


@pytest.mark.parametrize("attention", ATTENTION)
@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_step_by_step_equals_all_at_once(cell, attention):
    inputs, memory, mask = examples()
    decoder = make(cell, attention)
    random = np.random.default_rng(1)
    first = keras.tree.map_structure(
        lambda zeros: ops.convert_to_tensor(random.normal(size=zeros.shape).astype("float32")),
        decoder.get_initial_state(BATCH),
    )
    together = decoder(inputs, memory, initial_state=first, memory_mask=mask)
    assert together[0].shape == (BATCH, STEPS, 9)
    assert together[1].shape == (BATCH, STEPS, TIMESTEPS)
    apart = one_by_one(decoder, inputs, first, memory, mask)
    for a, b in zip(numbers(together), numbers(apart), strict=True):
        np.testing.assert_allclose(a, b, atol=rounding(1e-5))


def test_equations():
    inputs, memory, mask = examples()
    decoder = make(layers=1)
    vectors, weights, states = decoder(inputs, memory, memory_mask=mask)
    hidden, *last = decoder.layers[0](inputs)
    context, a = decoder.attention(hidden, memory, memory_mask=mask)
    context, hidden, a = numbers([context, hidden, a])
    together = np.concatenate([context, hidden], axis=-1)
    vector = np.tanh(together @ numbers(decoder.combine.kernel)[0])
    right = [vector, a, *numbers(last)]
    for expected, found in zip(right, numbers([vectors, weights, states]), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-6)


def test_the_state_of_a_prefix_goes_on_with_the_rest():
    inputs, memory, mask = examples()
    decoder = make()
    whole, _, last = decoder(inputs, memory, memory_mask=mask)
    _, _, middle = decoder(inputs[:, :4], memory, memory_mask=mask)
    rest, _, stepped = one_by_one(decoder, inputs[:, 4:], middle, memory, mask)
    np.testing.assert_allclose(*numbers([whole[:, 4:], rest]), atol=rounding(1e-5))
    for a, b in zip(numbers(last), numbers(stepped), strict=True):
        np.testing.assert_allclose(a, b, atol=rounding(1e-5))


def test_initial_state_and_memory_matter():
    inputs, memory, _ = examples()
    decoder = make()
    plain = numbers(decoder(inputs, memory)[0])[0]
    ones = keras.tree.map_structure(ops.ones_like, decoder.get_initial_state(BATCH))
    assert np.abs(numbers(decoder(inputs, memory, initial_state=ones)[0])[0] - plain).max() > 1e-2
    assert np.abs(numbers(decoder(inputs, -memory)[0])[0] - plain).max() > 1e-2


def build_model(**arguments):
    words = keras.Input((None,), dtype="int32", name="words")
    source = keras.Input((None,), dtype="int32", name="source")
    memory = keras.layers.Embedding(11, MEMORY, mask_zero=True)(source)
    embeddings = keras.layers.Embedding(11, FEATURES, mask_zero=True)(words)
    vectors, _, _ = make(**arguments)(embeddings, memory)
    return keras.Model([words, source], keras.layers.Dense(11)(vectors))


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_trains_saves_loads_and_decodes_after(cell, tmp_path):
    random = np.random.default_rng(2)
    words, source = random.integers(1, 11, (8, STEPS)), random.integers(1, 11, (8, TIMESTEPS))
    words[0, 3:] = 0
    source[0, 2:] = 0
    model = build_model(cell=cell, layers=1)
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    before = model.get_weights()
    model.fit([words, source], words, epochs=1, verbose=0)
    unmoved = [
        variable.path
        for variable, was, now in zip(model.weights, before, model.get_weights(), strict=True)
        if np.array_equal(was, now)
    ]
    assert unmoved == []

    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    inputs, memory, mask = examples()
    found = [
        next(layer for layer in each.layers if isinstance(layer, AttentionDecoder))
        for each in (model, loaded)
    ]
    stepped = [
        one_by_one(decoder, inputs, decoder.get_initial_state(BATCH), memory, mask)
        for decoder in found
    ]
    for a, b in zip(numbers(stepped[0]), numbers(stepped[1]), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_padding_the_source_further_changes_nothing():
    model = build_model()
    words, source = np.ones((2, STEPS), "int32"), np.array([[1, 2, 3], [4, 5, 0]])
    wider = np.pad(source, [(0, 0), (0, 4)])
    np.testing.assert_allclose(
        model.predict([words, source], verbose=0),
        model.predict([words, wider], verbose=0),
        atol=1e-6,
    )


def test_errors_say_what_to_do():
    with pytest.raises(ValueError, match="at least one"):
        AttentionDecoder([], LuongAttention(), 3)
    with pytest.raises(ValueError, match="return_state=True"):
        AttentionDecoder([recurrent("lstm", 3)], LuongAttention(), 3)
    backwards = {"return_sequences": True, "return_state": True, "go_backwards": True}
    with pytest.raises(ValueError, match="forwards"):
        AttentionDecoder([recurrent("gru", 3, **backwards)], LuongAttention(), 3)
