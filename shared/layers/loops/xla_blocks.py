"""Blocks of timesteps as programs that XLA compiles, for `xla.py`, which says why.

A block has room for `BLOCK` steps; how many of them count is an argument, so that one program
serves sequences of all lengths. Shapes are time-major, (BLOCK, rows, features).

What a block computes step by step it collects in a TensorList, the tensor of tensors behind
`tf.TensorArray`, which unlike that class can be handed from one function to another.

The second half of the file cuts sequences into blocks, and the batch into parts.
"""

import functools

from .equations import masked_backward_step, masked_step

BLOCK = 16


@functools.cache
def programs(equations, functions, sizes):
    """The programs that XLA compiles: a block forward, in three forms, and backward.

    `"last"` keeps nothing, `"infer"` the hidden states of all steps, `"remember"` all that the
    backward pass needs.

    Args:
        equations: the `Equations` of a cell, in the form for XLA.
        functions: what `equations.functions()` gives, so that changed ones get other programs.
        sizes: units and precision; layers that agree in them share programs.
    """
    import tensorflow as tf

    def block(kept_states, keep, x, mask, steps, states, weights):
        """x: U x of each step (BLOCK, rows, ...) -> last states, [states of all steps, records]."""
        bias, *weights = weights
        rows, units = tf.shape(x)[1], states[0].shape[-1]
        widths = [units] * kept_states
        widths += [equations.kept * units] if keep and equations.kept else []
        lists = [new_list(BLOCK, (rows, width), x.dtype) for width in widths]

        def step(t, states, lists):
            now = None if mask is None else mask[t][:, None]
            after, record = masked_step(equations, x[t] + bias, states, weights, now)
            # `tf.while_loop` wants states of the same static shape after a step as before it, and
            # the product in the step loses the number of rows.
            states = [tf.ensure_shape(a, b.shape) for a, b in zip(after, states, strict=True)]
            values = [*states[:kept_states], record]
            lists = [put(one, t, value) for one, value in zip(lists, values, strict=False)]
            return t + 1, states, lists

        _, states, lists = tf.while_loop(
            lambda t, *_: t < steps, step, (tf.constant(0), tuple(states), lists)
        )
        return states, [
            stack(one, BLOCK, (rows, width), x.dtype)
            for one, width in zip(lists, widths, strict=True)
        ]

    def back(memory, before, upstream, mask, steps, gradients, recurrent_transposed):
        """Backward through a block -> gradients of the states before, dE/dz of all steps."""
        states, record = memory[: equations.states], memory[equations.states :]
        earlier = [
            tf.concat([b[None], s[:-1]], axis=0) for b, s in zip(before, states, strict=True)
        ]
        rows, width = tf.shape(states[0])[1], max(equations.kept, 1) * before[0].shape[-1]
        found = new_list(BLOCK, (rows, width), states[0].dtype)

        def step(t, gradients, found):
            now = None if mask is None else mask[t][:, None]
            shapes = [gradient.shape for gradient in gradients]
            if upstream is not None:
                gradients = (gradients[0] + upstream[t], *gradients[1:])
            dz, gradients = masked_backward_step(
                equations,
                record[0][t] if record else None,
                [e[t] for e in earlier],
                [s[t] for s in states],
                gradients,
                recurrent_transposed,
                now,
            )
            gradients = [tf.ensure_shape(g, s) for g, s in zip(gradients, shapes, strict=True)]
            return t - 1, gradients, put(found, t, dz)

        _, gradients, found = tf.while_loop(
            lambda t, *_: t >= 0, step, (steps - 1, tuple(gradients), found)
        )
        return gradients, stack(found, BLOCK, (rows, width), states[0].dtype)

    def compiled(function):
        return tf.function(function, jit_compile=True, autograph=False, reduce_retracing=True)

    return {
        "last": compiled(functools.partial(block, 0, False)),
        "infer": compiled(functools.partial(block, 1, False)),
        "remember": compiled(functools.partial(block, equations.states, True)),
        "back": compiled(back),
    }


def new_list(length, shape, dtype):
    import tensorflow as tf

    return tf.raw_ops.TensorListReserve(
        element_shape=tf.stack(shape), num_elements=length, element_dtype=dtype
    )


def put(values, index, value):
    import tensorflow as tf

    return tf.raw_ops.TensorListSetItem(input_handle=values, index=index, item=value)


def get(values, index, shape, dtype):
    import tensorflow as tf

    shape = [-1 if size is None else size for size in shape]
    return tf.raw_ops.TensorListGetItem(
        input_handle=values, index=index, element_shape=shape, element_dtype=dtype
    )


def stack(values, length, shape, dtype):
    import tensorflow as tf

    stacked = tf.raw_ops.TensorListStack(
        input_handle=values, element_shape=tf.stack(shape), element_dtype=dtype
    )
    static = [None if tf.is_tensor(size) else size for size in shape]
    stacked.set_shape((None if tf.is_tensor(length) else length, *static))
    return stacked


def _rows(batch, parts):
    """Rows of part a batch: 1, 2, 4, 8, or a multiple of 16, so that there are few programs."""
    import tensorflow as tf

    part = -(-batch // parts)
    small = tf.where(part <= 2, part, tf.where(part <= 4, 4, 8))
    return tf.where(part <= 8, small, (part + 15) // 16 * 16)


def parts_of_time(values, count, parts):
    """(batch, timesteps, ...) -> two of (blocks * BLOCK, rows, ...), filled up with zeros."""
    import tensorflow as tf

    if values.dtype == tf.bool:
        # oneDNN transposes no booleans, and says so on the screen; a cast in place of `where`
        # would be moved behind the transposition by TensorFlow's optimizer.
        numbers = parts_of_time(tf.where(values, 1.0, 0.0), count, parts)
        return [part > 0 for part in numbers]
    batch, timesteps = tf.shape(values)[0], tf.shape(values)[1]
    rows = _rows(batch, parts)
    rest = [[0, 0]] * (len(values.shape) - 2)
    swap = (1, 0, *range(2, len(values.shape)))
    values = tf.pad(
        tf.transpose(values, swap),
        [[0, count * BLOCK - timesteps], [0, parts * rows - batch], *rest],
    )
    return [values[:, n * rows : (n + 1) * rows] for n in range(parts)]


def parts_of_batch(states, parts):
    """[(batch, units)] -> [(rows, units)] for the first part, and for the second."""
    import tensorflow as tf

    batch = tf.shape(states[0])[0]
    rows = _rows(batch, parts)
    states = [tf.pad(state, [[0, parts * rows - batch], [0, 0]]) for state in states]
    return [[state[n * rows : (n + 1) * rows] for state in states] for n in range(parts)]


def block_of(values, j):
    """Steps of block j out of (blocks * BLOCK, rows, ...)."""
    values = values[j * BLOCK : (j + 1) * BLOCK]
    values.set_shape((BLOCK, *values.shape[1:]))
    return values


def join_blocks(values):
    """(blocks, BLOCK, rows, width) -> (blocks * BLOCK, rows, width)."""
    import tensorflow as tf

    return tf.reshape(values, (-1, tf.shape(values)[2], values.shape[-1]))


def same_shape(value, like):
    """Give back the static shape that a compiled call loses and `tf.while_loop` wants."""
    import tensorflow as tf

    return tf.ensure_shape(value, like.shape)
