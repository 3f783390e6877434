"""Every way to compute the loop against the others, and who is chosen when.

Keras's own layers are the judge of all in `test_same_as_keras.py`; here each loop is forced in
turn and compared with the plain one, step by step through the cell, in float64.
"""

import keras
import numpy as np
import pytest
from keras import ops

from shared import layers
from shared.layers import loops
from shared.layers.loops import agreement, cudnn
from shared.layers.loops.equations import weights_of
from tests.layers.recurrences import random_weights
from tests.layers.test_same_as_keras import assert_same, flat, gradient_of

pytestmark = pytest.mark.usefixtures("double_precision")

BACKEND = keras.backend.backend()
FAST = {"tensorflow": ["reference", "xla"], "jax": ["reference"], "torch": ["reference", "torch"]}
CELLS = {
    "rnn": layers.SimpleRNN,
    "lstm": layers.LSTM,
    "gru": layers.GRU,
    "mingru": layers.MinGRU,
}
FUSED = ["rnn", "lstm", "gru"]  # those that PyTorch and NVIDIA have as well
PAIRS = [
    (cell, loop) for cell in CELLS for loop in FAST[BACKEND] if cell in FUSED or loop != "torch"
]
UNITS, FEATURES = 4, 3


def make(cell, loop, units=UNITS, **arguments):
    """A layer whose loop is forced, with weights of its own making, the same for every loop."""
    arguments = {"return_sequences": True, "return_state": True, "dtype": "float64", **arguments}
    layer = CELLS[cell](units, loop=loop, **arguments)
    layer.build((None, None, FEATURES))
    # Smaller in a wide layer, which would otherwise amplify the smallest differences in rounding.
    scale = (UNITS / units) ** 0.5
    layer.set_weights([scale * weight for weight in random_weights(layer)])
    return layer


def batch(rows, timesteps, seed=0):
    return np.random.default_rng(seed).normal(size=(rows, timesteps, FEATURES))


def outputs_and_gradients(layer, x, mask=None):
    """Outputs, states, and the gradients of a sum over both for all that goes in."""
    generator = np.random.default_rng(7)
    start = [generator.normal(size=(len(x), layer.units)) for _ in layer.state_size]

    def loss(sources):
        x, *states = sources
        outputs, *last = layer(x, initial_state=states, mask=mask, training=True)
        return ops.sum(ops.sin(outputs)) + sum(ops.sum(ops.cos(state)) for state in last)

    return [
        *flat(layer(x, initial_state=start, mask=mask)),
        *gradient_of(loss, [x, *start], layer.trainable_variables),
    ]


@pytest.mark.parametrize("cell, loop", PAIRS)
# Around the borders of blocks of 16 timesteps, and of rows rounded up to 1, 2, 4, 8, 16.
@pytest.mark.parametrize("shape", [(1, 1), (5, 17), (18, 35)])
def test_loops_agree(cell, loop, shape):
    x = batch(*shape)
    assert_same(
        outputs_and_gradients(make(cell, loop), x),
        outputs_and_gradients(make(cell, "steps"), x),
    )


@pytest.mark.parametrize("cell, loop", PAIRS)
def test_loops_agree_where_products_are_split(cell, loop):
    """From 256 units on."""
    x = batch(3, 18)
    assert_same(
        outputs_and_gradients(make(cell, loop, units=256), x),
        outputs_and_gradients(make(cell, "steps", units=256), x),
    )


@pytest.mark.skipif(BACKEND != "tensorflow", reason="a loop of TensorFlow's")
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_is_close(cell, masked, dtype):
    """What goes in and out is rounded, and the large products: to 8 bits, one part in 256."""
    x = keras.ops.convert_to_numpy(ops.cast(batch(9, 33), dtype)).astype("float64")
    mask = mask_of("holes", 9, 33) if masked else None
    half = make(cell, "xla", dtype=f"mixed_{dtype}")
    half.set_weights([ops.cast(weight, dtype) for weight in half.get_weights()])
    exact = make(cell, "steps")
    exact.set_weights(half.get_weights())
    found = outputs_and_gradients(half, x, mask)
    expected = outputs_and_gradients(exact, x, mask)
    for one, other in zip(found, expected, strict=True):
        other = np.asarray(ops.convert_to_numpy(other))
        one = np.asarray(ops.convert_to_numpy(one), "float64")
        assert np.abs(one - other).max() <= 0.02 * np.abs(other).max()


