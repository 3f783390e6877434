"""Whether a fast loop computes what a cell's `call` says.

Nobody can see from a function which numbers it gives. So one timestep of both is computed on a few
hundred rows of numbers and compared: outputs, states, and the gradients of all that went in, with
dropout and without. The numbers reach from 0.001 to 30 with both signs, so that every gate is
shut, open and in between somewhere, and a bound anywhere on the way shows.

This is done once for every `call`, its equations and the plain attributes of the cell; what was
found is kept. On TensorFlow it is done in float64, and any change of the equations shows. JAX and
PyTorch have float32 as a rule: there a change that moves no number by more than a ten-thousandth
of its size counts as none.
"""

import concurrent.futures
import contextlib
import functools
import logging
import types

import keras
import numpy as np
from keras import ops

from ..trace import gradients

ROWS, FEATURES, UNITS = 256, 2, 3
SMALLEST, LARGEST = 1e-3, 30
FUSED = ("torch", "cudnn")
PLAIN = {bool, int, float, str}
WEIGHTS = ("kernel", "recurrent_kernel", "bias")

_disagreement = {}  # what was compared -> what differed, or None
_said = set()
_log = logging.getLogger(__name__)


def states_equations(cell):
    """Whether the cell states equations that its arguments and its `call` leave valid."""
    return why_no_equations(cell) is None and cell.equations.hold_for(cell)


def why_no_equations(cell):
    """What makes the cell another than its equations describe, or None; numbers aside."""
    equations = getattr(cell, "equations", None)
    if equations is None:
        return "it states no equations for a fast loop"
    if "call" in vars(cell) or type(cell).call is not equations.call:
        return "its `call` is not the one that its equations stand beside"
    return None


def computes(loop, cell):
    """Whether a fast loop gives the numbers of the cell's `call`; compared at the first question.

    Args:
        loop: "reference", "xla", "torch" or "cudnn".
        cell: a built cell for which `states_equations` is true.
    """
    return _difference(loop, cell) is None


def say_why_not(layer):
    """Say once, in one line, why a layer runs step by step, unless its arguments are why."""
    cell = layer.cell
    why = why_no_equations(cell)
    if why is None:
        if layer.unroll or not cell.equations.hold_for(cell):
            return
        why = _difference("reference", cell)
    said = (type(cell), getattr(type(cell), "call", None), why)
    if said not in _said:
        _said.add(said)
        _log.warning("%s runs step by step, not in a fast loop: %s.", type(cell).__name__, why)


def _difference(loop, cell):
    equations = cell.equations.for_xla if loop == "xla" else cell.equations
    key = (loop, equations.functions(), *_identity(cell))
    if key not in _disagreement:
        # PyTorch's and NVIDIA's loops leave some masks to the reference, which must agree as well.
        loops = ("reference", loop) if loop in FUSED else (loop,)
        try:
            found = [_in_a_thread(_compare, each, equations, cell) for each in loops]
            _disagreement[key] = next(filter(None, found), None)
        except Exception as error:  # whatever an edited function may raise
            reason = str(error).strip().split("\n")[0]
            _disagreement[key] = f"its `call` and its equations can't be compared ({reason})"
    return _disagreement[key]


def _identity(cell):
    """What the numbers of a cell hang on: its class, our methods, and its plain attributes."""
    methods = []
    for kind in type(cell).__mro__:
        if kind.__module__.startswith("keras."):
            break
        methods += [f for f in vars(kind).values() if type(f) is types.FunctionType]
    of_every_layer = _attributes_of_every_layer()
    plain = [
        (name, value)
        for name, value in vars(cell).items()
        if type(value) in PLAIN and name not in of_every_layer
    ]
    return type(cell), *methods, *plain


@functools.cache
def _attributes_of_every_layer():
    """Attributes that say nothing about what a cell computes."""
    return {*vars(keras.layers.Layer(name="any")), "units", "state_size", "output_size", "seed"}


