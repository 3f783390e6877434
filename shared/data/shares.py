"""A worker's share of the batches, where several train one network together.

All workers know the same batches in the same order, and each prepares its own rows of each:

    dataset = batches(...)                     whole batches, such as one process trains on
    divided(dataset, Share(1, 2, devices=2))   the second half of each, for the second of two

An incomplete batch is filled with repetitions of its examples until the devices divide it. Those
have weight 0, so no example counts twice.
"""

from typing import NamedTuple

import numpy as np


class Share(NamedTuple):
    """One of several equal shares of every batch.

    Attributes:
        number: which one, counted from 0.
        of: how many shares there are.
        devices: how many devices the batch is divided among, those of all shares together.
    """

    number: int
    of: int
    devices: int

    def rows(self, count, arange=np.arange):
        """Which rows of a batch of `count` examples belong to this share.

        Args:
            count: an int, or a tensor.
            arange: `tf.range` for a tensor.

        Returns:
            The numbers of the rows, and bools: False for a row that fills the batch.
        """
        each = (count + -count % self.devices) // self.of
        places = arange(self.number * each, (self.number + 1) * each)
        return places % count, places < count


class SeedOfRows(NamedTuple):
    """The seed of a batch for whoever prepares only some of its rows.

    Attributes:
        seed: that of the batch, int32 tensor (2,).
        count: how many examples the whole batch has.
        rows: the numbers of the rows, int32 tensor.
    """

    seed: object
    count: object
    rows: object


def drawn(draw, seed, count, axis=0):
    """Random numbers for the examples of a batch, the same ones whoever prepares an example.

    Args:
        draw: function (seed, count) -> tensor with the numbers of `count` examples along `axis`.
        seed: int32 tensor (2,), or a `SeedOfRows`.
        count: how many examples are being prepared.
    """
    import tensorflow as tf

    if not isinstance(seed, SeedOfRows):
        return draw(seed, count)
    return tf.gather(draw(seed.seed, seed.count), seed.rows, axis=axis)


def divided(batches, share):
    """A share of each batch, with a weight for each example.

    Args:
        batches: a `tf.data.Dataset` of `(inputs, targets)` or `(inputs, targets, weights)`. Where
            it has a function `of_share`, that prepares the rows of the share alone; else whole
            batches are prepared, and the rows are taken out of them.
        share: the `Share` to take.

    Returns:
        A `tf.data.Dataset` of `(inputs, targets, weights)`. Where there were no weights, they are
        1, `(batch,)`.
    """
    import tensorflow as tf

    def take(*batch):
        rows, real = share.rows(tf.shape(tf.nest.flatten(batch)[0])[0], tf.range)
        return weighed(tf.nest.map_structure(lambda column: tf.gather(column, rows), batch), real)

    if share.of > 1 and hasattr(batches, "of_share"):
        taken = batches.of_share(share)
    else:
        taken = batches.map(take, num_parallel_calls=1).prefetch(2)
    options = tf.data.Options()
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
    return taken.with_options(options)


def weighed(batch, real):
    """A batch whose examples weigh nothing where `real`, bool `(batch,)`, is False."""
    import tensorflow as tf

    def times(weights):
        beside = tf.reshape(real, (-1, *[1] * (weights.shape.rank - 1)))
        return weights * tf.cast(beside, weights.dtype)

    inputs, targets, *weights = batch
    weights = weights[0] if weights else tf.ones_like(real, "float32")
    return inputs, targets, tf.nest.map_structure(times, weights)