@pytest.mark.skipif(BACKEND != "tensorflow", reason="a loop of TensorFlow's")
def test_half_precision_adds_up_long_sequences():
    """A sum of bfloat16 numbers stays where it is from its 256th equal term on."""
    layer = layers.SimpleRNN(1, loop="xla", dtype="mixed_bfloat16", return_sequences=True)
    layer.build((None, None, 1))
    layer.set_weights([np.array(weight) for weight in ([[0.5]], [[0.0]], [0.0])])
    blocks = 400
    _, of_kernel, *_ = gradient_of(
        lambda sources: ops.sum(ops.cast(layer(sources[0], training=True), "float32")),
        [np.ones((1, 16 * blocks, 1))],
        layer.trainable_variables,
    )
    expected = 16 * blocks * (1 - np.tanh(0.5) ** 2)
    assert float(ops.convert_to_numpy(of_kernel)[0, 0]) == pytest.approx(expected, rel=0.01)


def mask_of(kind, rows, timesteps):
    """Holes anywhere and a row without anything, or sequences of any length padded on the right."""
    random = np.random.default_rng(1)
    if kind == "right-padded":
        return np.arange(timesteps) < random.integers(1, timesteps + 1, size=(rows, 1))
    mask = random.random((rows, timesteps)) < 0.6
    mask[0] = False
    return mask


@pytest.mark.parametrize("cell, loop", PAIRS)
@pytest.mark.parametrize("kind", ["holes", "right-padded"])
def test_loops_agree_with_a_mask(cell, loop, kind):
    x, mask = batch(9, 33), mask_of(kind, 9, 33)
    assert_same(
        outputs_and_gradients(make(cell, loop), x, mask),
        outputs_and_gradients(make(cell, "steps"), x, mask),
    )


@pytest.mark.parametrize("cell, loop", PAIRS)
def test_gradient_without_training(cell, loop):
    """In inference nothing is kept for the backward pass; gradients are right all the same."""
    results = []
    for way in (loop, "steps"):
        layer = make(cell, way, return_sequences=False, return_state=False)
        found = gradient_of(
            lambda sources, layer=layer: ops.sum(layer(sources[0], training=False) ** 2),
            [batch(3, 20)],
            layer.trainable_variables,
        )
        results.append(found)
    assert_same(*results)


@pytest.mark.parametrize("cell, loop", [pair for pair in PAIRS if pair[1] != "xla"])
@pytest.mark.parametrize("masked", [False, True])
def test_second_order_gradients(cell, loop, masked):
    """The gradient of the squared norm of a gradient."""
    if loop == "torch" and not masked and on_gpu():
        pytest.skip("cuDNN has none; the next tests see that it says so")
    x = batch(3, 5)
    mask = np.array([[1, 1, 1, 1, 1], [1, 1, 0, 1, 0], [0, 1, 1, 0, 0]], bool) if masked else None
    results = []
    for way in (loop, "steps"):
        layer = make(cell, way, return_state=False)
        results.append(second_order(layer, x, mask))
    assert_same(*results)


@pytest.mark.skipif(BACKEND != "tensorflow", reason="a loop of TensorFlow's")
@pytest.mark.parametrize("cell", CELLS)
def test_a_second_order_gradient_that_xla_lacks_is_an_error(cell):
    layer = make(cell, "xla", return_state=False)
    with pytest.raises(NotImplementedError, match="loop='reference'"):
        second_order(layer, batch(3, 5), None)


def on_gpu():
    import torch

    return torch.cuda.is_available()


