"""The loop over time on TensorFlow and CPU, faster than TensorFlow's own (benchmarks/results).

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
3. The backward pass is written by hand (`equations.py`). The forward pass keeps states and gates
   block by block; the backward blocks hold one matrix product per step.
4. The input's product, and what the weights' and the input's gradients gain from a block, are
   one product per block each, large enough for both cores. The gradients at the gates of all
   timesteps, four times the states in size, are thus never in memory together.
5. In half precision the inside of a block is computed in float32. Only in bfloat16, which some
   processors multiply faster, are the products of 4 computed as asked for; their sums over blocks
   are float32 again.

Shapes: sequences run time-major inside, (timesteps, rows, features). A list of blocks is a
TensorList, the tensor of tensors behind `tf.TensorArray`, which can pass between functions.
"""

import functools

import keras

from . import xla_blocks as blocks
from .xla_blocks import BLOCK

WIDE = 256  # units from which on the product of a step is quicker gate by gate (measured)


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
    parts=2,
):
    """Run a recurrence over all timesteps.

    Args, beside those of `reference.run`:
        return_sequences: whether the hidden states of all timesteps are wanted.
        training: whether gradients are likely to follow. If not, nothing is kept for them; if one
            is wanted after all, the forward pass is run again.
        parts: how many parts of the batch are computed side by side.

    Returns:
        Hidden states (batch, timesteps, units) or None, and the parts of the last state.
    """
    import tensorflow as tf

    if sequences.shape[0] is None:  # a stateful layer's state knows the size of the batch
        sequences = tf.ensure_shape(sequences, (states[0].shape[0], None, None))
    asked = sequences.dtype
    if asked.size < 4:
        kernel, recurrent_kernel, bias, *states = (
            tf.cast(one, tf.float32) for one in (kernel, recurrent_kernel, bias, *states)
        )
    if asked == tf.float16:
        sequences = tf.cast(sequences, tf.float32)
    sizes = (
        *kernel.shape,
        recurrent_kernel.shape[0],
        keras.backend.standardize_dtype(kernel.dtype),
    )
    equations = equations.for_xla
    loop = _differentiable(
        equations, equations.functions(), return_sequences, training, parts, sizes
    )
    results = loop(mask, sequences, kernel, recurrent_kernel, bias, *states)
    # The graphs inside serve batches of all shapes; this gives back what is known of this one's.
    batch, timesteps, _ = sequences.shape
    units = recurrent_kernel.shape[0]
    results = [tf.cast(result, asked) for result in results]
    last = [tf.ensure_shape(state, (batch, units)) for state in results[-equations.states :]]
    outputs = tf.ensure_shape(results[0], (batch, timesteps, units)) if return_sequences else None
    return outputs, last


@functools.cache
def _differentiable(equations, functions, return_sequences, training, parts, sizes):
    """The recurrence of one kind of cell with its gradient; shared by all layers of like `sizes`.

    Made anew where one of the functions that the equations consist of is another than before.

    Layers of other sizes have their own: TensorFlow would otherwise trace one graph for them all,
    in which features and units are unknown.
    """
    import tensorflow as tf

    def graph(function):
        return tf.function(function, autograph=False, reduce_retracing=True)

    programs = blocks.programs(equations, functions, sizes[-2:])
    remember, infer = (
        graph(functools.partial(_forward, equations, programs[name], keep, return_sequences, parts))
        for name, keep in (("remember", True), ("infer" if return_sequences else "last", False))
    )
    backward = graph(functools.partial(_backward, equations, programs["back"], parts))

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
                    return backward(mask, kept, sources, upstream), _refuse_second_derivative

                return first_order(*sources, *upstream)

            return results, gradient

        return loop(*sources)

    return differentiable


