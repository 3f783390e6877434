"""Words to numbers and back: a vocabulary learned from the training split alone."""

from shared.errors import UserError
from shared.files import write_text

PADDING, UNKNOWN = 0, 1  # the first two token ids, by TextVectorization's convention


def learn_vocabulary(texts, size, standardize):
    """The `size` most frequent words of `texts`, most frequent first.

    Args:
        texts: list of strings, of the training split only.
        size: how many entries, padding and the unknown word included.
        standardize: string tensor -> string tensor in which white space separates the words.

    Returns:
        List of strings; its index is the token id; id 0 is padding, id 1 the unknown word.
    """
    vectorize = _vectorization(standardize, max_tokens=size)
    vectorize.adapt(_dataset(texts).batch(1024))
    return [str(word) for word in vectorize.get_vocabulary()]


def to_ids(texts, vocabulary, standardize, max_length=None):
    """Turn texts into token ids.

    Args:
        texts: list of strings.
        vocabulary: list of words as from `learn_vocabulary`.
        standardize: the function that the vocabulary was learned with.
        max_length: cut longer texts after this many words.

    Returns:
        List of int32 arrays, one per text, each of at least one id.
    """
    import tensorflow as tf

    vectorize = _vectorization(standardize, vocabulary=vocabulary[2:])

    def ids(text):
        words = tf.cast(vectorize(text)[:max_length], "int32")
        # A text of no words still needs one step for a network to run on.
        return tf.cond(tf.size(words) > 0, lambda: words, lambda: tf.constant([UNKNOWN]))

    encoded = _dataset(texts).map(ids, num_parallel_calls=tf.data.AUTOTUNE)
    return list(encoded.prefetch(1024).as_numpy_iterator())


def save_vocabulary(path, vocabulary):
    """Write a vocabulary, one word per line."""
    write_text(path, "\n".join(vocabulary) + "\n")


def load_vocabulary(path):
    """Read what `save_vocabulary` wrote.

    Raises:
        UserError: where the file is absent or damaged.
    """
    try:
        words = path.read_text(encoding="utf-8").split("\n")[:-1]
    except OSError as error:
        raise UserError(f"Can't read the vocabulary {path}: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise UserError(f"The vocabulary {path} is damaged: it is not UTF-8 text.") from error
    if len(words) < 2 or len(set(words)) != len(words):
        raise UserError(f"The vocabulary {path} is damaged: empty, or a word stands in it twice.")
    return words


def _vectorization(standardize, **arguments):
    import keras

    return keras.layers.TextVectorization(
        standardize=standardize, split="whitespace", output_mode="int", **arguments
    )


def _dataset(texts):
    import tensorflow as tf

    return tf.data.Dataset.from_tensor_slices(tf.constant(texts))
