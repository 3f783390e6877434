"""A text and its tokens: the only file that knows the data set.

To use your own, give `--file`, or change `find`.
"""

import heapq
import itertools
import re
from typing import NamedTuple

import numpy as np

from shared.data import running_text
from shared.data.on_disk import Numbers
from shared.data.text import count
from shared.data.training_data import TrainingData, guessing_loss
from shared.data.windows import count_windows, windows
from shared.errors import UserError
from shared.files import json_text, read_json

from . import sample

DEFAULT = "tiny_shakespeare"
FITTING = (DEFAULT, "imdb_reviews", "lm1b")
START, UNKNOWN = 0, 1  # token ids: what stands before the text; what is not in the vocabulary
UNKNOWN_SIGN = "\ufffd"

# A word with the space before it, a sign likewise, or any other white space: so that the tokens
# of a text, joined, are the text again.
WORDS = re.compile(r" ?\w+(?:'\w+)*| ?[^\w\s]|\s")
# A text up to the last place where no word goes on, whatever follows.
WHOLE = re.compile(r"(?s).*(?:(?<=[^\w\s'])|(?=\s))|")


class Names(NamedTuple):
    """What the network's numbers mean."""

    vocabulary: list  # of tokens


def find(options):
    """Where the text comes from: a file of your own, a public data set, or the sample.

    Returns:
        A `Source` whose `read(split, limit)` gives the text in parts, strings.
    """
    return running_text.find(options, DEFAULT, sample, FITTING)


def load(source, options):
    """Read, number and batch the text for training; tokens are learned from training text alone.

    Returns:
        `TrainingData`. A batch is `(tokens, next tokens)`, each `(streams, timesteps)`, and goes on
        where the one before ended.
    """

    def parts_of(split):
        return tokens_in_parts(source, split, options.limit, options.tokens)

    size = options.vocabulary_size if options.tokens == "word" else None
    vocabulary = learn_vocabulary(parts_of("train"), size)
    train, validation = (
        Numbers(itertools.chain([[START]], numbered(parts_of(split), vocabulary)), len(vocabulary))
        for split in ("train", "validation")
    )
    counts = train.counts()
    counts[START] = 0  # it stands before the text, and is never to be guessed
    # As many rows as asked for, or fewer where a split is shorter than that.
    streams = min(options.batch_size, len(train) - 1, len(validation) - 1)

    def batches(epoch):
        # The text as a ring, begun somewhere else in every epoch, so that no window, and no
        # beginning of a stream, is the same twice.
        begin = np.random.default_rng([options.seed, epoch]).integers(len(train))
        return windows(train, streams, options.timesteps, begin)

    return TrainingData(
        batches=batches,
        validation=windows(validation, streams, options.timesteps),
        steps=count_windows(train, streams, options.timesteps),
        names=Names(vocabulary),
        guessing=guessing_loss(counts),
    )


def streams_of(training):
    """How many rows each batch of a `TrainingData` from `load` has."""
    tokens, _ = training.validation.element_spec
    return tokens.shape[0]


def read_tokens(source, split, limit, kind):
    """The first `limit` tokens of a split, a list; see `tokenize`."""
    return list(itertools.chain.from_iterable(tokens_in_parts(source, split, limit, kind)))


def tokens_in_parts(source, split, limit, kind):
    """The same tokens in lists, one for each part of the text that the source gives."""
    rest = ""
    for part in source.read(split, limit):
        text = rest + part
        end = len(text) if kind == "character" else WHOLE.match(text).end()
        tokens, rest = tokenize(text[:end], kind)[:limit], text[end:]
        yield tokens
        if limit is not None:
            limit -= len(tokens)
            if not limit:
                return
    yield tokenize(rest, kind)[:limit]


def tokenize(text, kind):
    """A text -> its tokens, `kind` being "character" or "word"; joined, they give the text."""
    return list(text) if kind == "character" else WORDS.findall(text)


def learn_vocabulary(parts, size=None):
    """The tokens by frequency, after those for the start of a text and for what is unknown.

    Args:
        parts: lists of tokens, those of the training split.
        size: how many entries at most; None for all.

    Returns:
        List of strings; its index is the token id.
    """
    special = ["", UNKNOWN_SIGN]
    counts = count(parts, size or 0)
    del counts[UNKNOWN_SIGN]
    known = len(counts) if size is None else size - len(special)
    return special + heapq.nsmallest(known, counts, key=lambda token: (-counts[token], token))


def to_ids(tokens, vocabulary):
    """Tokens -> int32 array `(1 + len(tokens),)` of ids, the first of which is `START`."""
    return np.array([START, *itertools.chain(*numbered([tokens], vocabulary))], "int32")


def numbered(parts, vocabulary):
    """Lists of tokens, however many, to lists of their ids one by one."""
    number = {token: place for place, token in enumerate(vocabulary)}
    for tokens in parts:
        yield [number.get(token, UNKNOWN) for token in tokens]


def save_names(run, names):
    """Keep beside the model what its numbers mean."""
    run.keep("vocabulary.json", json_text(names.vocabulary))


def load_names(run):
    """The `Names` that `save_names` kept.

    Raises:
        UserError: where they are absent or damaged.
    """
    path = run.path("vocabulary.json")
    vocabulary = read_json(path)
    strings = isinstance(vocabulary, list) and all(isinstance(token, str) for token in vocabulary)
    if not strings or len(vocabulary) < 3 or len(set(vocabulary)) != len(vocabulary):
        raise UserError(f"{path} is damaged: it is not a list of different tokens. Train again.")
    return Names(vocabulary)
