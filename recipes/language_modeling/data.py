"""A text and its tokens: the only file that knows the data set.

To use your own, give `--file`, or change `read`.
"""

import collections
import hashlib
import re
from pathlib import Path

import numpy as np

from shared.data import loading
from shared.errors import UserError
from shared.files import read_json, write_json

from . import sample

DEFAULT = "tiny_shakespeare"
FITTING = (DEFAULT, "imdb_reviews", "lm1b")
START, UNKNOWN = 0, 1  # the first two token ids: before the text begins; not in the vocabulary
UNKNOWN_SIGN = "\ufffd"

# A word with the space before it, a sign likewise, or any other white space: so that the tokens
# of a text, joined, are the text again.
WORDS = re.compile(r" ?\w+(?:'\w+)*| ?[^\w\s]|\s")

FILE_PARTS = {"train": (0.0, 0.9), "validation": (0.9, 0.95), "test": (0.95, 1.0)}
SHORTEST_FILE = 1000


def find(name, file=None, data_dir=None):
    """Where the text comes from: a public data set, the bundled sample, or a file of the user's.

    Raises:
        UserError: also where both `name` and `file` are given, or the file can't be read.
    """
    if file is None:
        return loading.find(name, DEFAULT, data_dir, _check_features, FITTING)
    if name not in (None, file):
        raise UserError(f"Give --dataset {name} or --file {file}, not both.")
    raw = _read_file(file).encode()
    return loading.Source(file, hashlib.sha256(raw).hexdigest()[:16], files=(file,))


def read(source, split, limit=None):
    """Read one split as one text; a blank line joins the texts of a data set that has many.

    A file is cut in three without shuffling: 90 % to train with, 5 % for validation, 5 % to test.

    Args:
        source: as from `find`.
        split: `"train"`, `"validation"`, `"test"` or another split that the data set has.
        limit: how many tokens are wanted at most; the text may be longer.
    """
    if source.files:
        loading.check_split(source.name, split, FILE_PARTS)
        text = _read_file(source.files[0])
        begin, end = (round(part * len(text)) for part in FILE_PARTS[split])
        return text[begin:end]
    if source.is_sample:
        loading.check_split("sample", split, sample.SPLITS)
        return sample.generate(split)
    columns = loading.read(source, split, limit)  # N texts hold N tokens, or more
    texts = columns[_text_feature(source.builder.info.features)]
    text = "\n\n".join(raw.decode("utf-8", errors="replace") for raw in texts)
    if not text.strip():
        raise UserError(f"The {split} split of {source.name} holds no text; choose another.")
    return text


def tokenize(text, kind):
    """A text -> its tokens, `kind` being "character" or "word"; joined, they give the text."""
    return list(text) if kind == "character" else WORDS.findall(text)


def learn_vocabulary(tokens, size=None):
    """The tokens by frequency, after those for the start of a text and for what is unknown.

    Args:
        tokens: those of the training split.
        size: how many entries at most; None for all.

    Returns:
        List of strings; its index is the token id.
    """
    special = ["", UNKNOWN_SIGN]
    counts = collections.Counter(tokens)
    del counts[UNKNOWN_SIGN]
    known = sorted(counts, key=lambda token: (-counts[token], token))
    return special + known[: None if size is None else size - len(special)]


def to_ids(tokens, vocabulary):
    """Tokens -> int32 array of ids."""
    ids = {token: number for number, token in enumerate(vocabulary)}
    return np.fromiter((ids.get(token, UNKNOWN) for token in tokens), "int32", len(tokens))


