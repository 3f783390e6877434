"""What makes a step on several devices the step that one device takes with the whole batch.

Keras gives each device its share of a batch, and changes what a step computes where that share is
another one than the others': an incomplete batch can't be divided, Keras takes the mean over each
device's own weights, and clips gradients before it sums them. `distribute` mends that.
"""

import contextlib
import dataclasses
import functools
import threading

import keras
from keras import ops, tree

from shared.data.shares import Share, divided


def device_count(network):
    """On how many devices a network is trained, on all machines together."""
    if keras.backend.backend() == "tensorflow":
        return network.distribute_strategy.num_replicas_in_sync
    spread = keras.distribution.distribution()
    return 1 if spread is None else spread.device_mesh.devices.size


def scope(network):
    """The context manager in which a network's optimizer gets its variables."""
    if keras.backend.backend() == "tensorflow":
        return network.distribute_strategy.scope()
    return contextlib.nullcontext()


@contextlib.contextmanager
def alone():
    """For what one of several workers does: with JAX nothing is divided meanwhile."""
    spread = keras.distribution.distribution()
    keras.distribution.set_distribution(None)
    try:
        yield
    finally:
        keras.distribution.set_distribution(spread)


def distribute(network, data):
    """Let a compiled network, and the data that it is trained on, be divided among its devices.

    Weights, losses and metrics come out as on one device with the same batches; dropout excepted,
    which on TensorFlow leaves out the same of every device's share.

    Args:
        network: a Keras model that was compiled within `prepare`, and has seen no data yet.
        data: the `TrainingData`.

    Returns:
        `TrainingData` whose batches every device gets an equally large share of.
    """
    devices = device_count(network)
    if devices == 1:
        return data
    losses, metrics = network._compile_loss, network._compile_metrics
    network.compile(
        network.optimizer,
        loss=tree.map_structure(MeanOverDevices, losses._user_loss),
        loss_weights=losses._user_loss_weights,
        # Metrics without weights would count the examples that fill a batch.
        weighted_metrics=metrics and (metrics._user_weighted_metrics or metrics._user_metrics),
    )
    divide = functools.partial(divided, share=_share(devices))
    validation = divide(data.validation)
    _build(network, next(iter(validation)))
    step = _Step()
    _tell_real_examples(network, step)
    _normalize_real_examples(network, step)
    if keras.backend.backend() == "tensorflow":
        _sum_before_clipping(network.optimizer)
    return dataclasses.replace(
        data,
        batches=lambda epoch: divide(data.batches(epoch)),
        validation=validation,
    )


def _share(devices):
    """The `Share` of each batch that this process computes."""
    if keras.backend.backend() != "jax":
        return Share(0, 1, devices)
    import jax

    return Share(jax.process_index(), jax.process_count(), devices)


class MeanOverDevices(keras.losses.Loss):
    """A loss over the examples of all devices, as one device would find it.

    On TensorFlow each device finds a part of it, and the parts add up to it. An example without
    any weight is one that fills a batch.

    Args:
        loss: a Keras loss, or the name of one.
    """

    def __init__(self, loss):
        self.loss = keras.losses.get(loss)
        super().__init__(getattr(self.loss, "name", None), reduction="none")
        self.reduction_of_all = getattr(self.loss, "reduction", "sum_over_batch_size")

    def call(self, y_true, y_pred):
        of_each = self.loss.call if isinstance(self.loss, keras.losses.Loss) else self.loss
        return of_each(y_true, y_pred)

    def __call__(self, y_true, y_pred, sample_weight):
        values = super().__call__(y_true, y_pred)  # 0 where masked
        weights = ops.cast(_beside(sample_weight, values), values.dtype)
        total = ops.sum(values * weights)
        if self.reduction_of_all == "sum":
            return total
        if self.reduction_of_all != "mean_with_sample_weight":
            weights = ops.cast(_beside(_real(sample_weight), values), values.dtype)
        counted = getattr(y_pred, "_keras_mask", None)
        counted = ops.ones_like(values) if counted is None else ops.cast(counted, values.dtype)
        return ops.divide_no_nan(total, _over_replicas(ops.sum(counted * weights)))


