"""Words to numbers and back: a vocabulary learned from the training split alone."""

import heapq
from collections import Counter

import numpy as np

from shared.errors import UserError
from shared.progress import progress

PADDING, UNKNOWN = 0, 1  # the first two token ids
MOST = 2**19  # different tokens that are counted side by side: some 60 MB


def count(tokens_of_each, size):
    """How often each token occurs.

    There is no end of rare tokens in a long text. So whenever more than `MOST` different ones are
    in memory, the rarer half of them is forgotten. Up to there all counts are exact; beyond, those
    of frequent tokens nearly are.

    Args:
        tokens_of_each: iterable of lists of strings.
        size: how many of the most frequent tokens are wanted; of these four times as many are kept
            in memory, where that is more than `MOST`.

    Returns:
        A `Counter`.
    """
    counts, most = Counter(), max(MOST, 4 * size)
    for tokens in tokens_of_each:
        counts.update(tokens)
        if len(counts) > most:
            seen, times = list(counts), np.fromiter(counts.values(), "int64", len(counts))
            kept = np.argsort(-times, kind="stable")[: most // 2]
            counts = Counter({seen[place]: int(times[place]) for place in np.sort(kept)})
    return counts


def learn_vocabulary(texts, size, words_of):
    """The `size` most frequent words of `texts`, most frequent first.

    Args:
        texts: iterable of strings, of the training split only.
        size: how many entries, padding and the unknown word included.
        words_of: function from a string to the list of its words.

    Returns:
        List of strings; its index is the token id; id 0 is padding, id 1 the unknown word. Of words
        that are equally frequent the last in the order of their UTF-8 bytes comes first, as in
        Keras's `TextVectorization`.
    """
    texts = progress(texts, doing="learning words", unit="text")
    counts = count(map(words_of, texts), size)
    ranked = heapq.nlargest(size - 2, counts, key=lambda word: (counts[word], word.encode()))
    return ["", "[UNK]", *ranked]


def to_ids(texts, vocabulary, words_of, max_length=None):
    """Turn texts into token ids.

    Args:
        texts: iterable of strings.
        vocabulary: list of words as from `learn_vocabulary`.
        words_of: the function that the vocabulary was learned with.
        max_length: cut longer texts after this many words.

    Yields:
        int32 arrays, one per text, each of at least one id: a text of no words still needs one step
        for a network to run on.
    """
    number = {word: place for place, word in enumerate(vocabulary) if place > UNKNOWN}
    for text in progress(texts, doing="numbering words", unit="text"):
        words = words_of(text)[:max_length]
        yield np.array([number.get(word, UNKNOWN) for word in words] or [UNKNOWN], "int32")


def lines_of(vocabulary):
    """A vocabulary as a text, one word per line."""
    return "\n".join(vocabulary) + "\n"


def load_vocabulary(path):
    """Read a file of what `lines_of` gives.

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