def load(source, options):
    """Read, number and batch the text for training; the vocabulary is the training text's alone.

    Returns:
        batches: function epoch -> `tf.data.Dataset` of `(tokens, next tokens)`, each (streams,
            timesteps), of which each batch goes on where the one before ended.
        validation: the same of the validation split.
        vocabulary: list of tokens; the index is the id.
        streams: rows of every batch: the batch size, or fewer where a split is shorter than that.
    """
    train, validation = (
        tokenize(read(source, split, options.limit), options.tokens)[: options.limit]
        for split in ("train", "validation")
    )
    size = options.vocabulary_size if options.tokens == "word" else None
    vocabulary = learn_vocabulary(train, size)
    train, validation = to_ids(train, vocabulary), to_ids(validation, vocabulary)
    streams = min(options.batch_size, len(train), len(validation))

    def batches(epoch):
        # The text as a ring, begun somewhere else in every epoch, so that no window, and no
        # beginning of a stream, is the same twice.
        turn = np.random.default_rng([options.seed, epoch]).integers(len(train) + 1)
        ring = np.roll(np.append(START, train).astype("int32"), -turn)
        return windows(ring[:-1], ring[1:], streams, options.timesteps)

    validation = windows(*before_and_after(validation), streams, options.timesteps)
    return batches, validation, vocabulary, streams


def before_and_after(ids):
    """What the network reads, and what it has to say after each: every token of a text, once."""
    return np.append(START, ids[:-1]).astype("int32"), ids


def windows(inputs, targets, streams, timesteps):
    """Batches that go on where the one before ended, row by row.

    The text is cut into `streams` parts of equal length, side by side, and these into windows:

        The quick b  rown fox j  umps over    first row of three batches
         the lazy d  og. And wh  at then?     second row

    What is left over, fewer tokens than there are streams, is not used.

    Args:
        inputs, targets: int32 arrays of ids, one after the other as in the text.
        streams: rows of each batch.
        timesteps: the longest window; all are as long as that, or nearly.

    Returns:
        A `tf.data.Dataset` of pairs (streams, timesteps).
    """
    import tensorflow as tf

    length = len(inputs) // streams
    inputs, targets = (
        tf.constant(ids[: streams * length].reshape(streams, length)) for ids in (inputs, targets)
    )
    count = -(-length // timesteps)
    ends = tf.constant([length * (i + 1) // count for i in range(-1, count)])

    def window(i):
        begin, end = ends[i], ends[i + 1]
        return inputs[:, begin:end], targets[:, begin:end]

    return tf.data.Dataset.range(count).map(window).prefetch(4)


def save_vocabulary(run, vocabulary):
    """Keep beside the model what its numbers mean."""
    write_json(run.path("vocabulary.json"), vocabulary)


def load_vocabulary(run):
    """The vocabulary that `save_vocabulary` kept.

    Raises:
        UserError: where it is absent or damaged.
    """
    path = run.path("vocabulary.json")
    vocabulary = read_json(path)
    strings = isinstance(vocabulary, list) and all(isinstance(token, str) for token in vocabulary)
    if not strings or len(vocabulary) < 3 or len(set(vocabulary)) != len(vocabulary):
        raise UserError(f"{path} is damaged: it is not a list of different tokens. Train again.")
    return vocabulary


def _read_file(file):
    """The text of a UTF-8 file, with line ends as Unix has them."""
    path = Path(file)
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise UserError(f"Can't read {path}: {error.strerror}. Name a text file.") from error
    except UnicodeDecodeError as error:
        raise UserError(
            f"{path} is not a text in UTF-8: byte {error.start} is none of it. Convert it first."
        ) from error
    if len(text) < SHORTEST_FILE:
        raise UserError(
            f"{path} has {len(text)} characters; give a text of {SHORTEST_FILE:,} or more."
        )
    return text


def _text_feature(features):
    """The name of the one text among a data set's features (or the one named text), or None."""
    import tensorflow_datasets as tfds

    if not isinstance(features, tfds.features.FeaturesDict):
        return None
    texts = [name for name, kind in features.items() if isinstance(kind, tfds.features.Text)]
    return texts[0] if len(texts) == 1 else "text" if "text" in texts else None


def _check_features(name, features):
    if _text_feature(features) is None:
        raise loading.refusal(name, features, "a text", FITTING)
