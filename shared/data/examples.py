"""Examples of any kind in batches: pictures, videos, and what belongs to them.

    examples = hold(stored)                              in memory, or read from disk in each epoch
    batches(examples, 128, prepare, seed=[1, epoch])     a tf.data.Dataset of one epoch

`Stored` examples are those of a data set or of files, one by one, each of the same shape. `prepare`
turns a batch into what the network takes (augmentation included). All runs inside tf.data, in
parallel with the training.
"""

import contextlib
import dataclasses
import functools
import re
import traceback
from collections.abc import Callable

import numpy as np

from shared.data import shares
from shared.errors import UserError
from shared.progress import progress

# Examples that take more than this, in bytes, are read and decoded anew in every epoch.
MEMORY = 2**30
# How much of them, in bytes, is then shuffled at a time.
SHUFFLED = 2**28
READ_TOGETHER = 64
TEXT = 100  # bytes that a string is taken for, as its length is not known


@dataclasses.dataclass(frozen=True)
class Stored:
    """Examples where they lie, in a data set or in files.

    Attributes:
        count: how many.
        in_order_of: function (seed, together) -> `tf.data.Dataset` of (place, example): every place
            below `count` once, and a dictionary of tensors of fixed shape. Without a seed always in
            one order; with one shuffled by it, at least so many of them at a time.
        reading: function -> context manager that says of damaged data whose it is.
    """

    count: int
    in_order_of: Callable
    reading: Callable = contextlib.nullcontext

    @classmethod
    def of_places(cls, count, example):
        """Examples from wherever.

        Args:
            count: how many.
            example: function from a place, an int64 tensor, to its example, a dictionary of tensors
                of fixed shape; it runs inside tf.data, in parallel.
        """
        import tensorflow as tf

        def in_order_of(seed, together):
            places = tf.data.Dataset.from_tensor_slices(_order(count, seed))
            return places.map(lambda place: (place, example(place)), tf.data.AUTOTUNE)

        return cls(count, in_order_of)


class Examples:
    """A number of examples, each a dictionary of tensors of the same shapes.

    Attributes:
        count: how many.
        columns: where they are in memory, dictionary name -> array whose first axis is the
            examples; else None.
    """

    def __init__(self, count, tensors=None, stored=None):
        self.count = count
        self._tensors = tensors
        self._stored = stored

    @classmethod
    def of(cls, columns):
        """Examples that are arrays already, such as those of a bundled sample.

        Args:
            columns: dictionary name -> array; the first axis is the examples.

        Raises:
            ValueError: where the arrays are not equally long.
        """
        import tensorflow as tf

        lengths = {len(column) for column in columns.values()}
        if len(lengths) != 1:
            raise ValueError(f"Columns of different length: {sorted(lengths)}.")
        with tf.device("CPU"):
            tensors = {name: tf.convert_to_tensor(column) for name, column in columns.items()}
        return cls(lengths.pop(), tensors)

    @property
    def columns(self):
        if self._tensors is None:
            return None
        return {name: tensor.numpy() for name, tensor in self._tensors.items()}

    def column(self, name):
        """One column as an array, without a copy of the others; None where they are on disk."""
        return None if self._tensors is None else self._tensors[name].numpy()

    def in_batches(self, batch_size, seed=None, share=None):
        """A `tf.data.Dataset` of batches, dictionaries of tensors; see `batches`.

        With a `Share`, of its rows of each batch, and beside them how many examples the whole batch
        has, and what `Share.rows` says.
        """
        import tensorflow as tf

        def gather(places):
            return {name: tf.gather(column, places) for name, column in self._tensors.items()}

        def of_share(batch):
            count = tf.shape(tf.nest.flatten(batch)[0])[0]
            rows, real = share.rows(count, tf.range)
            part = tf.nest.map_structure(lambda column: tf.gather(column, rows), batch)
            return part if self._tensors is None else gather(part), count, rows, real

        if self._tensors is None:
            batches = self._stored(seed).batch(batch_size)
            return batches if share is None else batches.map(of_share)
        places = tf.data.Dataset.from_tensor_slices(_order(self.count, seed)).batch(batch_size)
        return places.map(gather if share is None else of_share)


def _order(count, seed):
    """All places below `count`: shuffled by a seed, or, without one, as they are."""
    order = np.arange(count)
    return order if seed is None else np.random.default_rng(seed).permutation(order)


