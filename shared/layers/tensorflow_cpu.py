"""The loop over time on TensorFlow and CPU, about twice as fast as TensorFlow's own.

TensorFlow runs a loop one small operation after the other, and each leaves its result in memory
for the next. XLA compiles a loop into one program; but it compiles anew for each shape, which
batches of many lengths would make it do all day, and inside one program the cores wait for each
other at every step. Hence:

1. Time is cut into blocks of `BLOCK` steps. A block is a compiled program, called from an
   ordinary loop of the graph; how many of its steps count is an argument. So one program serves
   sequences of all lengths.
2. The batch is cut into two halves, each with a loop of its own. Nothing ties the two together,
   so TensorFlow runs them on two cores side by side. Rows are rounded up (`_rows`), so that the
   incomplete last batches of an epoch don't each need a program of their own.
3. The way back is written by hand (`bptt.py`). The forward pass keeps states and gates block by
   block; the backward blocks hold one matrix product per step.
4. The input's product is one per block. The gradients of the weights and of the input are one
   large product each after the loop, by TensorFlow, on both cores.

Shapes: sequences run time-major inside, (timesteps, rows, features). A list of blocks is a
TensorList, the tensor of tensors behind `tf.TensorArray`, which can pass between functions.
"""

import functools

from . import bptt

BLOCK = 16


def run(
    equations,
    sequences,
    states,
    kernel,
    recurrent_kernel,
    bias,
    mask,
    return_sequences=True,
    training=True,
):
    """Run a recurrence over all timesteps.

    Args:
        equations: a class of `bptt`.
        sequences: (batch, timesteps, features), in the order to be read.
        states: the initial state, each part (batch, units).
        kernel, recurrent_kernel, bias: the weights of the cell.
        mask: (batch, timesteps) booleans or None.
        return_sequences: whether the hidden states of all timesteps are asked for.
        training: whether gradients are to be expected. Without, nothing is remembered for them;
            should one be asked for after all, the forward pass is run again.

    Returns:
        Hidden states (batch, timesteps, units) or None, and the parts of the last state.
    """
    import tensorflow as tf

    sources = [sequences, kernel, recurrent_kernel, bias, *states]
    loop = _differentiable(equations, return_sequences, training)
    results = loop(mask, *[tf.convert_to_tensor(source) for source in sources])
    return (results[0], results[1:]) if return_sequences else (None, results)


@functools.cache
def _differentiable(equations, return_sequences, training):
    """The recurrence of one kind of cell with its gradient; made once, shared by all layers."""
    import tensorflow as tf

    def graph(function):
        return tf.function(function, autograph=False, reduce_retracing=True)

    programs = _programs(equations)
    remember, infer = (
        graph(functools.partial(_forward, equations, programs[name], keep, return_sequences))
        for name, keep in (("remember", True), ("infer", False))
    )
    backward = graph(functools.partial(_backward, equations, programs["back"]))

    count = 4 + equations.states

    def differentiable(mask, *sources):
        @tf.custom_gradient
        def loop(*sources):
            # Without stop_gradient an eager tape would differentiate the inside, loops and all.
            stopped = [tf.stop_gradient(source) for source in sources]
            results, memory = (remember if training else infer)(mask, *stopped)

            def gradient(*upstream):
                @tf.custom_gradient
                def first_order(*arguments):
                    stopped = [tf.stop_gradient(argument) for argument in arguments]
                    sources, upstream = stopped[:count], stopped[count:]
                    kept = memory if training else remember(mask, *sources)[1]
                    found = backward(mask, kept, sources, upstream)
                    return found, functools.partial(_second_order, equations, mask, arguments)

                return first_order(*sources, *upstream)

            return results, gradient

        return loop(*sources)

    return differentiable


