"""Reviews and their labels: the only file that knows the data set.

To use your own, change `read` and `class_names`.
"""

import numpy as np

from shared.data import loading, text
from shared.data.batching import bucketed_batches
from shared.errors import UserError
from shared.files import read_json, write_json

from . import sample

DEFAULT = "imdb_reviews"
FITTING = (DEFAULT, "glue/sst2", "yelp_polarity_reviews")


def find(name, data_dir=None):
    """Where the reviews come from: a public data set, or the bundled sample."""
    return loading.find(name, DEFAULT, data_dir, _check_features, FITTING)


def read(source, split, limit=None):
    """Read one split.

    Returns:
        texts: list of strings.
        labels: int32 array of class numbers, one per text.
    """
    if source.is_sample:
        loading.check_split("sample", split, sample.SIZES)
        texts, labels = zip(*sample.generate(split)[:limit], strict=True)
    else:
        text_name, label_name = _text_and_label(source.builder.info.features)
        columns = loading.read(source, split, limit)
        texts = [raw.decode("utf-8", errors="replace") for raw in columns[text_name]]
        labels = columns[label_name]
    if min(labels) < 0:
        raise UserError(
            f"The labels of {source.name}'s {split} split are not public; measure on another with "
            "--split validation."
        )
    return list(texts), np.array(labels, "int32")


def class_names(source):
    """What the class numbers mean; two classes are always named negative and positive."""
    if source.is_sample:
        return ["negative", "positive"]
    features = source.builder.info.features
    names = features[_text_and_label(features)[1]].names
    return ["negative", "positive"] if len(names) == 2 else names


def check_classes(source, classes):
    """Raise UserError where a data set's labels are not those that a network was trained on."""
    if class_names(source) != classes:
        raise UserError(
            f"{source.name} has the labels {', '.join(class_names(source))}, but this run was "
            f"trained on {', '.join(classes)}. Choose another --dataset or --run."
        )


def load(source, options):
    """Read, number and batch the reviews for training; words are learned from training texts alone.

    Returns:
        batches: function epoch -> `tf.data.Dataset` of shuffled batches `(words, labels)`, words
            `(batch, timesteps)` and 0 where padded, labels `(batch,)`.
        validation: the same of the validation split, unshuffled.
        vocabulary: list of words; the index is the word number.
    """
    texts, labels = read(source, "train", options.limit)
    vocabulary = text.learn_vocabulary(texts, options.vocabulary_size, standardize)
    words = to_ids(texts, vocabulary, options.max_length)

    def batches(epoch):
        return bucketed_batches(words, labels, options.batch_size, seed=[options.seed, epoch])

    validation_texts, validation_labels = read(source, "validation", options.limit)
    validation_words = to_ids(validation_texts, vocabulary, options.max_length)
    validation = bucketed_batches(validation_words, validation_labels, options.batch_size)
    return batches, validation, vocabulary


def to_ids(texts, vocabulary, max_length):
    """Texts to lists of word numbers, cut after `max_length` words."""
    return text.to_ids(texts, vocabulary, standardize, max_length)


def standardize(texts):
    """Lower case, no HTML tags, and every punctuation mark a word of its own.

    Punctuation stays, since "great!" and "great?" are not the same.
    """
    import tensorflow as tf

    texts = tf.strings.regex_replace(texts, r"<[^>]{1,10}>", " ")
    texts = tf.strings.lower(texts, encoding="utf-8")
    return tf.strings.regex_replace(texts, r"([^\pL\pM\pN\s'])", r" \1 ")


def save_names(run, vocabulary, classes):
    """Keep beside the model what its numbers mean."""
    text.save_vocabulary(run.path("vocabulary.txt"), vocabulary)
    write_json(run.path("classes.json"), classes)


def load_names(run):
    """The vocabulary and the class names that `save_names` kept."""
    return text.load_vocabulary(run.path("vocabulary.txt")), read_json(run.path("classes.json"))


def _text_and_label(features):
    """The names of the one text and the one label among a data set's features, or None."""
    import tensorflow_datasets as tfds

    if not isinstance(features, tfds.features.FeaturesDict):
        return None
    texts = [name for name, kind in features.items() if isinstance(kind, tfds.features.Text)]
    labels = [name for name, kind in features.items() if isinstance(kind, tfds.features.ClassLabel)]
    return (texts[0], labels[0]) if len(texts) == len(labels) == 1 else None


def _check_features(name, features):
    if _text_and_label(features) is None:
        raise loading.refusal(name, features, "one text and one class label per example", FITTING)
