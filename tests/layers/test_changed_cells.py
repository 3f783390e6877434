"""What a reader changes in a cell changes the layer: edited in its file, overridden, replaced.

A changed layer must compute the changed recurrence: outputs and gradients as of Keras's own loop
around the changed cell, and the same step by step in `trace` and `AttentionDecoder.step`.
"""

import importlib
import logging
import shutil
import sys
import types
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops

from shared import layers
from shared.layers import loops
from shared.layers.loops import agreement
from shared.layers.loops.equations import Equations
from shared.layers.recurrent import RecurrentLayer
from tests.layers.recurrences import random_weights
from tests.layers.test_same_as_keras import flat, gradient_of

BACKEND = keras.backend.backend()
CELLS = {
    "rnn": layers.SimpleRNN,
    "lstm": layers.LSTM,
    "gru": layers.GRU,
    "mingru": layers.MinGRU,
}
FAST = {"tensorflow": "xla", "jax": "reference", "torch": "torch"}[BACKEND]
UNITS = 4
X = np.random.default_rng(0).normal(size=(3, 9, 5)).astype("float32")

# One equation of each file, and what it becomes.
EDITS = {
    "rnn": ("s = self.activation(z)", "s = 0.5 * self.activation(z)"),
    "lstm": (
        "f = self.recurrent_activation(x_f + h_f + b_f)",
        "f = 0.5 * self.recurrent_activation(x_f + h_f + b_f)",
    ),
    "gru": ("h = z * h + (1 - z) * g", "h = z * h + 0.5 * (1 - z) * g"),
    "mingru": ("h = (1 - z) * h + z * g", "h = (1 - z) * h + 0.5 * z * g"),
}


def make(kind, weights=None, units=UNITS, **arguments):
    layer = kind(units, return_sequences=True, return_state=True, **arguments)
    layer.build(X.shape)
    layer.set_weights(weights or random_weights(layer))
    return layer


def results(layer):
    """Outputs in inference, and the gradients of a training for inputs and weights."""

    def outputs(x, training):
        found = layer(x, training=training)
        return found[0] if isinstance(found, (list, tuple)) else found

    def loss(sources):
        return ops.sum(ops.sin(outputs(sources[0], True)))

    return [*flat(outputs(X, False)), *gradient_of(loss, [X], layer.trainable_variables)]


def assert_close(found, expected):
    np.testing.assert_allclose(
        ops.convert_to_numpy(found), ops.convert_to_numpy(expected), rtol=1e-4, atol=1e-5
    )


def assert_changed_everywhere(layer, before):
    """The layer is not what it was, and is what its cell says, wherever that is asked."""
    found = results(layer)
    for now, then in zip(found, before, strict=True):
        assert np.abs(now - then).max() > 1e-3
    for ours, theirs in zip(
        found, results(keras.layers.RNN(layer.cell, return_sequences=True)), strict=True
    ):
        assert_close(ours, theirs)
    assert_close(layer.trace(X)["hidden_state"], found[0])

    decoder = layers.AttentionDecoder([layer], layers.LuongAttention(), units=3)
    memory = np.ones((3, 2, 6), "float32")
    together, _, _ = decoder(X, memory)
    states, vectors = decoder.get_initial_state(3), []
    for t in range(X.shape[1]):
        vector, _, states = decoder.step(X[:, t], states, memory)
        vectors.append(vector)
    assert_close(together, ops.stack(vectors, axis=1))


def halved(call):
    """A `call` that hands on half of the state."""

    def changed(self, inputs, states, training=False):
        _, states = call(self, inputs, states, training=training)
        states = [0.5 * state for state in states]
        return states[0], states

    return changed


