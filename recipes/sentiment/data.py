"""Reviews and their labels: the only file that knows the data set.

To use your own, give `--file`, or change `find`.
"""

import re
from typing import NamedTuple

import numpy as np
import regex

from shared.data import labelled_texts, text
from shared.data.batching import bucketed_batches, count_bucketed_batches
from shared.data.on_disk import Sequences
from shared.data.training_data import TrainingData, guessing_loss
from shared.files import json_text, read_json

from . import sample

DEFAULT = "imdb_reviews"
FITTING = (DEFAULT, "glue/sst2", "yelp_polarity_reviews")
SHOWN = 20  # unknown words that `inspect` names
TAG = re.compile(r"<[^>]{1,10}>")
WORD = regex.compile(r"[\p{L}\p{M}\p{N}']+|[^\p{L}\p{M}\p{N}' \t\n\r\f\v]")


class Names(NamedTuple):
    """What the network's numbers mean."""

    vocabulary: list  # of words
    classes: list


def find(options):
    """Where the reviews come from: a table of your own, a public data set, or the sample.

    Returns:
        A `Source` whose `read(split, limit)` gives texts and class numbers, and whose `classes`
        says what those mean.
    """
    return labelled_texts.find(options, DEFAULT, sample, FITTING)


def load(source, options):
    """Read, number and batch the reviews for training; words are learned from training texts alone.

    Returns:
        `TrainingData`. A batch is `(words, labels)`: words `(batch, timesteps)`, 0 where padded,
        and labels `(batch,)`.
    """
    texts, labels = source.read("train", options.limit)
    vocabulary = text.learn_vocabulary(texts, options.vocabulary_size, words_of)

    def numbered(texts):
        ids = text.to_ids(texts, vocabulary, words_of, options.max_length)
        return Sequences(ids, size=len(vocabulary))

    words = numbered(texts)

    def batches(epoch):
        return bucketed_batches(words, labels, options.batch_size, seed=[options.seed, epoch])

    texts, validation_labels = source.read("validation", options.limit)
    validation_words = numbered(texts)
    return TrainingData(
        batches=batches,
        validation=bucketed_batches(validation_words, validation_labels, options.batch_size),
        steps=count_bucketed_batches(words, options.batch_size),
        names=Names(vocabulary, list(source.classes)),
        guessing=guessing_loss(np.bincount(labels)),
    )


def to_ids(texts, vocabulary, max_length):
    """Texts to lists of word numbers, cut after `max_length` words."""
    return list(text.to_ids(texts, vocabulary, words_of, max_length))


def words_of(review):
    """The words of a text: lower case, no HTML tags, and every punctuation mark a word of its own.

    Punctuation stays, since "great!" and "great?" are not the same.
    """
    return WORD.findall(TAG.sub(" ", review).lower())


def shown(review, words):
    """The words of a text that stand at the network's timesteps: a list of strings."""
    return words_of(review)[: len(words)] or ["(none)"]


def unknown_among(shown, words):
    """A sentence on the words that the network doesn't know; empty where it knows all."""
    unknown = dict.fromkeys(
        word for word, number in zip(shown, words, strict=True) if number == text.UNKNOWN
    )
    return f"Not in its vocabulary: {', '.join(list(unknown)[:SHOWN])}." if unknown else ""


def save_names(run, names):
    """Keep beside the model what its numbers mean."""
    run.keep("vocabulary.txt", text.lines_of(names.vocabulary))
    run.keep("classes.json", json_text(names.classes))


def load_names(run):
    """The `Names` that `save_names` kept."""
    vocabulary = text.load_vocabulary(run.path("vocabulary.txt"))
    return Names(vocabulary, read_json(run.path("classes.json")))
