"""Blocks of timesteps as programs that XLA compiles, for `tensorflow_cpu.py`, which says why.

A block has room for `BLOCK` steps; how many of them count is an argument, so that one program
serves sequences of all lengths. Shapes are time-major, (BLOCK, rows, features).

What a block computes step by step it collects in a TensorList, the tensor of tensors behind
`tf.TensorArray`, which unlike that class can be handed from one function to another.
"""

import functools

from . import bptt

BLOCK = 16


@functools.cache
def programs(equations, sizes):
    """The three programs that XLA compiles: a block forward, with and without memory, and back.

    Args:
        equations: a class of `bptt`.
        sizes: features, units and precision; layers that agree in them share programs.
    """
    import tensorflow as tf

    def block(keep, x, mask, steps, states, weights):
        """x (BLOCK, rows, features) -> last states, [states of all steps, records]."""
        kernel, bias, *weights = weights
        products = tf.matmul(tf.reshape(x, (-1, x.shape[-1])), kernel) + bias
        products = tf.reshape(products, (BLOCK, -1, products.shape[-1]))
        rows, units = tf.shape(x)[1], states[0].shape[-1]
        widths = [units] * (equations.states if keep else 1)
        widths += [equations.kept * units] if keep and equations.kept else []
        lists = [new_list(BLOCK, (rows, width), x.dtype) for width in widths]

        def step(t, states, lists):
            now = None if mask is None else mask[t][:, None]
            after, record = bptt.masked_step(equations, products[t], states, weights, now)
            # The product knows fewer dimensions than the states may; loops insist on the same.
            states = [tf.ensure_shape(a, b.shape) for a, b in zip(after, states, strict=True)]
            values = [*states, record] if keep else states
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
        """The way back through a block -> gradients of the states before, dE/dz of all steps."""
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
            dz, gradients = bptt.masked_back(
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
        "infer": compiled(functools.partial(block, False)),
        "remember": compiled(functools.partial(block, True)),
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