def _compare(loop, equations, cell):
    from . import load, on_gpu, reference

    double = keras.backend.backend() == "tensorflow"
    dtype = "float64" if double else "float32"
    # On a GPU, NVIDIA's kernels approximate tanh.
    tolerance = 1e-9 if double and loop not in FUSED else 1e-3 if on_gpu() else 1e-4
    run = load(loop).run if loop in FUSED else reference.run

    random = np.random.default_rng(0)
    sources = [
        _numbers(random, (ROWS, FEATURES), dtype),
        *(_numbers(random, (ROWS, UNITS), dtype) for _ in range(equations.states)),
    ]
    shapes = {name: _small_shape(cell, name) for name in WEIGHTS}
    names = [name for name, shape in shapes.items() if shape is not None]
    sources += [_numbers(random, shapes[name], dtype, 0.01, 2) for name in names]
    factors = [_numbers(random, (ROWS, UNITS), dtype, 0.1, 1) for _ in range(1 + equations.states)]
    drop = None
    if getattr(cell, "dropout", 0):
        drop = ops.convert_to_tensor(random.choice([0.0, 2.0], (ROWS, FEATURES)).astype(dtype))

    def apart(sources):
        x, states = sources[0], list(sources[1 : 1 + equations.states])
        return x, states, dict(zip(names, sources[1 + equations.states :], strict=True))

    # Weights and layers of its own have other sizes: a `call` that uses them can't be compared.
    attributes = {
        name: value
        for name, value in vars(cell).items()
        if not isinstance(value, (keras.Variable, keras.layers.Layer))
    }

    def by_call(sources, training):
        x, states, weights = apart(sources)
        small = object.__new__(type(cell))
        small.__dict__.update(attributes, units=UNITS, _dropout_mask=drop, **weights)
        output, after = type(cell).call(small, x, states, training=training)
        return [output, *after]

    def by_loop(sources, training):
        x, states, weights = apart(sources)
        if training and drop is not None:
            x = x * drop
        none = {"recurrent_kernel": ops.zeros((UNITS, 0), dtype=dtype)}
        none["bias"] = ops.zeros(equations.bias_shape(shapes["kernel"][-1]), dtype=dtype)
        weights = [weights.get(name, none.get(name)) for name in WEIGHTS]
        outputs, last = run(equations, x[:, None], states, *weights, None)
        return [outputs[:, 0], *last]

    def compute(sources):
        """Results and gradients of both, without dropout and with it."""
        found = []
        for training in (False, True):
            for by in (by_call, by_loop):

                def total(sources, by=by, training=training):
                    results = zip(by(sources, training), factors, strict=True)
                    return sum(ops.sum(result * factor) for result, factor in results)

                found.append((by(sources, training), gradients(total, sources)))
        return found

    if keras.backend.backend() == "jax":
        import jax

        compute = jax.jit(compute)  # else every operation is compiled by itself: seconds
    with _exact_products():
        called, looped, called_in_training, looped_in_training = compute(sources)
    for one, other, where in (
        (called, looped, ""),
        (called_in_training, looped_in_training, " in training"),
    ):
        for what, ours, theirs in zip(("numbers", "gradients"), one, other, strict=True):
            if not _all_close(ours, theirs, tolerance):
                return f"its `call` and its equations give other {what}{where}"
    return None


def _small_shape(cell, name):
    """The shape of a weight in a cell of `UNITS` units that reads `FEATURES`, or None."""
    weight = getattr(cell, name, None)
    if weight is None:
        return None
    *rows, columns = weight.shape
    first = {"kernel": [FEATURES], "recurrent_kernel": [UNITS]}.get(name, rows)
    return (*first, columns // cell.units * UNITS)


def _numbers(random, shape, dtype, smallest=SMALLEST, largest=LARGEST):
    """Numbers of all sizes and both signs, cut to 8 digits so that their products are exact."""
    sizes = np.exp(random.uniform(np.log(smallest), np.log(largest), shape))
    digits, exponent = np.frexp(sizes * random.choice([-1, 1], shape))
    return ops.convert_to_tensor(np.ldexp(np.round(digits * 256) / 256, exponent).astype(dtype))


def _all_close(found, expected, tolerance):
    for one, other in zip(found, expected, strict=True):
        one, other = (np.asarray(ops.convert_to_numpy(t), "float64") for t in (one, other))
        # A weight's gradient is a sum over the rows, as exact as the largest of its terms.
        size = np.abs(other) if len(one) == ROWS else np.abs(other).max(initial=0)
        if one.shape != other.shape or not np.all(np.abs(one - other) <= tolerance * (1 + size)):
            return False
    return True


@contextlib.contextmanager
def _exact_products():
    """Products in float32 on a GPU too, where the default is to take 10 bits of each number."""
    from . import on_gpu

    if on_gpu() and keras.backend.backend() == "jax":
        import jax

        with jax.default_matmul_precision("highest"):
            yield
    elif on_gpu() and keras.backend.backend() == "torch":
        import torch

        with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            yield
    else:
        yield


def _in_a_thread(function, *arguments):
    """Call the function outside of whatever this thread does.

    A graph that is being traced, a tape, a device scope, gradients that are switched off: all of
    these belong to a thread, on every backend.
    """
    with concurrent.futures.ThreadPoolExecutor(max_workers=1) as thread:
        return thread.submit(function, *arguments).result()