def batches(examples, batch_size, prepare, seed=None, share=None):
    """The batches of one epoch.

    Args:
        examples: `Examples`.
        batch_size: examples per batch; the last one may be smaller.
        prepare: function (batch, seed) -> what the network is fitted to. The batch is a dictionary
            of tensors whose first axis is the examples. The seed, another one for each batch, is
            for `shares.drawn`, through which all is drawn that differs between the examples of a
            batch: so that several workers can each prepare some of them. None where `seed` is.
        seed: of this epoch, such as `[run's seed, epoch]`: decides the order of the examples and
            all that `prepare` draws. None: in order, and nothing drawn.
        share: the `Share` of each batch that is prepared, weighed as by `shares.divided`; else all.

    Returns:
        A `tf.data.Dataset`; its cardinality is known. Its function `of_share` gives that of a
        share.
    """
    import tensorflow as tf

    count = -(-examples.count // batch_size)
    drawn = np.random.default_rng([*np.atleast_1d(0 if seed is None else seed), count])
    seeds = drawn.integers(0, 2**31 - 1, (count, 2), dtype="int32")
    seeds = tf.data.Dataset.from_tensor_slices(seeds)

    def prepared(batch, batch_seed):
        return prepare(batch, None if seed is None else batch_seed)

    def part_prepared(part, batch_seed):
        batch, count, rows, real = part
        batch = prepared(batch, shares.SeedOfRows(batch_seed, count, rows))
        return shares.weighed(batch, real)

    dataset = tf.data.Dataset.zip(examples.in_batches(batch_size, seed, share), seeds)
    dataset = dataset.map(prepared if share is None else part_prepared, tf.data.AUTOTUNE)
    dataset = dataset.apply(tf.data.experimental.assert_cardinality(count))
    dataset = untuned(dataset.prefetch(4))
    dataset.of_share = functools.partial(batches, examples, batch_size, prepare, seed)
    return dataset


def hold(stored):
    """Stored examples in memory where they take at most `MEMORY`, else read anew in each epoch.

    Args:
        stored: `Stored` examples.

    Returns:
        `Examples`. Those read from disk come in batches of roughly shuffled order: `SHUFFLED` bytes
        of them are shuffled at a time.

    Raises:
        UserError: for damaged files.
        ValueError: where the examples don't have a fixed shape.
    """
    with stored.reading():
        _, specification = stored.in_order_of(None, 1).element_spec
    if any(None in kind.shape for kind in specification.values()):
        raise ValueError(f"Examples of no fixed shape: {specification}.")
    size = sum(map(_bytes, specification.values()))
    if stored.count * size > MEMORY:
        together = max(1000, SHUFFLED // size)

        def from_disk(seed):
            return stored.in_order_of(seed, together).map(lambda _, example: example)

        return Examples(stored.count, stored=from_disk)

    columns = {
        name: np.empty((stored.count, *kind.shape), kind.dtype.as_numpy_dtype)
        for name, kind in specification.items()
    }
    dataset = untuned(stored.in_order_of(None, 1).batch(READ_TOGETHER).prefetch(4))
    done = progress(total=stored.count, doing="reading", unit="example")
    with user_errors(), stored.reading(), done:
        for places, batch in dataset.as_numpy_iterator():
            for name, column in columns.items():
                column[places] = batch[name]
            done.update(len(places))
    return Examples.of(columns)


def _bytes(kind):
    """How much memory a tensor of this specification takes."""
    import tensorflow as tf

    return kind.shape.num_elements() * (TEXT if kind.dtype == tf.string else kind.dtype.size)


def untuned(dataset):
    """The same dataset without tf.data's tuning of itself.

    The thread that tunes wakes after 10 ms, then after twice as long each time, and whoever lets go
    of the dataset waits for it: at the end of an epoch that is up to a minute of nothing. Without
    it, what was left to tuning uses as many threads as there are cores.
    """
    import tensorflow as tf

    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.with_options(options)


@contextlib.contextmanager
def user_errors():
    """Bring a UserError out of tf.data, which packs what a `tf.numpy_function` raises.

    For whatever goes through batches of examples that are read from disk.
    """
    import tensorflow as tf

    try:
        yield
    except tf.errors.OpError as error:
        # Lets go of what still reads files in the background: at Python's end it would wait for
        # Python, and Python for it.
        traceback.clear_frames(error.__traceback__)
        message = re.search(r"(?s)UserError: (.+?)(\nTraceback|\Z)", str(error))
        if message is None:
            raise
        raise UserError(message[1]) from error
