"""Examples of any kind in batches: pictures, videos, and what belongs to them.

    examples = hold(source, "train", fit=shrink)         in memory, or read from disk in each epoch
    batches(examples, 128, prepare, seed=[1, epoch])     a tf.data.Dataset of one epoch

What the examples are is the recipe's business: `fit` brings one example to a fixed shape when it is
read, `prepare` turns a batch into what the network takes (augmentation included), and both run
inside tf.data, in parallel with the training.
"""

import contextlib
import re

import numpy as np

from shared.data.loading import find_split, readable
from shared.errors import UserError

# Examples that take more than this, in bytes, are read and decoded anew in every epoch.
MEMORY = 2**30
# How much of them, in bytes, is then shuffled at a time.
SHUFFLED = 2**28
TEXT = 100  # bytes that a string is taken for, as its length is not known


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

    @classmethod
    def one_by_one(cls, count, example):
        """Examples that are read anew in every epoch, from wherever.

        Args:
            count: how many.
            example: function place, an int64 tensor below `count` -> dictionary of tensors of fixed
                shape; it runs inside tf.data, in parallel.
        """
        import tensorflow as tf

        def stored(seed):
            places = tf.data.Dataset.from_tensor_slices(_order(count, seed))
            return places.map(example, tf.data.AUTOTUNE)

        return cls(count, stored=stored)

    @property
    def columns(self):
        if self._tensors is None:
            return None
        return {name: tensor.numpy() for name, tensor in self._tensors.items()}

    def in_batches(self, batch_size, seed=None):
        """A `tf.data.Dataset` of batches, dictionaries of tensors; see `batches`."""
        import tensorflow as tf

        if self._tensors is None:
            return self._stored(seed).batch(batch_size)

        def gather(places):
            return {name: tf.gather(column, places) for name, column in self._tensors.items()}

        places = tf.data.Dataset.from_tensor_slices(_order(self.count, seed))
        return places.batch(batch_size).map(gather)


def _order(count, seed):
    """All places below `count`: shuffled by a seed, or, without one, as they are."""
    order = np.arange(count)
    return order if seed is None else np.random.default_rng(seed).permutation(order)


def batches(examples, batch_size, prepare, seed=None):
    """The batches of one epoch.

    Args:
        examples: `Examples`.
        batch_size: examples per batch; the last one may be smaller.
        prepare: function (batch, seed) -> what the network is fitted to. The batch is a dictionary
            of tensors whose first axis is the examples. The seed is an int32 tensor (2,) for the
            `tf.random.stateless_*` functions, another one for each batch, or None where `seed` is.
        seed: of this epoch, such as `[run's seed, epoch]`: decides the order of the examples and
            all that `prepare` draws. None: in order, and nothing drawn.

    Returns:
        A `tf.data.Dataset`; its cardinality is known.
    """
    import tensorflow as tf

    count = -(-examples.count // batch_size)
    dataset = examples.in_batches(batch_size, seed)
    if seed is None:
        dataset = dataset.map(lambda batch: prepare(batch, None), tf.data.AUTOTUNE)
    else:
        drawn = np.random.default_rng([*np.atleast_1d(seed), count])
        seeds = drawn.integers(0, 2**31 - 1, (count, 2), dtype="int32")
        seeds = tf.data.Dataset.from_tensor_slices(seeds)
        dataset = tf.data.Dataset.zip(dataset, seeds).map(prepare, tf.data.AUTOTUNE)
    dataset = dataset.apply(tf.data.experimental.assert_cardinality(count))
    return untuned(dataset.prefetch(4))


def hold(source, split, limit=None, fit=None, decode=True):
    """The examples of one split of a TFDS data set, in memory where they take at most `MEMORY`.

    Where a data set has no validation split, one is made as by `loading.read`.

    Args:
        source: a `Source` with a builder.
        split: `"train"`, `"validation"`, `"test"` or another split that the data set has.
        limit: take only the first `limit` examples of the split.
        fit: function from one decoded example, a dictionary of tensors, to one whose tensors have
            a fixed shape; for instance its image in another size. None leaves it as it is. It may
            raise UserError in a `tf.numpy_function`; see `user_errors`.
        decode: False leaves images as they are stored, for a `fit` that reads them itself.

    Returns:
        `Examples`. Those read from disk come in batches of roughly shuffled order: `SHUFFLED` bytes
        of them are shuffled at a time.

    Raises:
        UserError: for a split that the data set doesn't have, or damaged files.
        ValueError: where the fitted examples don't have a fixed shape.
    """
    import tensorflow as tf

    stored, decoded, places = _stored(source, split, limit)

    def fitted(example):
        example = decoded(example) if decode else example
        return fit(example) if fit else example

    with readable(source):
        specification = stored.map(lambda _, example: fitted(example)).element_spec
    if any(None in kind.shape for kind in specification.values()):
        raise ValueError(f"Examples of no fixed shape: {specification}.")
    size = sum(map(_bytes, specification.values()))
    count = len(places)
    if count * size > MEMORY:
        together = max(1000, SHUFFLED // size)

        def from_disk(seed):
            dataset = stored.map(lambda _, example: example)
            if seed is not None:
                drawn = np.random.default_rng(seed).integers(2**31)
                dataset = dataset.shuffle(min(together, count), seed=drawn)
            return dataset.map(fitted, tf.data.AUTOTUNE)

        return Examples(count, stored=from_disk)

    columns = {
        name: np.empty((count, *kind.shape), kind.dtype.as_numpy_dtype)
        for name, kind in specification.items()
    }
    position = {place: i for i, place in enumerate(places)}
    dataset = stored.map(lambda place, example: (place, fitted(example)), tf.data.AUTOTUNE)
    with user_errors(), readable(source):
        for found, batch in untuned(dataset.batch(256).prefetch(4)).as_numpy_iterator():
            at = [position[place] for place in found]
            for name, column in columns.items():
                column[at] = batch[name]
    return Examples.of(columns)


def _stored(source, split, limit):
    """The examples of a split as they are stored, images not yet decoded.

    Returns:
        stored: `tf.data.Dataset` of (place, example), always in the same order.
        decoded: function that decodes the images of an example.
        places: the places of the split's examples in the stored data, in the split's order.
    """
    import tensorflow as tf
    import tensorflow_datasets as tfds

    builder = source.builder
    where, count, chosen = find_split(source, split)
    places = (np.arange(count) if chosen is None else chosen)[:limit]

    images = {
        name: feature
        for name, feature in builder.info.features.items()
        if isinstance(feature, tfds.features.Image)
    }
    with readable(source):
        dataset = builder.as_dataset(
            split=where,
            shuffle_files=False,
            decoders={name: tfds.decode.SkipDecoding() for name in images},
            read_config=tfds.ReadConfig(try_autocache=False),
        )
    wanted = np.zeros(count, bool)
    wanted[places] = True
    wanted = tf.constant(wanted)
    dataset = dataset.take(places.max(initial=-1) + 1).enumerate()
    # Before any image is decoded, so that those of other splits cost next to nothing.
    dataset = dataset.filter(lambda place, example: wanted[place])

    def decoded(example):
        pictures = {name: image.decode_example(example[name]) for name, image in images.items()}
        return {**example, **pictures}

    return dataset, decoded, places


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
        message = re.search(r"UserError: (.+)", str(error))
        if message is None:
            raise
        raise UserError(message[1]) from error