def second_order(layer, x, mask):
    def loss(x):
        return ops.sum(layer(x, mask=mask) ** 2)

    if BACKEND == "tensorflow":
        import tensorflow as tf

        x = tf.constant(x)
        weights = [v.value for v in layer.trainable_variables]
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                value = loss(x)
            first = inner.gradient(value, x)
            squares = tf.reduce_sum(first**2)
        return [np.asarray(g) for g in outer.gradient(squares, [x, *weights])]
    if BACKEND == "jax":
        import jax

        return [np.asarray(jax.grad(lambda x: ops.sum(jax.grad(loss)(x) ** 2))(x))]
    import torch

    x = torch.tensor(x, requires_grad=True)
    (first,) = torch.autograd.grad(loss(x), x, create_graph=True)
    weights = [v.value for v in layer.trainable_variables]
    return [g.cpu().numpy() for g in torch.autograd.grad((first**2).sum(), [x, *weights])]


@pytest.mark.skipif(BACKEND != "torch", reason="how PyTorch takes weights")
@pytest.mark.parametrize("cell", FUSED)
def test_weights_lie_in_one_row_in_the_order_of_cudnn(cell):
    from shared.layers.loops.torch import parameters

    layer = make(cell, "torch")
    weights = weights_of(layer.cell)
    parts = parameters(layer.cell.equations, *weights)
    end = parts[0].data_ptr()
    for part in parts:
        assert part.is_contiguous() and part.data_ptr() == end
        end += part.numel() * part.element_size()
    row = np.concatenate([part.detach().cpu().numpy().ravel() for part in parts])
    expected = cudnn.parameters(layer.cell.equations, *weights)
    if cell != "gru":  # PyTorch's second bias of zeros, cuDNN's first
        b = weights[2].numel()
        row = np.concatenate([row[: -2 * b], row[-b:], row[-2 * b : -b]])
    np.testing.assert_array_equal(row, ops.convert_to_numpy(expected))


@pytest.mark.skipif(BACKEND != "torch", reason="PyTorch's cuDNN has no second derivative")
def test_a_second_order_gradient_that_cudnn_lacks_is_an_error():
    import torch

    from shared.layers.loops.torch import refuse_second_derivative

    x = torch.tensor([1.0, 2.0], requires_grad=True)
    cube = refuse_second_derivative(x**3)
    (gradient,) = torch.autograd.grad(cube.sum(), x, retain_graph=True)
    assert gradient.tolist() == [3.0, 12.0]
    with pytest.raises(NotImplementedError, match="loop='reference'"):
        torch.autograd.grad(cube.sum(), x, create_graph=True)
    with torch.no_grad():
        assert not refuse_second_derivative(x**3).requires_grad


def test_the_fastest_possible_loop_is_chosen():
    fastest = {"tensorflow": "xla", "jax": "reference", "torch": "torch"}[BACKEND]
    without_fused = {"tensorflow": "xla", "jax": "reference", "torch": "reference"}[BACKEND]

    def chosen(kind=layers.GRU, **arguments):
        layer = kind(3, **arguments)
        layer.build((None, 5, 2))
        return loops.choose_loop(layer)

    assert chosen() == fastest
    assert chosen(use_bias=False, dropout=0.5) == fastest
    assert chosen(kind=layers.MinGRU, use_bias=False, dropout=0.5) == without_fused
    assert chosen(kind=layers.SimpleRNN, recurrent_dropout=0.5) == "steps"
    assert chosen(activation="relu") == "steps"
    assert chosen(recurrent_activation="hard_sigmoid") == "steps"
    assert chosen(reset_after=False) == "steps"
    assert chosen(unroll=True) == "steps"
    assert chosen(dropout=0.5, implementation=1) == "steps"
    assert chosen(loop="reference") == "reference"
    assert chosen(dtype="mixed_bfloat16") == fastest


def test_a_loop_that_is_not_possible():
    layer = layers.LSTM(3, activation="relu", loop="reference")
    with pytest.raises(ValueError, match="possible here: steps"):
        layer(np.zeros((2, 5, 3), "float32"))
    with pytest.raises(ValueError, match="`loop` must be one of"):
        layers.LSTM(3, loop="fastest")
    assert layers.LSTM.from_config(layer.get_config()).loop == "reference"


