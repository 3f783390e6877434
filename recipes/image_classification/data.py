"""Pictures and their labels: the only file that knows the data set.

To use your own, give `--folder`, or change `find`.
"""

import itertools
from typing import NamedTuple

import numpy as np

from shared.data import examples, labelled_images, shares
from shared.data.images import read_image
from shared.data.training_data import TrainingData, guessing_loss
from shared.files import json_text, read_json

from . import sample

DEFAULT = "fashion_mnist"
FITTING = (DEFAULT, "mnist", "cifar10", "cifar100")
# Where a picture seen in a mirror keeps its label; digits and letters don't.
MIRRORED = (DEFAULT, "cifar10", "cifar100")
LARGEST_SIDE = 64  # pixels; larger pictures are made as small as this


class Names(NamedTuple):
    """What the network's numbers mean."""

    classes: list


def find(options):
    """Where the pictures come from: a folder of your own, a public data set, or the sample.

    Returns:
        A `Source` whose `read(split, limit, shape)` gives `Examples` of pictures of that shape and
        class numbers, and whose `classes` says what those mean.
    """
    defaults = {name: {"flip": True} for name in MIRRORED}
    return labelled_images.find(options, DEFAULT, sample, FITTING, defaults)


def load(source, options):
    """Read and batch the pictures for training, other variations of them in every epoch.

    Returns:
        `TrainingData`. A batch is `(images, labels)`: images `(batch, height, width, channels)` of
        uint8, and labels `(batch,)`.
    """
    shape = shape_of(source, options)
    train = source.read("train", options.limit, shape)
    labels = labelled_images.labels_of(source, "train", options.limit, train)

    def prepare(batch, seed):
        images = vary(batch["image"], seed, options.shift, options.flip, options.erase)
        return images, batch["label"]

    def batches(epoch):
        return examples.batches(train, options.batch_size, prepare, seed=[options.seed, epoch])

    counts = np.bincount(labels, minlength=len(source.classes))
    return TrainingData(
        batches=batches,
        validation=in_order(source.read("validation", options.limit, shape), options.batch_size),
        steps=-(-train.count // options.batch_size),
        names=Names(list(source.classes)),
        guessing=guessing_loss(counts, options.label_smoothing),
    )


def shape_of(source, options):
    """Height, width and channels to train with: `--image-size`, or as the pictures are.

    Those that are larger than `LARGEST_SIDE`, or of different sizes, are made as small as that.
    """
    height, width, channels = source.shape
    if options.image_size is None and height and width and max(height, width) <= LARGEST_SIDE:
        return height, width, channels
    size = options.image_size or LARGEST_SIDE
    return size, size, channels


def in_order(held, batch_size):
    """A `tf.data.Dataset` of `(images, labels)` as they are."""
    return examples.batches(held, batch_size, lambda batch, _: (batch["image"], batch["label"]))


def read_file(path, shape, invert=False):
    """A picture file as the network wants it: uint8 `(height, width, channels)`.

    Args:
        path: of the file.
        shape: height, width and channels.
        invert: exchange bright and dark.

    Raises:
        UserError: where it can't be read.
    """
    image = read_image(path, *shape)
    return 255 - image if invert else image


def vary(images, seed, shift=0, flip=False, erase=0.0):
    """Other pictures that have the same labels.

    Each is moved by a few pixels (what comes in is black), mirrored or not, and perhaps a rectangle
    of it is blackened, so that no single part is relied on (Zhong et al. 2020, *Random Erasing Data
    Augmentation*).

    Args:
        images: uint8 tensor `(batch, height, width, channels)`.
        seed: int32 tensor (2,), or a `SeedOfRows`; the same seed draws the same.
        shift: by how many pixels at most, in each direction.
        flip: mirror half of them, left to right.
        erase: share of the pictures that lose a rectangle.
    """
    import tensorflow as tf

    batch, height, width = tf.shape(images)[0], images.shape[1], images.shape[2]
    numbers = itertools.count()  # each draw has a seed of its own

    def uniform(*range_and_type, number):
        def numbers_of(seed, batch):
            own = tf.random.split(seed, 8)[number]
            return tf.random.stateless_uniform((batch, 1), own, *range_and_type)

        return shares.drawn(numbers_of, seed, batch)

    def draw(low, high):
        return uniform(low, high, "int32", number=next(numbers))

    def chosen(share):
        return uniform(number=next(numbers)) < share

    rows, columns = tf.range(height)[None], tf.range(width)[None]
    if shift:
        images = tf.pad(images, [[0, 0], [shift, shift], [shift, shift], [0, 0]])
    across = tf.where(chosen(0.5), columns[:, ::-1], columns) if flip else columns
    # Where each pixel comes from, as two gathers: whole rows, then pixels in them.
    images = tf.gather(images, rows + draw(0, 2 * shift + 1), axis=1, batch_dims=1)
    images = tf.gather(images, across + draw(0, 2 * shift + 1), axis=2, batch_dims=1)
    if erase:
        high, wide = draw(height // 8, height // 2 + 1), draw(width // 8, width // 2 + 1)
        top, left = draw(0, height - height // 4), draw(0, width - width // 4)
        in_rows = (rows >= top) & (rows < top + high) & chosen(erase)
        in_columns = (columns >= left) & (columns < left + wide)
        inside = in_rows[:, :, None, None] & in_columns[:, None, :, None]
        images = tf.where(inside, tf.zeros((), images.dtype), images)
    return images


def save_names(run, names):
    """Keep beside the model what its numbers mean."""
    run.keep("classes.json", json_text(names.classes))


def load_names(run):
    """The `Names` that `save_names` kept."""
    return Names(read_json(run.path("classes.json")))