@pytest.fixture
def edited(tmp_path, monkeypatch):
    """Function (edits of a file...) -> a copy of `shared/layers` in which they were made."""
    monkeypatch.syspath_prepend(tmp_path)
    names = []

    def copy(file_name="lstm.py", *edits):
        name = f"edited_{tmp_path.name.replace('-', '_')}_{len(names)}"
        names.append(name)
        source = Path(layers.__file__).parent
        shutil.copytree(source, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
        file = tmp_path / name / file_name
        text = file.read_text()
        for old, new in edits:
            assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {file_name}"
            text = text.replace(old, new)
        file.write_text(text)
        importlib.invalidate_caches()
        return importlib.import_module(name)

    yield copy
    for module in [m for m in sys.modules if m.split(".")[0] in names]:
        del sys.modules[module]


@pytest.mark.parametrize("cell", CELLS)
def test_an_equation_edited_in_its_file(cell, edited):
    kind = CELLS[cell]
    copy = edited(Path(importlib.import_module(kind.__module__).__file__).name, EDITS[cell])
    layer = make(getattr(copy, kind.__name__))
    assert_changed_everywhere(layer, results(make(kind, layer.get_weights())))


@pytest.mark.parametrize("cell", CELLS)
def test_a_cell_whose_call_is_overridden(cell):
    kind = CELLS[cell]
    changed_cell = type("Changed", (kind.cell_class,), {"call": halved(kind.cell_class.call)})
    layer = make(type("ChangedLayer", (kind,), {"cell_class": changed_cell}))
    assert_changed_everywhere(layer, results(make(kind, layer.get_weights())))


@pytest.mark.parametrize("cell", CELLS)
def test_a_call_that_is_replaced_on_the_class_of_a_built_layer(cell, monkeypatch):
    layer = make(CELLS[cell])
    before = results(layer)
    with monkeypatch.context() as patch:
        patch.setattr(type(layer.cell), "call", halved(type(layer.cell).call))
        assert_changed_everywhere(layer, before)
    for now, then in zip(results(layer), before, strict=True):
        np.testing.assert_array_equal(now, then)


def test_a_call_that_is_replaced_on_one_cell():
    layer, other = make(layers.LSTM), make(layers.LSTM)
    before = results(layer)
    layer.cell.call = types.MethodType(halved(layers.LSTMCell.call), layer.cell)
    assert loops.choose_loop(layer) == "steps"
    assert np.abs(results(layer)[0] - before[0]).max() > 1e-3
    assert loops.choose_loop(other) == FAST


@pytest.mark.parametrize("cell", CELLS)
def test_training_ends_where_keras_ends(cell, monkeypatch):
    monkeypatch.setattr(CELLS[cell].cell_class, "call", halved(CELLS[cell].cell_class.call))
    found = []
    for make_layer in (
        lambda: CELLS[cell](UNITS),
        lambda: keras.layers.RNN(CELLS[cell].cell_class(UNITS)),
    ):
        model = keras.Sequential([keras.Input((None, 5)), make_layer(), keras.layers.Dense(1)])
        model.set_weights(random_weights(model))
        model.compile(keras.optimizers.SGD(0.1), "mse")
        model.fit(X, np.ones((3, 1)), epochs=3, shuffle=False, verbose=0)
        found.append(model.get_weights())
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


INPUT_GATE = "i = self.recurrent_activation(x_i + h_i + b_i)"
CELL_STATE = "c = f * c + i * g\n        o ="  # in `call`, not in the equations below it
NOTICED = {
    "a clipped gate": (INPUT_GATE, INPUT_GATE + "\n        i = ops.clip(i, 0.01, 0.99)"),
    "a clipped cell": (CELL_STATE, "c = ops.clip(f * c + i * g, -25, 25)\n        o ="),
    "small states set to zero": (
        "h, c = states\n        drop",
        "h, c = states\n        h = ops.where(ops.abs(h) < 2e-3, 0 * h, h)\n        drop",
    ),
    "another way in training": (
        CELL_STATE,
        "c = f * c + (0.9 if training else 1) * i * g\n        o =",
    ),
    "no gradient through a gate": (INPUT_GATE, INPUT_GATE + "\n        i = ops.stop_gradient(i)"),
    "an output that is not the state": ("return h, [h, c]", "return 2 * h, [h, c]"),
    "one more gate": (
        "self.products(h, self.recurrent_kernel, drop_h)",
        "self.products(ops.tanh(h), self.recurrent_kernel, drop_h)",
    ),
}


@pytest.mark.parametrize("what", NOTICED)
def test_is_noticed(what, edited):
    copy = edited("lstm.py", NOTICED[what])
    assert loops_of(copy).choose_loop(make(copy.LSTM)) == "steps"


def loops_of(copy):
    return importlib.import_module(f"{copy.__name__}.loops")


def test_dropout_drawn_otherwise_is_noticed(edited):
    copy = edited("simple_rnn.py", ("inputs = inputs * dropped_inputs", "inputs = 0.9 * inputs"))
    choose = loops_of(copy).choose_loop
    assert choose(make(copy.SimpleRNN, dropout=0.5)) == "steps"
    assert choose(make(copy.SimpleRNN)) == FAST


def test_a_shift_that_only_some_layers_have_is_noticed(edited):
    shift = '+ getattr(self, "shift", 0.0))'
    copy = edited("lstm.py", (INPUT_GATE, INPUT_GATE[:-1] + shift))
    first, second = make(copy.LSTM), make(copy.LSTM)
    assert loops_of(copy).choose_loop(first) == FAST
    second.cell.shift = 1.0
    assert loops_of(copy).choose_loop(second) == "steps"


def test_weights_of_its_own_that_begin_at_zero_are_noticed(edited):
    """Peepholes: nothing but zeros is added before training, in a cell of any number of units."""
    build = (
        "    def build(self, shape):\n"
        "        super().build(shape)\n"
        '        self.peephole = self.add_weight((self.units,), "zeros", name="peephole")\n\n'
    )
    call = "    def call(self, inputs, states, training=False):\n"
    copy = edited(
        "lstm.py",
        (call, build + call),
        (INPUT_GATE, INPUT_GATE[:-1] + "+ self.peephole * c)"),
    )
    layer = make(copy.LSTM, units=agreement.UNITS)
    assert loops_of(copy).choose_loop(layer) == "steps"


def test_an_edited_backward_step_is_noticed(edited):
    """Of the two forms, each loop takes its own."""
    plain = ("do * o * (1 - o)", "do * o * (1 - o * o)")
    for_xla = ("dz = arriving * factors *", "dz = 1.01 * arriving * factors *")
    for edit, wrong in ((plain, "reference"), (for_xla, "xla")):
        copy = edited("lstm.py", edit)
        cell = make(copy.LSTM).cell
        agreed = {
            loop: importlib.import_module(f"{copy.__name__}.loops.agreement").computes(loop, cell)
            for loop in ("reference", "xla")
        }
        assert agreed == {"reference": wrong != "reference", "xla": wrong != "xla"}


def test_equations_changed_together_with_the_call_keep_a_fast_loop(edited):
    """But not one that PyTorch or NVIDIA made for the cell as it was."""
    copy = edited(
        "simple_rnn.py",
        EDITS["rnn"],
        ("return (ops.tanh(x + ", "return (0.5 * ops.tanh(x + "),
        ("dz = ds * (1 - s * s)", "dz = ds * (0.5 - 2 * s * s)"),
    )
    layer = make(copy.SimpleRNN)
    assert loops_of(copy).choose_loop(layer) == ("xla" if BACKEND == "tensorflow" else "reference")
    assert_changed_everywhere(layer, results(make(layers.SimpleRNN, layer.get_weights())))


def test_equations_replaced_later_are_not_computed_by_programs_from_before(monkeypatch):
    layer = make(layers.SimpleRNN, loop="xla" if BACKEND == "tensorflow" else "reference")
    before = results(layer)
    equations = type(layers.SimpleRNNCell.equations)
    step, backward_step = equations.step, equations.backward_step

    def half_step(x, states, weights):
        (s,), record = step(x, states, weights)
        return (0.5 * s,), record

    def half_backward_step(record, before, after, gradients, transposed):
        return backward_step(record, before, [2 * after[0]], [0.5 * gradients[0]], transposed)

    monkeypatch.setattr(equations, "step", staticmethod(half_step))
    with pytest.raises(ValueError, match="can't compute this layer"):
        layer(X)
    monkeypatch.setattr(equations, "backward_step", staticmethod(half_backward_step))
    monkeypatch.setattr(layers.SimpleRNNCell, "call", halved(layers.SimpleRNNCell.call))
    monkeypatch.setattr(layers.SimpleRNNCell.equations, "call", layers.SimpleRNNCell.call)
    assert_changed_everywhere(layer, before)


def test_an_unchanged_copy_and_a_subclass_without_changes_stay_fast(edited):
    copy = edited("lstm.py", ("i = self", "i = 1.0 * self"), ("Args, beside", "Arguments, beside"))
    assert loops_of(copy).choose_loop(make(copy.LSTM)) == FAST

    class Named(layers.LSTMCell):
        pass

    class NamedLSTM(layers.LSTM):
        cell_class = Named

    assert loops.choose_loop(make(NamedLSTM)) == FAST


class ScaledCell(layers.GRUCell):
    """A GRU whose new state is scaled by an argument of its own."""

    def __init__(self, units, scale=1.0, **kwargs):
        super().__init__(units, **kwargs)
        self.scale = scale

    def call(self, inputs, states, training=False):
        _, (h,) = super().call(inputs, states, training=training)
        return self.scale * h, [self.scale * h]

    def get_config(self):
        return {**super().get_config(), "scale": self.scale}


class ScaledGRU(layers.GRU):
    cell_class = ScaledCell


def test_a_cell_with_an_argument_of_its_own():
    layer = make(ScaledGRU, scale=0.5, use_bias=False, bias_initializer="ones")
    assert layer.cell.scale == 0.5 and not layer.cell.use_bias
    again = ScaledGRU.from_config(layer.get_config())
    assert again.get_config() == layer.get_config() and again.cell.scale == 0.5
    assert_changed_everywhere(layer, results(make(layers.GRU, layer.get_weights(), use_bias=False)))


class DecayCell(keras.layers.Layer):
    """h_t = 0.5 h_{t-1} + U x_t: a cell with nothing but what every cell needs."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = self.state_size = units

    def build(self, input_shape):
        self.kernel = self.add_weight((input_shape[-1], self.units), name="kernel")

    def call(self, inputs, states, training=False):
        h = 0.5 * states[0] + ops.matmul(inputs, self.kernel)
        return h, [h]


class DecayLayer(RecurrentLayer):
    cell_class = DecayCell


class DecayEquations(Equations):
    @staticmethod
    def hold_for(cell):
        return True

    @staticmethod
    def step(x, states, recurrent_kernel):
        return (0.5 * states[0] + x,), None

    @staticmethod
    def backward_step(record, before, after, gradients, recurrent_transposed):
        return gradients[0], (0.5 * gradients[0],)

    @staticmethod
    def parts(dz):
        return dz, dz[..., :0]


@pytest.mark.parametrize("fast", [False, True])
def test_a_cell_of_the_least_lines(fast, monkeypatch):
    if fast:
        monkeypatch.setattr(DecayCell, "equations", DecayEquations(DecayCell.call), raising=False)
    layer = make(DecayLayer)
    assert (loops.choose_loop(layer) != "steps") == fast
    (kernel,) = layer.get_weights()
    expected = np.zeros((3, UNITS))
    for t in range(X.shape[1]):
        expected = 0.5 * expected + X[:, t] @ kernel
    outputs, last = layer(X)
    assert_close(last, expected)
    assert_close(outputs[:, -1], expected)
    assert_close(layer.trace(X)["hidden_state"], outputs)
    by_keras = keras.layers.RNN(layer.cell, return_sequences=True)
    for ours, theirs in zip(results(layer), results(by_keras), strict=True):
        assert_close(ours, theirs)


def test_one_line_says_why_once(edited, caplog):
    copy = edited("lstm.py", EDITS["lstm"])
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            make(copy.LSTM)(X)
    lines = [record.getMessage() for record in caplog.records]
    assert lines == [
        "LSTMCell runs step by step, not in a fast loop: its `call` and its equations give other "
        "numbers."
    ]
    caplog.clear()

    class Halved(layers.GRUCell):
        call = halved(layers.GRUCell.call)

    class HalvedGRU(layers.GRU):
        cell_class = Halved

    for _ in range(2):
        make(HalvedGRU)(X)
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith("Halved runs step by step")
    assert "not the one that its equations stand beside" in line


def test_arguments_that_no_fast_loop_takes_need_no_line(caplog):
    for arguments in ({"activation": "relu"}, {"recurrent_dropout": 0.5}, {"unroll": True}):
        make(layers.LSTM, **arguments)(X)
    assert not caplog.records


def test_what_is_compared_is_compared_once(monkeypatch):
    compared = []
    compare = agreement._compare
    monkeypatch.setattr(agreement, "_disagreement", {})
    monkeypatch.setattr(
        agreement, "_compare", lambda *args: compared.append(args) or compare(*args)
    )
    for units in (3, 4, 5):
        layer = make(layers.LSTM, units=units, name=f"reader_{units}", seed=units)
        layer(X)
        layer(X)
    assert 1 <= len(compared) == len({loop for loop, *_ in compared})


def asked_in_a_functional_model(layer):
    keras.Model(inputs := keras.Input((None, 5)), layer(inputs)).predict(X, verbose=0)


def asked_while_compiling(layer):
    if BACKEND == "tensorflow":
        import tensorflow as tf

        tf.function(layer, jit_compile=False)(tf.constant(X))
    elif BACKEND == "jax":
        import jax

        jax.jit(layer)(X)
    else:
        import torch

        with torch.inference_mode(), keras.device("cpu"):
            layer(X)


def asked_under_differentiation(layer):
    gradient_of(lambda sources: ops.sum(layer(sources[0])[0]), [X], layer.trainable_variables)


@pytest.mark.parametrize(
    "ask", [asked_in_a_functional_model, asked_while_compiling, asked_under_differentiation]
)
def test_the_first_question_may_come_from_anywhere(ask, monkeypatch):
    """The comparison is one of numbers, wherever a layer first runs; a forced loop that can't
    compute the layer would be an error."""
    monkeypatch.setattr(agreement, "_disagreement", {})
    ask(make(layers.GRU, loop=FAST))
    assert set(agreement._disagreement.values()) == {None}
