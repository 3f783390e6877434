"""Images and their captions: the only file that knows the data set.

To use your own, give `--file`, or change `find`.
"""

from typing import NamedTuple

import numpy as np

from shared.data import caption_words, captioned_images, examples, shares, text
from shared.data.caption_words import PADDING, START
from shared.data.image_pieces import piece_side, vary
from shared.data.training_data import TrainingData, guessing_loss

from . import sample

DEFAULT = "flickr8k"
FITTING = (DEFAULT, "coco_captions")
SIDE = 128  # pixels, unless --image-size says otherwise
PRETRAINED_SIDE = 224  # what the networks of keras.applications were trained with


class Names(NamedTuple):
    """What the network's numbers mean."""

    vocabulary: list  # of words


def find(options):
    """Where images and captions come from: a table of your own, a public data set, or the sample.

    Returns:
        A `Source` whose `read(split, limit, shape)` gives `Examples` of images of that shape and
        their captions, or without a shape of the captions alone.
    """
    return captioned_images.find(options, DEFAULT, sample, FITTING)


def load(source, options):
    """Read, number and batch images and captions; words are learned from training captions alone.

    Returns:
        `TrainingData`. A batch is `(inputs, targets, weights)`, each a dictionary. Inputs: `image`
        float32 `(batch, height, width, 3)`, or `grid`, where the source has it in the place of
        images; and `written` `(batch, captions, steps)`, the targets one step late. Targets:
        `captions`, the words to be written, of some captions of each image; and `words`
        `(batch, vocabulary)`, the share of each word in all captions of an image, rare words
        counting more. Weights: of `captions` 1, and 0 where padded; of `words` 1. In training,
        captions and pieces of the images are drawn anew in every epoch; in validation, each image
        is whole, and its captions are the first ones.
    """
    captions = source.read("train", options.limit).columns["captions"]
    vocabulary = caption_words.learn_vocabulary(captions, options.minimum_frequency)
    rarity = caption_words.rarity(captions, vocabulary)
    numbered = caption_words.numbering(vocabulary, options.max_length + 1)
    prepare = preparation(numbered, rarity, options)
    train, validation = (
        source.read(split, options.limit, shape_of(options)) for split in ("train", "validation")
    )

    def batches(epoch):
        return examples.batches(train, options.batch_size, prepare, seed=[options.seed, epoch])

    counts = np.bincount(numbered(captions).numpy().ravel(), minlength=len(vocabulary))
    counts[PADDING] = 0
    return TrainingData(
        batches=batches,
        validation=examples.batches(validation, options.batch_size, prepare),
        steps=-(-train.count // options.batch_size),
        names=Names(vocabulary),
        guessing=guessing_loss(counts, options.label_smoothing),
    )


def shape_of(options):
    """Height, width and channels of the images in a training with these options."""
    side = options.image_size or (SIDE if options.encoder == "scratch" else PRETRAINED_SIDE)
    return side, side, 3


def preparation(numbered, rarity, options):
    """The function that turns a batch of examples into what the network is fitted to.

    Args:
        numbered: the function that turns captions into numbers, `caption_words.numbering`.
        rarity: of each word.
        options: of the command line.
    """
    import tensorflow as tf

    def prepare(batch, seed):
        targets = every = numbered(batch["captions"])
        if seed is not None:
            count, captions = tf.unstack(tf.shape(batch["captions"]))

            def draw(seed, count):
                return tf.random.stateless_uniform((count, captions), seed)

            order = shares.drawn(draw, seed, count)
            order += tf.cast(targets[:, :, 0] == PADDING, tf.float32)  # those not there come last
            targets = tf.gather(targets, tf.argsort(order), batch_dims=1)
        targets = targets[:, : options.captions_per_image]
        words = caption_words.told(every, rarity)
        inputs = {
            "written": tf.pad(targets[:, :, :-1], [(0, 0), (0, 0), (1, 0)], constant_values=START)
        }
        if "grid" in batch:
            inputs["grid"] = tf.cast(batch["grid"], tf.float32)
        elif seed is None:
            inputs["image"] = tf.cast(batch["image"], tf.float32)
        else:
            inputs["image"] = piece(batch["image"], batch["captions"], seed, options.smallest_crop)
        weights = {
            "captions": tf.cast(targets != PADDING, tf.float32),
            "words": tf.ones_like(words[:, 0]),
        }
        return inputs, {"captions": targets, "words": words}, weights

    return prepare


def piece(images, captions, seed, smallest):
    """A piece of each image, varied; mirrored only where no caption tells left from right."""
    import tensorflow as tf

    sides = tf.strings.regex_full_match(captions, r"(?i)(?s).*\b(left|right)\b.*")
    side = piece_side(images.shape[1], smallest)
    return vary(images, seed, smallest, side, mirror=~tf.reduce_any(sides, axis=1))


def save_names(run, names):
    """Keep beside the model what its numbers mean."""
    run.keep("vocabulary.txt", text.lines_of(names.vocabulary))


def load_names(run):
    """The `Names` that `save_names` kept."""
    return Names(text.load_vocabulary(run.path("vocabulary.txt")))
