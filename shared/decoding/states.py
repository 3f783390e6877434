"""The states of the rows: any nested structure of arrays, on the device, first axis the rows."""

import functools

import keras
import numpy as np
from keras import ops


def compile_step(step, model=None):
    """Make a step function quick: one call of a compiled program instead of one per operation.

    Further arguments of the step are passed on, so that what never changes from step to step, such
    as the memory that a decoder attends to, need not be among the states, which beam search moves
    about. The rows of a sequence stay its own, so `repeat(memory, beam_width)` is right at every
    step:

    >>> quick = compile_step(lambda tokens, states, memory: ..., model)    # once
    >>> def step(tokens, states):                                          # for each batch
    ...     return quick(tokens, states, memory)

    Args:
        step: (tokens (rows,), states, more) -> (logits (rows, vocabulary), states), made of
            Keras operations; without side effects.
        model: what has the weights that the step uses, as `.variables`. JAX wants to know: without
            it, its program keeps the weights of the first call.

    Returns:
        A function that takes and returns the same. It is compiled anew for new shapes.
    """
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        return tf.function(step, autograph=False, reduce_retracing=True)
    if backend == "jax":
        import jax

        variables = [] if model is None else model.variables

        @jax.jit
        def with_weights(weights, *arguments, **more):
            with keras.StatelessScope(state_mapping=zip(variables, weights, strict=True)):
                return step(*arguments, **more)

        def quick(*arguments, **more):
            return with_weights([variable.value for variable in variables], *arguments, **more)

        return quick
    if backend == "torch":
        import torch

        return torch.no_grad()(step)
    return step


def repeat(states, times):
    """Every row `times` times, its copies next to each other, as beam search lays out its rows.

    Args:
        states: nested structure of arrays, each (rows, ...).
        times: how often, the beam width.

    Returns:
        The same structure of arrays (rows * times, ...).
    """

    def repeated(state):
        return (np if isinstance(state, np.ndarray) else ops).repeat(state, times, axis=0)

    return keras.tree.map_structure(repeated, states)


def reorder(states, rows):
    """Give each row the state of another.

    Args:
        states: nested structure of arrays, each (rows, ...).
        rows: (rows,), the row whose state each row goes on from.
    """
    if np.array_equal(rows, np.arange(len(rows))):
        return states
    if all(isinstance(state, np.ndarray) for state in keras.tree.flatten(states)):
        return keras.tree.map_structure(lambda state: state[rows], states)
    return _compiled_gather()(states, rows)


@functools.cache
def _compiled_gather():
    def gather(states, rows):
        return keras.tree.map_structure(lambda state: ops.take(state, rows, axis=0), states)

    return compile_step(gather)


def read_prompts(step, prompts, states, copies=1):
    """Feed all prompts up to, and without, their last tokens.

    A shorter prompt begins later, so that all end together; until then its row keeps its state.

    Args:
        step: the step function.
        prompts: list of int32 arrays.
        states: the states before the prompts, first axis the prompts.
        copies: rows of each prompt, next to each other.

    Returns:
        `(tokens, states)`: the last tokens, (prompts * copies,), which the next step reads, and
        the states before them.

    Raises:
        ValueError: if the states don't have a row for each prompt.
    """
    for state in keras.tree.flatten(states):
        if not np.ndim(state) or len(state) != len(prompts):
            raise ValueError(
                f"Prompts: {len(prompts)}, but a state has the shape {tuple(np.shape(state))}: its "
                "first axis must be the prompts."
            )
    prompts = [prompt for prompt in prompts for _ in range(copies)]
    states = repeat(states, copies) if copies > 1 else states
    lengths = np.array([len(prompt) for prompt in prompts])
    begins = lengths.max() - lengths
    table = np.stack(
        [np.pad(prompt, (begin, 0), "edge") for prompt, begin in zip(prompts, begins, strict=True)]
    )
    for place in range(lengths.max() - 1):
        after = step(table[:, place], states)[1]
        begun = begins <= place
        states = after if begun.all() else _choose(begun, after, states)
    return table[:, -1], states


def _choose(first, one, other):
    """Row by row, the states of `one` where `first` is true, else of `other`."""

    def choose(a, b):
        both_numpy = isinstance(a, np.ndarray) and isinstance(b, np.ndarray)
        condition = first.reshape(-1, *[1] * (len(a.shape) - 1))
        return (np if both_numpy else ops).where(condition, a, b)

    return keras.tree.map_structure(choose, one, other)


def to_host(logits, rows, stop_token):
    """The logits of a step as a NumPy array in single or double precision.

    Raises:
        ValueError: if they aren't (rows, vocabulary), or the stop token isn't among them.
    """
    logits = logits if isinstance(logits, np.ndarray) else ops.convert_to_numpy(logits)
    if logits.ndim != 2 or len(logits) != rows:
        raise ValueError(
            f"The step function returned logits of shape {logits.shape}; for {rows} rows they must "
            f"be ({rows}, vocabulary)."
        )
    if stop_token is not None and stop_token >= logits.shape[1]:
        raise ValueError(f"stop_token {stop_token} is outside the {logits.shape[1]} logits.")
    # Half precision ends here: its sums over a vocabulary would be too coarse to rank by.
    return logits if logits.dtype in ("float32", "float64") else logits.astype("float32")