@pytest.mark.parametrize("backend", ["tensorflow", "jax", "torch"])
def test_on_a_gpu(backend, monkeypatch):
    """Which loop a GPU would get: there is none here, so by the conditions alone."""
    monkeypatch.setattr(loops, "on_gpu", lambda: True)
    monkeypatch.setattr(agreement, "computes", lambda loop, cell: True)
    monkeypatch.setattr(keras.backend, "backend", lambda: backend)
    expected = {
        "tensorflow": ["cudnn", "cudnn", "cudnn", "reference"],
        "jax": ["cudnn", "reference", "reference", "reference"],
        "torch": ["torch", "torch", "torch", "reference"],
    }[backend]
    cells = ("lstm", "gru", "rnn", "mingru")
    found = [loops.choose_loop(layers.recurrent(cell, 3)) for cell in cells]
    assert found == expected
    assert loops.choose_loop(layers.LSTM(3, use_cudnn=False)) == "reference"
    if backend == "jax":
        assert loops.choose_loop(layers.LSTM(3, dtype="float64")) == "reference"


@pytest.mark.skipif(BACKEND != "jax", reason="JAX's reference for cuDNN stands in for it")
@pytest.mark.parametrize("kind", [None, "holes", "right-padded"])
@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
def test_cudnn_from_jax(kind, dtype, monkeypatch):
    """What is handed to cuDNN and made of its answer, where no GPU is."""
    from jax.experimental import rnn

    def stand_in(x, h, c, row, lengths, input_size, hidden_size, num_layers, **more):
        assert {tensor.dtype.name for tensor in (x, h, c, row)} == {"float32"}
        sizes = (input_size, hidden_size, num_layers)
        weights = rnn.unpack_lstm_weights(row, *sizes, bidirectional=False)
        return rnn.lstm_ref(x, h, c, *weights, lengths, *sizes, 0.0, False)

    monkeypatch.setattr(rnn, "lstm", stand_in)
    x, mask = batch(9, 33), None if kind is None else mask_of(kind, 9, 33)
    expected = outputs_and_gradients(make("lstm", "steps", dtype=dtype), x, mask)
    monkeypatch.setattr(loops, "on_gpu", lambda: True)
    found = outputs_and_gradients(make("lstm", "cudnn", dtype=dtype), x, mask)
    assert_close(found, expected, 1e-4 if dtype == "float32" else 0.05)


@pytest.mark.skipif(not loops.on_gpu(), reason="no GPU here")
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("kind", [None, "holes", "right-padded"])
@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
def test_where_a_gpu_is(cell, kind, dtype):
    x, mask = batch(9, 33), None if kind is None else mask_of(kind, 9, 33)
    assert_close(
        outputs_and_gradients(make(cell, "auto", dtype=dtype), x, mask),
        outputs_and_gradients(make(cell, "reference", dtype=dtype), x, mask),
        1e-3 if dtype == "float32" else 0.1,
    )


def assert_close(found, expected, tolerance):
    for ours, theirs in zip(found, expected, strict=True):
        ours, theirs = np.asarray(ours, "float64"), np.asarray(theirs, "float64")
        assert np.linalg.norm(ours - theirs) <= tolerance * np.linalg.norm(theirs)


def test_which_masks_cudnn_takes():
    assert ops.convert_to_numpy(cudnn.fits(np.array([[1, 1, 0], [1, 1, 1]], bool)))
    for bad in ([[1, 0, 1]], [[0, 1, 1]], [[0, 0, 0]]):
        assert not ops.convert_to_numpy(cudnn.fits(np.array([[1, 1, 1], *bad], bool)))


def test_weights_as_cudnn_takes_them():
    """The order documented by NVIDIA: input weights, recurrent weights, biases, gate by gate."""
    kernel, recurrent = np.arange(9.0)[None], 10 + np.arange(27.0).reshape(3, 9)
    bias = 100 + np.arange(18.0).reshape(2, 9)
    row = ops.convert_to_numpy(
        cudnn.parameters(
            layers.GRUCell.equations, *map(ops.convert_to_tensor, (kernel, recurrent, bias))
        )
    )
    assert row[:9].tolist() == [3, 4, 5, 0, 1, 2, 6, 7, 8]
    assert row[9:15].tolist() == [13, 22, 31, 14, 23, 32]
    assert row[36:].tolist() == [
        *(103, 104, 105, 100, 101, 102, 106, 107, 108),
        *(112, 113, 114, 109, 110, 111, 115, 116, 117),
    ]
