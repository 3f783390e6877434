"""Captions as numbers of words, and back; what each word tells of an image."""

from collections import Counter

import numpy as np

from shared.errors import UserError

PADDING, UNKNOWN, START, STOP = range(4)
SIGNS = ["", "[unknown]", "[start]", "[stop]"]  # what these four are called in a vocabulary


def learn_vocabulary(captions, minimum_frequency):
    """The signs and the words that occur at least so often, the most frequent first.

    Args:
        captions: array `(images, captions)` of strings.
        minimum_frequency: how often a word must occur in all captions together.

    Raises:
        UserError: where no word does.
    """
    counts = Counter(word for caption in plain(captions.ravel()) for word in caption.split())
    frequent = [word for word, count in counts.most_common() if count >= minimum_frequency]
    if not frequent:
        raise UserError(
            f"No word occurs {minimum_frequency} times in the captions. Lower --minimum-frequency."
        )
    return SIGNS + frequent


def rarity(captions, vocabulary):
    """How much each word tells: the logarithm of how many images there are to one that has it.

    A word of every image, such as "a", tells nothing. K. Spärck Jones, "A statistical
    interpretation of term specificity and its application in retrieval", 1972.

    Returns:
        float32 array `(vocabulary,)`; 0 for the signs.
    """
    of_images = [set(" ".join(plain(each)).split()) for each in captions]
    counts = Counter(word for words in of_images for word in words)
    found = np.array([counts.get(word, 0) for word in vocabulary], "float32")
    return np.where(found > 0, np.log(len(captions) / np.maximum(found, 1)), 0).astype("float32")


def numbering(vocabulary, steps):
    """The function that turns captions into numbers, for use inside tf.data as well.

    Args:
        vocabulary: as from `learn_vocabulary`.
        steps: how many numbers a caption has: its words and a stop, cut off or padded.

    Returns:
        Function from strings `(images, captions)` to int32 `(images, captions, steps)`. A caption
        without words is one that isn't there: all padding.
    """
    import tensorflow as tf

    numbers = tf.lookup.StaticHashTable(
        tf.lookup.KeyValueTensorInitializer(
            tf.constant(vocabulary), tf.range(len(vocabulary), dtype=tf.int32)
        ),
        default_value=UNKNOWN,
    )

    def numbered(captions):
        words = tf.strings.split(_standardized(captions))
        ids = tf.ragged.map_flat_values(numbers.lookup, words)
        stop = tf.fill([tf.shape(captions)[0], captions.shape[1], 1], STOP)
        shape = (None, captions.shape[1], steps)
        ids = tf.concat([ids, stop], axis=2).to_tensor(PADDING, shape=shape)
        return tf.where(ids[:, :, :1] == STOP, PADDING, ids)

    return numbered


def told(numbers, rarity):
    """The share of each word in the captions of an image, weighted by its rarity.

    Args:
        numbers: int32 tensor `(images, captions, steps)`.
        rarity: of each word, as from `rarity`.

    Returns:
        float32 tensor `(images, vocabulary)`; each row adds up to one, or is 0 where nothing is
        told.
    """
    import tensorflow as tf

    flat = tf.reshape(numbers, (-1, numbers.shape[1] * numbers.shape[2]))
    size = len(rarity)
    counts = tf.math.bincount(flat, minlength=size, maxlength=size, dtype=tf.float32, axis=-1)
    shares = counts * rarity
    return tf.math.divide_no_nan(shares, tf.reduce_sum(shares, axis=1, keepdims=True))


def plain(captions):
    """Captions as they are learned and measured: lower case, no punctuation."""
    raw = _standardized(list(captions)).numpy()
    return [" ".join(caption.decode("utf-8", errors="replace").split()) for caption in raw]


def to_text(numbers, vocabulary):
    """Numbers back to a caption."""
    return " ".join(vocabulary[number] for number in numbers)


def _standardized(captions):
    import tensorflow as tf

    captions = tf.strings.lower(captions, encoding="utf-8")
    return tf.strings.regex_replace(captions, r"[^\pL\pM\pN\s]", "")
