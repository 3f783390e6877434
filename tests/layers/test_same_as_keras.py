"""Ours against Keras's own layers with the same weights: outputs, states, gradients, configs.

The comparison runs in float64, so that the two differ by rounding only: 1e-12, not 1e-5.
"""

import keras
import numpy as np
import pytest
from keras import ops

from shared import layers
from shared.layers.loops import on_gpu
from tests.layers.recurrences import random_weights

pytestmark = pytest.mark.usefixtures("double_precision")

CELLS = {
    "rnn": (layers.SimpleRNN, keras.layers.SimpleRNN, {}),
    "lstm": (layers.LSTM, keras.layers.LSTM, {}),
    "gru": (layers.GRU, keras.layers.GRU, {}),
    "gru-before": (layers.GRU, keras.layers.GRU, {"reset_after": False}),
}
BATCH, TIMESTEPS, FEATURES, UNITS = 5, 7, 3, 4
MASKS = {
    "no-mask": None,
    "right": np.arange(TIMESTEPS) < np.array([7, 5, 1, 3, 6])[:, None],
    "left": np.arange(TIMESTEPS) >= np.array([0, 5, 1, 3, 6])[:, None],
    "holes": np.arange(TIMESTEPS) % np.array([2, 3, 4, 5, 6])[:, None] != 1,
    "empty-row": np.arange(TIMESTEPS) < np.array([7, 0, 1, 3, 6])[:, None],
}
OPTIONS = {
    "last": {},
    "sequences": {"return_sequences": True},
    "sequences-zero": {"return_sequences": True, "zero_output_for_mask": True},
    "states-backwards": {"return_sequences": True, "return_state": True, "go_backwards": True},
    "last-backwards-states": {"return_state": True, "go_backwards": True},
    "last-zero": {"zero_output_for_mask": True, "return_state": True},
    "unroll": {"unroll": True, "return_sequences": True},
    "no-bias": {"use_bias": False, "return_sequences": True},
    "relu": {"activation": "relu"},
}


def pair(cell, **options):
    """Our layer and Keras's with the same weights."""
    ours, theirs, own = CELLS[cell]
    built = []
    for kind in (ours, theirs):
        if cell == "lstm" and keras.backend.backend() == "jax" and on_gpu():
            # Keras hands float64 to kernels for float32 there, and what comes back is rubbish.
            own = {**own, "use_cudnn": False}
        layer = kind(UNITS, dtype="float64", **own, **options)
        layer.build((BATCH, TIMESTEPS, FEATURES))
        layer.set_weights(random_weights(layer))
        built.append(layer)
    return built


def inputs(seed=1):
    return np.random.default_rng(seed).normal(size=(BATCH, TIMESTEPS, FEATURES))


def states(layer, seed=2):
    generator = np.random.default_rng(seed)
    return [generator.normal(size=(BATCH, UNITS)) for _ in layer.state_size]


def flat(outputs):
    outputs = outputs if isinstance(outputs, (list, tuple)) else [outputs]
    return [ops.convert_to_numpy(output) for output in outputs]


def assert_same(ours, theirs):
    assert len(ours) == len(theirs)
    for one, other in zip(ours, theirs, strict=True):
        assert one.shape == other.shape
        np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-12)


def gradients(layer, x, initial_state, mask):
    """Of a weighted sum of all outputs, with respect to inputs, initial state and weights."""
    sources = [x, *(initial_state or [])]

    def loss(sources):
        x, *initial_state = sources
        total = 0.0
        outputs = layer(x, initial_state=initial_state or None, mask=mask)
        for output in outputs if isinstance(outputs, (list, tuple)) else [outputs]:
            shape = tuple(output.shape)
            factors = np.random.default_rng(3).normal(size=shape)
            total = total + ops.sum(output * ops.convert_to_tensor(factors))
        return total

    return gradient_of(loss, sources, layer.trainable_variables)


def gradient_of(loss, sources, variables):
    """Gradients of loss(sources) on whichever backend runs."""
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        sources = [tf.constant(source) for source in sources]
        with tf.GradientTape() as tape:
            tape.watch(sources)
            value = loss(sources)
        found = tape.gradient(value, sources + [v.value for v in variables])
    elif backend == "torch":
        import torch

        sources = [torch.tensor(source, requires_grad=True) for source in sources]
        found = torch.autograd.grad(loss(sources), sources + [v.value for v in variables])
    else:
        import jax

        def stateless(sources, values):
            mapping = list(zip(variables, values, strict=True))
            with keras.StatelessScope(state_mapping=mapping):
                return loss(sources)

        sources = [jax.numpy.asarray(source) for source in sources]
        of_sources, of_values = jax.grad(stateless, argnums=(0, 1))(
            sources, [v.value for v in variables]
        )
        found = of_sources + of_values
    return [ops.convert_to_numpy(gradient) for gradient in found]


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("option", OPTIONS)
def test_outputs_and_states(cell, mask, option):
    ours, theirs = pair(cell, **OPTIONS[option])
    x, mask = inputs(), MASKS[mask]
    for initial_state in (None, states(ours)):
        assert_same(
            flat(ours(x, initial_state=initial_state, mask=mask)),
            flat(theirs(x, initial_state=initial_state, mask=mask)),
        )


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("mask", ["no-mask", "right", "holes"])
@pytest.mark.parametrize("option", ["last", "sequences-zero", "states-backwards"])
def test_gradients(cell, mask, option):
    ours, theirs = pair(cell, **OPTIONS[option])
    x, mask = inputs(), MASKS[mask]
    for initial_state in (None, states(ours)) if option == "last" else (None,):
        assert_same(
            gradients(ours, x, initial_state, mask),
            gradients(theirs, x, initial_state, mask),
        )


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize(
    "dropout",
    [{"dropout": 0.4}, {"recurrent_dropout": 0.3}, {"dropout": 0.4, "recurrent_dropout": 0.3}],
)
def test_dropout_draws_the_same_masks(cell, dropout):
    ours, theirs = pair(cell, seed=11, return_sequences=True, **dropout)
    x = inputs()
    first = flat(ours(x, training=True))
    assert_same(first, flat(theirs(x, training=True)))
    second = flat(ours(x, training=True))
    assert_same(second, flat(theirs(x, training=True)))
    assert not np.allclose(first[0], second[0])
    assert_same(flat(ours(x)), flat(theirs(x)))


