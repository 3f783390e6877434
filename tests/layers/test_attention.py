"""Attention against its equations in float64, and what masks, empty rows and saving must not do."""

import keras
import numpy as np
import pytest
from keras import ops

from shared.layers.attention import BahdanauAttention, LuongAttention

BATCH, STEPS, TIMESTEPS, QUERY, MEMORY = 3, 4, 6, 5, 7
MAKE = {
    "bahdanau": lambda **arguments: BahdanauAttention(8, **arguments),
    "luong_general": lambda **arguments: LuongAttention(**arguments),
    "luong_dot": lambda **arguments: LuongAttention(score="dot", **arguments),
    "luong_scaled": lambda **arguments: LuongAttention(score="scaled", **arguments),
}


def examples(kind, seed=0):
    random = np.random.default_rng(seed)
    size = MEMORY if kind == "luong_dot" else QUERY
    query = random.normal(size=(BATCH, STEPS, size)).astype("float32")
    memory = random.normal(size=(BATCH, TIMESTEPS, MEMORY)).astype("float32")
    mask = np.array([[1, 1, 1, 1, 1, 1], [1, 1, 1, 0, 0, 0], [0, 1, 0, 1, 1, 0]], bool)
    return query, memory, mask


def expected(layer, kind, query, memory, mask):
    """The equations at the top of attention.py, entry by entry."""
    query, memory = query.astype("float64"), memory.astype("float64")
    weights = [np.array(w, "float64") for w in layer.get_weights()]
    result = np.zeros((BATCH, STEPS, TIMESTEPS))
    for b in range(BATCH):
        for t in range(STEPS):
            for k in range(TIMESTEPS):
                q, m = query[b, t], memory[b, k]
                if kind == "bahdanau":
                    w, u, v = weights
                    score = v @ np.tanh(q @ w + m @ u)
                elif kind == "luong_general":
                    score = q @ weights[0] @ m
                elif kind == "luong_scaled":
                    score = q @ weights[0] @ m / np.sqrt(MEMORY)
                else:
                    score = q @ m
                result[b, t, k] = np.exp(score) * mask[b, k]
    result /= result.sum(axis=-1, keepdims=True)
    return result @ memory, result


@pytest.mark.parametrize("kind", MAKE)
@pytest.mark.parametrize("masked", [False, True])
def test_equations(kind, masked):
    query, memory, mask = examples(kind)
    layer = MAKE[kind]()
    context, weights = layer(query, memory, memory_mask=mask if masked else None)
    right_context, right_weights = expected(
        layer, kind, query, memory, mask if masked else np.ones_like(mask)
    )
    np.testing.assert_allclose(ops.convert_to_numpy(weights), right_weights, atol=2e-6)
    np.testing.assert_allclose(ops.convert_to_numpy(context), right_context, atol=5e-6)


@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16", "mixed_float16"])
@pytest.mark.parametrize("kind", MAKE)
def test_masked_positions_are_exactly_zero_and_empty_rows_are_numbers(kind, dtype):
    query, memory, mask = examples(kind)
    mask[0] = False
    context, weights = MAKE[kind](dtype=dtype)(30 * query, memory, memory_mask=mask)
    assert keras.backend.standardize_dtype(weights.dtype) == dtype.removeprefix("mixed_")
    context = ops.convert_to_numpy(ops.cast(context, "float32"))
    weights = ops.convert_to_numpy(ops.cast(weights, "float32"))
    assert np.all(weights[~np.broadcast_to(mask[:, None], weights.shape)] == 0)
    assert np.all(weights[0] == 0) and np.all(context[0] == 0)
    assert np.isfinite(context).all()
    np.testing.assert_allclose(weights[1:].sum(axis=-1), 1, atol=2e-2)


@pytest.mark.parametrize("kind", MAKE)
def test_padding_the_memory_further_changes_nothing(kind):
    query, memory, mask = examples(kind)
    layer = MAKE[kind]()
    context, weights = layer(query, memory, memory_mask=mask)
    longer = np.concatenate([memory, 9 * np.ones((BATCH, 5, MEMORY), "float32")], axis=1)
    longer_mask = np.pad(mask, [(0, 0), (0, 5)])
    longer_context, longer_weights = layer(query, longer, memory_mask=longer_mask)
    np.testing.assert_allclose(
        ops.convert_to_numpy(longer_context), ops.convert_to_numpy(context), atol=1e-6
    )
    np.testing.assert_allclose(
        ops.convert_to_numpy(longer_weights)[:, :, :TIMESTEPS],
        ops.convert_to_numpy(weights),
        atol=1e-6,
    )


@pytest.mark.parametrize("kind", MAKE)
def test_a_training_step_moves_every_weight_and_survives_an_empty_row(kind):
    query, memory, mask = examples(kind)
    mask[0] = False
    inputs = [
        keras.Input((None, query.shape[-1])),
        keras.Input((None, MEMORY)),
        keras.Input((None,), dtype="bool"),
    ]
    context, _ = MAKE[kind]()(inputs[0], inputs[1], memory_mask=inputs[2])
    model = keras.Model(inputs, keras.layers.Dense(1)(context))
    before = [np.array(w) for w in model.get_weights()]
    model.compile("sgd", "mse")
    model.train_on_batch([query, memory, mask], np.ones((BATCH, STEPS, 1)))
    for weight, was in zip(model.get_weights(), before, strict=True):
        assert np.isfinite(weight).all()
        assert np.any(weight != was)


def test_the_mask_travels_with_the_memory():
    ids = np.array([[3, 1, 2, 0, 0], [1, 0, 0, 0, 0]])
    memory = keras.layers.Embedding(4, MEMORY, mask_zero=True)(ids)
    query = np.ones((2, STEPS, QUERY), "float32")
    _, weights = BahdanauAttention(8)(query, memory)
    weights = ops.convert_to_numpy(weights)
    assert np.all(weights[:, :, -2:] == 0)
    np.testing.assert_allclose(weights[1, :, 0], 1)


@pytest.mark.parametrize("kind", MAKE)
def test_saved_and_loaded(kind, tmp_path):
    query, memory, _ = examples(kind)
    inputs = [keras.Input((None, query.shape[-1])), keras.Input((None, MEMORY))]
    model = keras.Model(inputs, MAKE[kind]()(*inputs))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    for before, after in zip(
        model.predict([query, memory], verbose=0),
        loaded.predict([query, memory], verbose=0),
        strict=True,
    ):
        np.testing.assert_array_equal(before, after)


def test_errors_say_what_to_do():
    with pytest.raises(ValueError, match="positive"):
        BahdanauAttention(0)
    with pytest.raises(ValueError, match='"dot" or "scaled"'):
        LuongAttention(score="cosine")
    query, memory, _ = examples("bahdanau")
    with pytest.raises(ValueError, match="one size"):
        LuongAttention(score="dot")(query, memory)