def _forward(
    equations,
    program,
    keep,
    return_sequences,
    parts,
    mask,
    sequences,
    kernel,
    recurrent_kernel,
    bias,
    *states,
):
    """-> (outputs, *last states), and with `keep` the memory of each part for the backward pass."""
    import tensorflow as tf

    batch, timesteps = tf.shape(sequences)[0], tf.shape(sequences)[1]
    count = -(-timesteps // BLOCK)
    kernel, bias, recurrent_kernel, *rest = equations.folded(kernel, recurrent_kernel, bias)
    kernel = tf.cast(kernel, sequences.dtype)
    units, columns = recurrent_kernel.shape
    if columns and units >= WIDE:
        recurrent_kernel = tf.split(recurrent_kernel, columns // units, axis=-1)
    weights = [bias, recurrent_kernel, *rest]
    outputs, lasts, memory = [], [], []
    masks = [None] * parts if mask is None else blocks.parts_of_time(mask, count, parts)
    together = zip(
        blocks.parts_of_time(sequences, count, parts),
        masks,
        blocks.parts_of_batch(states, parts),
        strict=True,
    )
    for x, mask_part, start in together:
        kinds = equations.states + bool(equations.kept) if keep else int(return_sequences)
        lists = [blocks.new_list(count, (-1, -1, -1), bias.dtype) for _ in range(kinds)]

        def step(j, states, lists, x=x, mask_part=mask_part):
            steps = tf.minimum(BLOCK, timesteps - j * BLOCK)
            now = None if mask_part is None else blocks.block_of(mask_part, j)
            products = tf.cast(_product(blocks.block_of(x, j), kernel), bias.dtype)
            after, values = program(products, now, steps, states, weights)
            lists = [blocks.put(one, j, value) for one, value in zip(lists, values, strict=True)]
            after = [blocks.same_shape(a, b) for a, b in zip(after, states, strict=True)]
            return j + 1, after, lists

        _, last, lists = tf.while_loop(
            lambda j, *_: j < count, step, (tf.constant(0), list(start), lists)
        )
        lasts.append(last)
        if return_sequences:
            shape = (BLOCK, tf.shape(x)[1], start[0].shape[-1])
            hidden = blocks.join_blocks(blocks.stack(lists[0], count, shape, bias.dtype))
            outputs.append(tf.transpose(hidden[:timesteps], (1, 0, 2)))
        memory.append((x, start, lists))

    results = [outputs] if return_sequences else []
    results = [tf.concat(pair, axis=0)[:batch] for pair in [*results, *zip(*lasts, strict=True)]]
    return results, memory if keep else []


def _backward(equations, program, parts, mask, memory, sources, upstream):
    """Gradients of sequences, weights and initial states, from those of outputs and last states."""
    import tensorflow as tf

    sequences, kernel, recurrent_kernel, bias = sources[:4]
    units = recurrent_kernel.shape[0]
    batch, timesteps = tf.shape(sequences)[0], tf.shape(sequences)[1]
    count = -(-timesteps // BLOCK)
    kernel_transposed = tf.cast(tf.transpose(kernel), sequences.dtype)
    recurrent_transposed = tf.transpose(recurrent_kernel)
    masks = [None] * parts if mask is None else blocks.parts_of_time(mask, count, parts)
    return_sequences = len(upstream) > equations.states
    d_outputs = (
        blocks.parts_of_time(upstream[0], count, parts) if return_sequences else [None] * parts
    )
    d_last = blocks.parts_of_batch(upstream[-equations.states :], parts)
    widths = [units] * equations.states + ([equations.kept * units] if equations.kept else [])
    d_inputs, d_states, d_weights = [], [], []
    for (x, start, lists), mask_part, d_hidden, d_state in zip(
        memory, masks, d_outputs, d_last, strict=True
    ):

        def step(j, gradients, sums, found, *, part):
            x, start, lists, mask_part, d_hidden = part
            steps = tf.minimum(BLOCK, timesteps - j * BLOCK)
            kept = [
                blocks.get(one, j, (BLOCK, x.shape[1], width), bias.dtype)
                for one, width in zip(lists, widths, strict=True)
            ]
            before = [
                tf.cond(
                    j > 0,
                    lambda one=one, s=s: blocks.get(one, j - 1, (BLOCK, *s.shape), s.dtype)[-1],
                    lambda s=s: s,
                )
                for one, s in zip(lists, start, strict=False)
            ]
            upstream, now = (
                None if values is None else blocks.block_of(values, j)
                for values in (d_hidden, mask_part)
            )
            d_before, dz = program(
                kept, before, upstream, now, steps, gradients, recurrent_transposed
            )
            gradients = [blocks.same_shape(a, b) for a, b in zip(d_before, gradients, strict=True)]
            of_input, of_state = equations.parts(dz)
            hidden_before = tf.concat([before[0][None], kept[0][:-1]], axis=0)
            terms = (
                _sum_of_products(blocks.block_of(x, j), of_input, x.dtype),
                _sum_of_products(hidden_before, of_state, x.dtype),
                equations.bias_gradient(_sum(of_input), _sum(of_state)),
            )
            sums = [
                total + tf.cast(term, total.dtype) for total, term in zip(sums, terms, strict=True)
            ]
            found = blocks.put(found, j, _product(of_input, kernel_transposed))
            return j - 1, gradients, sums, found

        sums = [tf.zeros_like(weight) for weight in (kernel, recurrent_kernel, bias)]
        found = blocks.new_list(count, (-1, -1, -1), x.dtype)
        _, gradients, sums, found = tf.while_loop(
            lambda j, *_: j >= 0,
            functools.partial(step, part=(x, start, lists, mask_part, d_hidden)),
            (count - 1, list(d_state), sums, found),
        )
        d_x = blocks.stack(found, count, (BLOCK, tf.shape(x)[1], x.shape[-1]), x.dtype)
        d_inputs.append(tf.transpose(blocks.join_blocks(d_x)[:timesteps], (1, 0, 2)))
        d_states.append(gradients)
        d_weights.append(sums)
    d_sequences = tf.concat(d_inputs, axis=0)[:batch]
    d_weights = [sum(terms) for terms in zip(*d_weights, strict=True)]
    d_initial = [tf.concat(pair, axis=0)[:batch] for pair in zip(*d_states, strict=True)]
    return [d_sequences, *d_weights, *d_initial]


def _refuse_second_derivative(*upstream):
    raise NotImplementedError(
        "loop='xla' computes no gradient of a gradient. Make the layer with loop='reference'."
    )


def _product(values, weights):
    """(BLOCK, rows, m) times (m, n) -> (BLOCK, rows, n), in the precision of the weights."""
    import tensorflow as tf

    values = tf.cast(tf.reshape(values, (-1, values.shape[-1])), weights.dtype)
    product = tf.matmul(values, weights)
    return tf.reshape(product, (BLOCK, -1, weights.shape[-1]))


def _sum_of_products(left, right, dtype):
    """Sum over timesteps and rows of left^T right, computed in a precision."""
    import tensorflow as tf

    left, right = tf.cast(left, dtype), tf.cast(right, dtype)
    if right.shape[-1] == 0:  # a cell may have no recurrent weights
        return tf.zeros((left.shape[-1], 0), right.dtype)
    left = tf.reshape(left, (-1, left.shape[-1]))
    return tf.matmul(left, tf.reshape(right, (-1, right.shape[-1])), transpose_a=True)


def _sum(values):
    """Sum over timesteps and rows: as a product with ones, which is quicker than adding up."""
    import tensorflow as tf

    values = tf.reshape(values, (-1, values.shape[-1]))
    return tf.matmul(tf.ones((1, tf.shape(values)[0]), values.dtype), values)[0]