def _real(weights):
    """Which examples have weight at all: bool `(batch,)`."""
    return ops.any(ops.reshape(weights, (ops.shape(weights)[0], -1)) > 0, axis=1)


def _beside(weights, values):
    """Weights with further axes of length 1, so that they can be multiplied with values."""
    missing = len(values.shape) - len(weights.shape)
    return ops.reshape(weights, (*ops.shape(weights), *[1] * missing)) if missing else weights


def _replicas():
    """How many of TensorFlow's replicas find a part of the loss each."""
    if keras.backend.backend() != "tensorflow":
        return 1
    import tensorflow as tf

    return tf.distribute.get_strategy().num_replicas_in_sync


def _over_replicas(value):
    """The sum of what TensorFlow's replicas have; elsewhere a batch is whole already."""
    if keras.backend.backend() != "tensorflow":
        return value
    import tensorflow as tf

    replica = tf.distribute.get_replica_context()
    if replica is None:  # while shapes are inferred
        return value
    return replica.all_reduce(tf.distribute.ReduceOp.SUM, value)


class _Step(threading.local):
    """What is known of the step that is traced just now; each replica has a thread of its own.

    Attributes:
        real: which examples of the batch do not fill it, `(batch,)`, 1 or 0.
    """


def _tell_real_examples(network, step):
    """Let a network's steps say which examples are real, and count a batch's loss by them.

    A Keras model says what an epoch's loss is by the mean over batches, each of which counts as
    much as it has rows.
    """

    def telling(plain):
        def told(*arguments):  # the data comes last; on JAX the state comes first
            _, _, weights = arguments[-1]
            step.real = ops.cast(_real(tree.flatten(weights)[0]), "float32")
            return plain(*arguments)

        return told

    def by_real_examples(update_state):
        def update(values, sample_weight=None):
            if sample_weight is not None:  # else batches count alike
                sample_weight = _over_replicas(ops.sum(step.real)) / _replicas()
            return update_state(values, sample_weight)

        return update

    network.train_step = telling(network.train_step)
    network.test_step = telling(network.test_step)
    for tracker in (network._loss_tracker, *network._compile_loss.metrics):
        tracker.update_state = by_real_examples(tracker.update_state)


def _normalize_real_examples(network, step):
    """Let batch normalization take mean and variance over the real examples of all devices."""

    def moments(axes, inputs, mask):
        weights = ops.cast(_beside(step.real, inputs), inputs.dtype)
        if mask is not None:
            weights = weights * ops.cast(_beside(mask, inputs), inputs.dtype)
        weights = weights * ops.ones_like(inputs)
        count = _over_replicas(ops.sum(weights, axes, keepdims=True))
        mean = _over_replicas(ops.sum(weights * inputs, axes, keepdims=True)) / count
        squares = weights * ops.square(inputs - mean)
        variance = _over_replicas(ops.sum(squares, axes, keepdims=True)) / count
        return ops.squeeze(mean, axes), ops.squeeze(variance, axes)

    for layer in network._flatten_layers():
        if isinstance(layer, keras.layers.BatchNormalization):
            layer._moments = functools.partial(moments, layer._reduction_axes)


def _build(network, batch):
    """Make the variables of losses and metrics, from the shapes of a batch.

    Keras would do it in each `fit` and `evaluate`, and fail for inputs that are bool.
    """
    with scope(network):
        network._symbolic_build(data_batch=batch)
    if keras.backend.backend() == "tensorflow":
        network._maybe_symbolic_build = lambda iterator=None, data_batch=None: None


def _sum_before_clipping(optimizer):
    """Let an optimizer clip the gradient of the whole batch rather than that of each replica."""
    apply, sum_up = optimizer._backend_apply_gradients, optimizer._all_reduce_sum_gradients

    def apply_sum(gradients, variables):
        summed = sum_up(zip(gradients, variables, strict=True))
        apply([gradient for gradient, _ in summed], variables)

    optimizer._backend_apply_gradients = apply_sum
    optimizer._all_reduce_sum_gradients = list