@functools.cache
def _programs(equations):
    """The three programs that XLA compiles: a block forward, with and without memory, and back."""
    import tensorflow as tf

    def block(keep, x, mask, steps, states, weights):
        """x (BLOCK, rows, features) -> last states, [states of all steps, records]."""
        kernel, bias, *weights = weights
        products = tf.matmul(tf.reshape(x, (-1, x.shape[-1])), kernel) + bias
        products = tf.reshape(products, (BLOCK, -1, products.shape[-1]))
        rows, units = tf.shape(x)[1], states[0].shape[-1]
        widths = [units] * (equations.states if keep else 1)
        widths += [equations.kept * units] if keep and equations.kept else []
        lists = [_new_list(BLOCK, (rows, width), x.dtype) for width in widths]

        def step(t, states, lists):
            now = None if mask is None else mask[t][:, None]
            states, record = bptt.masked_step(equations, products[t], states, weights, now)
            values = [*states, record] if keep else states
            lists = [_put(one, t, value) for one, value in zip(lists, values, strict=False)]
            return t + 1, states, lists

        _, states, lists = tf.while_loop(
            lambda t, *_: t < steps, step, (tf.constant(0), tuple(states), lists)
        )
        return states, [
            _stack(one, BLOCK, (rows, width), x.dtype)
            for one, width in zip(lists, widths, strict=True)
        ]

    def back(memory, before, upstream, mask, steps, gradients, recurrent_transposed):
        """The way back through a block -> gradients of the states before, dE/dz of all steps."""
        states, record = memory[: equations.states], memory[equations.states :]
        earlier = [
            tf.concat([b[None], s[:-1]], axis=0) for b, s in zip(before, states, strict=True)
        ]
        rows, width = tf.shape(states[0])[1], max(equations.kept, 1) * before[0].shape[-1]
        found = _new_list(BLOCK, (rows, width), states[0].dtype)

        def step(t, gradients, found):
            now = None if mask is None else mask[t][:, None]
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
            return t - 1, gradients, _put(found, t, dz)

        _, gradients, found = tf.while_loop(
            lambda t, *_: t >= 0, step, (steps - 1, tuple(gradients), found)
        )
        return gradients, _stack(found, BLOCK, (rows, width), states[0].dtype)

    def compiled(function):
        return tf.function(function, jit_compile=True, autograph=False, reduce_retracing=True)

    return {
        "infer": compiled(functools.partial(block, False)),
        "remember": compiled(functools.partial(block, True)),
        "back": compiled(back),
    }