@pytest.mark.parametrize("cell", CELLS)
def test_stateful_batches_continue(cell):
    ours, theirs = pair(cell, stateful=True, return_sequences=True)
    for seed in range(3):
        assert_same(flat(ours(inputs(seed))), flat(theirs(inputs(seed))))
    ours.reset_state()
    theirs.reset_state()
    assert_same(flat(ours(inputs())), flat(theirs(inputs())))


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("merge_mode", ["concat", "sum", None])
def test_bidirectional(cell, merge_mode):
    layers_of_both = []
    for layer in pair(cell, return_sequences=True):
        both = keras.layers.Bidirectional(layer, merge_mode=merge_mode)
        both.build((BATCH, TIMESTEPS, FEATURES))
        both.set_weights(random_weights(both, seed=5))
        layers_of_both.append(both)
    ours, theirs = layers_of_both
    assert type(ours.forward_layer) is CELLS[cell][0]
    for mask in MASKS.values():
        assert_same(flat(ours(inputs(), mask=mask)), flat(theirs(inputs(), mask=mask)))


@pytest.mark.parametrize("cell", CELLS)
def test_config_makes_an_equal_layer_and_is_keras_own(cell):
    arguments = {
        "kernel_regularizer": keras.regularizers.L2(0.1),
        "bias_constraint": "max_norm",
        "recurrent_initializer": keras.initializers.RandomNormal(seed=3),
        "activity_regularizer": "l1",
        "recurrent_dropout": 0.2,
        "go_backwards": True,
        "zero_output_for_mask": True,
        "name": "reader",
    }
    ours, theirs = pair(cell, **arguments)
    config = ours.get_config()
    assert type(ours).from_config(config).get_config() == config
    expected = theirs.get_config()
    if cell == "rnn":  # where Keras forgets two of its arguments
        expected["seed"] = None
        expected["activity_regularizer"] = config["activity_regularizer"]
    assert config == expected


@pytest.mark.parametrize("cell", CELLS)
def test_first_weights_are_those_of_keras(cell):
    ours, theirs, own = CELLS[cell]
    first = []
    for kind in (ours, theirs):
        layer = kind(
            UNITS,
            kernel_initializer=keras.initializers.GlorotUniform(seed=1),
            recurrent_initializer=keras.initializers.Orthogonal(seed=2),
            bias_initializer=keras.initializers.RandomNormal(seed=3),
            **own,
        )
        layer.build((None, None, FEATURES))
        first.append(layer.get_weights())
        assert [w.name for w in layer.weights] == ["kernel", "recurrent_kernel", "bias"]
    assert_same(*first)


@pytest.mark.parametrize("cell", CELLS)
def test_cells_stack(cell):
    """Our cells in Keras's StackedRNNCells and RNN."""
    outputs = []
    for kind in pair(cell):
        cells = [
            type(kind.cell)(UNITS, dtype="float64", dropout=0.5, seed=4, kernel_initializer="ones")
            for _ in range(2)
        ]
        for one in cells:
            one.recurrent_initializer = keras.initializers.Constant(0.1)
        stacked = keras.layers.StackedRNNCells(cells, dtype="float64")
        outputs.append(flat(keras.layers.RNN(stacked, dtype="float64")(inputs(), training=True)))
    assert_same(*outputs)


@pytest.mark.parametrize("cell", CELLS)
def test_wrong_arguments(cell):
    kind = CELLS[cell][0]
    with pytest.raises(ValueError, match="units"):
        kind(0)
    with pytest.raises(ValueError, match="flavour"):
        kind(3, flavour="vanilla")
    with pytest.raises(ValueError, match="use_cudnn"):
        kind(3, use_cudnn="perhaps")


def test_recurrent_by_name():
    assert type(layers.recurrent("gru", 3, return_sequences=True)) is layers.GRU
    with pytest.raises(ValueError, match="rnn, lstm, gru, mingru"):
        layers.recurrent("elman", 3)