def _forward(
    equations,
    program,
    keep,
    return_sequences,
    mask,
    sequences,
    kernel,
    recurrent_kernel,
    bias,
    *states,
):
    """-> (outputs, *last states), and with `keep` the memory of each half for the way back."""
    import tensorflow as tf

    batch, timesteps = tf.shape(sequences)[0], tf.shape(sequences)[1]
    blocks = -(-timesteps // BLOCK)
    weights = equations.folded(kernel, recurrent_kernel, bias)
    outputs, lasts, memory = [], [], []
    masks = [None, None] if mask is None else _halves_of_time(mask, blocks)
    parts = zip(_halves_of_time(sequences, blocks), masks, _halves_of_batch(states), strict=True)
    for x, mask_half, start in parts:
        count = equations.states + bool(equations.kept) if keep else 1
        lists = [_new_list(blocks, (-1, -1, -1), x.dtype) for _ in range(count)]

        def step(j, states, lists, x=x, mask_half=mask_half):
            steps = tf.minimum(BLOCK, timesteps - j * BLOCK)
            now = None if mask_half is None else _block(mask_half, j)
            after, values = program(_block(x, j), now, steps, states, weights)
            lists = [_put(one, j, value) for one, value in zip(lists, values, strict=True)]
            after = [_same_shape(a, b) for a, b in zip(after, states, strict=True)]
            return j + 1, after, lists

        _, last, lists = tf.while_loop(
            lambda j, *_: j < blocks, step, (tf.constant(0), list(start), lists)
        )
        hidden = _stack(lists[0], blocks, (BLOCK, tf.shape(x)[1], start[0].shape[-1]), x.dtype)
        hidden = _join_blocks(hidden)
        if return_sequences:
            outputs.append(tf.transpose(hidden[:timesteps], (1, 0, 2)))
        lasts.append(last)
        memory.append((x, hidden, start, lists))

    results = [outputs] if return_sequences else []
    results = [tf.concat(pair, axis=0)[:batch] for pair in [*results, *zip(*lasts, strict=True)]]
    results = [
        tf.ensure_shape(result, (sequences.shape[0], *result.shape[1:])) for result in results
    ]
    return results, memory if keep else []


def _backward(equations, program, mask, memory, sources, upstream):
    """Gradients of sequences, weights and initial states, from those of outputs and last states."""
    import tensorflow as tf

    sequences, kernel, recurrent_kernel = sources[:3]
    units = recurrent_kernel.shape[0]
    batch, timesteps = tf.shape(sequences)[0], tf.shape(sequences)[1]
    blocks = -(-timesteps // BLOCK)
    recurrent_transposed = tf.transpose(recurrent_kernel)
    masks = [None, None] if mask is None else _halves_of_time(mask, blocks)
    return_sequences = len(upstream) > equations.states
    d_outputs = _halves_of_time(upstream[0], blocks) if return_sequences else [None, None]
    d_last = _halves_of_batch(upstream[-equations.states :])
    halves = zip(memory, masks, d_outputs, d_last, strict=True)
    d_inputs, d_states, sums = [], [], []
    for (x, hidden, start, lists), mask_half, d_outputs, d_last in halves:
        rows = tf.shape(x)[1]
        widths = [units] * equations.states
        widths += [equations.kept * units] if equations.kept else []
        wide = max(equations.kept, 1) * units

        def step(j, gradients, found, *, half):
            lists, start, mask_half, d_outputs, widths, x = half
            steps = tf.minimum(BLOCK, timesteps - j * BLOCK)
            blocks_kept = [
                _get(one, j, (BLOCK, x.shape[1], width), x.dtype)
                for one, width in zip(lists, widths, strict=True)
            ]
            before = [
                tf.cond(
                    j > 0,
                    lambda one=one, s=s: _get(one, j - 1, (BLOCK, *s.shape), x.dtype)[-1],
                    lambda s=s: s,
                )
                for one, s in zip(lists, start, strict=False)
            ]
            d_outputs, now = (
                None if values is None else _block(values, j) for values in (d_outputs, mask_half)
            )
            d_before, dz = program(
                blocks_kept, before, d_outputs, now, steps, gradients, recurrent_transposed
            )
            d_before = [_same_shape(a, b) for a, b in zip(d_before, gradients, strict=True)]
            return j - 1, d_before, _put(found, j, dz)

        half = (lists, start, mask_half, d_outputs, widths, x)
        _, gradients, found = tf.while_loop(
            lambda j, *_: j >= 0,
            functools.partial(step, half=half),
            (blocks - 1, list(d_last), _new_list(blocks, (-1, -1, -1), x.dtype)),
        )
        dz = _join_blocks(_stack(found, blocks, (BLOCK, rows, wide), x.dtype))[:timesteps]
        of_input, of_state = equations.parts(dz)
        d_x = _product(of_input, tf.transpose(kernel))
        d_inputs.append(tf.transpose(d_x, (1, 0, 2)))
        d_states.append(gradients)
        sums.append(
            (
                _sum_of_products(x[:timesteps], of_input),
                _sum_of_products(hidden[: timesteps - 1], of_state[1:])
                + tf.matmul(start[0], of_state[0], transpose_a=True),
                equations.bias_gradient(
                    tf.reduce_sum(of_input, axis=(0, 1)), tf.reduce_sum(of_state, axis=(0, 1))
                ),
            )
        )
    d_sequences = tf.concat(d_inputs, axis=0)[:batch]
    d_weights = [one + other for one, other in zip(*sums, strict=True)]
    d_initial = [tf.concat(pair, axis=0)[:batch] for pair in zip(*d_states, strict=True)]
    return [d_sequences, *d_weights, *d_initial]


def _second_order(equations, mask, arguments, *upstream):
    """Gradients of the gradients: rare, so by autodiff through a loop of single steps."""
    import tensorflow as tf

    count = 4 + equations.states
    with tf.GradientTape() as outer:
        outer.watch(arguments)
        sources, seeds = arguments[:count], arguments[count:]
        with tf.GradientTape() as inner:
            inner.watch(sources)
            results = _plain_loop(equations, mask, *sources)[-len(seeds) :]
        first = inner.gradient(results, sources, output_gradients=list(seeds))
    return outer.gradient(
        first, arguments, output_gradients=list(upstream), unconnected_gradients="zero"
    )


def _plain_loop(equations, mask, sequences, kernel, recurrent_kernel, bias, *states):
    """The recurrence as TensorFlow can differentiate it as often as one likes."""
    import tensorflow as tf

    kernel, bias, *weights = equations.folded(kernel, recurrent_kernel, bias)
    products = tf.transpose(tf.matmul(sequences, kernel) + bias, (1, 0, 2))
    masks = None if mask is None else tf.transpose(mask)[:, :, None]

    def step(states, now):
        x, m = now if mask is not None else (now, None)
        return bptt.masked_step(equations, x, states, weights, m)[0]

    elements = products if mask is None else (products, masks)
    all_states = tf.scan(step, elements, initializer=tuple(states))
    return [tf.transpose(all_states[0], (1, 0, 2)), *[s[-1] for s in all_states]]


def _rows(batch):
    """Rows of half a batch: 1, 2, 4, or a multiple of 8, so that there are few programs."""
    import tensorflow as tf

    half = (batch + 1) // 2
    small = tf.where(half <= 2, half, 4)
    return tf.where(half <= 4, small, (half + 7) // 8 * 8)


def _halves_of_time(values, blocks):
    """(batch, timesteps, ...) -> two of (blocks * BLOCK, rows, ...), filled up with zeros."""
    import tensorflow as tf

    batch, timesteps = tf.shape(values)[0], tf.shape(values)[1]
    rows = _rows(batch)
    rest = [[0, 0]] * (len(values.shape) - 2)
    swap = (1, 0, *range(2, len(values.shape)))
    values = tf.pad(
        tf.transpose(values, swap),
        [[0, blocks * BLOCK - timesteps], [0, 2 * rows - batch], *rest],
    )
    return values[:, :rows], values[:, rows:]


def _halves_of_batch(states):
    """[(batch, units)] -> [(rows, units)] for the first half, and for the second."""
    import tensorflow as tf

    batch = tf.shape(states[0])[0]
    rows = _rows(batch)
    states = [tf.pad(state, [[0, 2 * rows - batch], [0, 0]]) for state in states]
    return [state[:rows] for state in states], [state[rows:] for state in states]


def _product(values, weights):
    """(timesteps, rows, m) times (m, n) -> (timesteps, rows, n)."""
    import tensorflow as tf

    product = tf.matmul(tf.reshape(values, (-1, values.shape[-1])), weights)
    return tf.reshape(product, (-1, tf.shape(values)[1], weights.shape[-1]))


def _sum_of_products(left, right):
    """Sum over timesteps and rows of left^T right."""
    import tensorflow as tf

    left = tf.reshape(left, (-1, left.shape[-1]))
    return tf.matmul(left, tf.reshape(right, (-1, right.shape[-1])), transpose_a=True)


def _block(values, j):
    """Steps of block j out of (blocks * BLOCK, rows, ...)."""
    values = values[j * BLOCK : (j + 1) * BLOCK]
    values.set_shape((BLOCK, *values.shape[1:]))
    return values


def _join_blocks(values):
    """(blocks, BLOCK, rows, width) -> (blocks * BLOCK, rows, width)."""
    import tensorflow as tf

    return tf.reshape(values, (-1, tf.shape(values)[2], values.shape[-1]))


def _same_shape(value, like):
    """The static shape is lost in a compiled call; loops insist on it."""
    import tensorflow as tf

    return tf.ensure_shape(value, like.shape)


def _new_list(length, shape, dtype):
    import tensorflow as tf

    return tf.raw_ops.TensorListReserve(
        element_shape=tf.stack(shape), num_elements=length, element_dtype=dtype
    )


def _put(values, index, value):
    import tensorflow as tf

    return tf.raw_ops.TensorListSetItem(input_handle=values, index=index, item=value)


def _get(values, index, shape, dtype):
    import tensorflow as tf

    shape = [-1 if size is None else size for size in shape]
    return tf.raw_ops.TensorListGetItem(
        input_handle=values, index=index, element_shape=shape, element_dtype=dtype
    )


def _stack(values, length, shape, dtype):
    import tensorflow as tf

    stacked = tf.raw_ops.TensorListStack(
        input_handle=values, element_shape=tf.stack(shape), element_dtype=dtype
    )
    static = [None if tf.is_tensor(size) else size for size in shape]
    stacked.set_shape((None if tf.is_tensor(length) else length, *static))
    return stacked
