"""The bundled sample: three tasks whose answer lies far back, at any distance.

agreement   A text begins "I grew up in France." and ends "I speak fluent", and the next word is to
            be said: French. Between the two lies a gap of a chosen number of words, filled with
            sentences about other people: "As you know my sister lives in Japan.", "Our cousin
            speaks fluent Greek." One nation, any of them, is named in most of these sentences, and
            "grew up in" and "speaks fluent" occur in them as well. So neither the last nation nor
            the most frequent one nor the one beside certain words is an answer; only who grew up
            there tells.
adding      Two numbers at each timestep: a value, uniform between 0 and 1, and a mark. Two values
            are marked, one in each half; their sum is the answer (S. Hochreiter and J. Schmidhuber,
            "Long short-term memory", Neural Computation 9, 1997; the marks as in Le et al. 2015).
            Who always says 1 has a mean squared error of 1/6.
copying     Ten symbols out of eight, then blanks, then a signal, at which the ten are to be said in
            their order (Hochreiter and Schmidhuber 1997, in the form of M. Arjovsky, A. Shah and
            Y. Bengio, "Unitary evolution recurrent neural networks", ICML 2016). Who remembers
            nothing has a cross entropy of ln(8) * 10 / (timesteps + 20), the mean over all
            timesteps.

What fills the gap of a validation or test text never fills that of a training text, unless the gap
is too short for a sentence. The sequences of the other tasks are drawn anew for each epoch.
"""

import functools
import random
import zlib

import numpy as np

SIZES = {"train": 8000, "validation": 1000, "test": 2000}
GAPS = (5, 25, 100, 200)  # words; what `agreement` is trained at by default
# Whatever is not given stands in `data.DEFAULTS`: the options differ by task, not by source.
DEFAULTS = {}
# What a training on the sample must reach, and what the network must then answer: the recipe's
# smoke test.
SMOKE = {
    "arguments": ["--gap", "5", "--gap", "40", "--epochs", "4", "--learning-rate", "0.01"],
    # For the tests that train for a moment only: one network instead of a race.
    "small": ["--cell", "lstm", "--gap", "5", "--learning-rate", "0.01"],
    "metric": "accuracy_lstm_40",
    "at_least": 0.95,
    "inputs": [
        "I grew up in France. Our cousin lives in Spain. I speak fluent",
        "I grew up in Spain. As you know my sister speaks fluent French. I speak fluent",
    ],
    "answers": [{"label": "French"}, {"label": "Spanish"}],
}

LANGUAGES = {
    "France": "French",
    "Spain": "Spanish",
    "Italy": "Italian",
    "Japan": "Japanese",
    "Greece": "Greek",
    "Poland": "Polish",
    "Turkey": "Turkish",
    "China": "Chinese",
}
NATIONS = tuple(LANGUAGES.items())
CLASSES = tuple(LANGUAGES.values())
BEGINNING, END = "I grew up in {}", "I speak fluent"
WHOSE = ("my", "our", "his", "the")
PEOPLE = ("sister", "cousin", "friend", "neighbour", "teacher", "doctor")
# "grew up in" is twice there, so that it says as little as the rest of what decides.
ABOUT_COUNTRIES = ("lives in", "dreams of", "grew up in", "grew up in", "came back from")
ABOUT_LANGUAGES = ("speaks fluent", "is learning", "sings in", "never learned any")
# What a sentence may begin with, by its number of words: so that any gap can be filled.
ASIDES = (
    ("",),
    ("today", "yesterday"),
    ("last year", "of course"),
    ("as you know", "some years ago"),
    ("if I remember well", "to tell the truth"),
    ("as far as I know", "to come to the point"),
)
SHORTEST = 6  # words of a sentence, the full stop included
LONGEST = SHORTEST + len(ASIDES) - 1
REMAINDERS = {"train": range(6), "validation": [6], "test": [7]}

SYMBOLS = 8  # of `copying`; their numbers are 1 to 8
BLANK, SIGNAL = 0, SYMBOLS + 1
COPIED = 10  # symbols


@functools.cache
def generate(split, gap=GAPS[1], count=None):
    """The texts of `agreement`, always the same ones.

    Args:
        split: one of `SIZES`. Split and gap decide the texts.
        gap: number of words between the country and "I speak fluent", full stops included.
        count: how many; all if None.

    Returns:
        List of pairs of a text and the number of its language in `CLASSES`.
    """
    draw = random.Random(f"agreement {split} {gap}")
    examples = []
    for _ in range(min(count or SIZES[split], SIZES[split])):
        number = draw.randrange(len(CLASSES))
        beginning = BEGINNING.format(NATIONS[number][0])
        filler = fill(gap, draw)
        # What fills the gap belongs to one split; where it is too short, there is too little.
        while gap > SHORTEST and zlib.crc32(filler.encode()) % 8 not in REMAINDERS[split]:
            filler = fill(gap, draw)
        examples.append((f"{beginning}{filler} {END}", number))
    return examples


def fill(gap, draw):
    """A full stop and sentences, `gap` words in all; too short for a sentence, only an aside."""
    sentences, left = ["."], gap - 1
    often = draw.choice(NATIONS)
    while left:
        if left < SHORTEST:
            sentences.append(capitalized(draw.choice(ASIDES[left])))
            break
        lengths = [n for n in range(SHORTEST, LONGEST + 1) if left - n >= SHORTEST or n == left]
        length = draw.choice(lengths)
        nation = often if draw.random() < 0.75 else draw.choice(NATIONS)
        sentences.append(sentence(length, nation, draw))
        left -= length
    return " ".join(sentences)


def sentence(length, nation, draw):
    """A sentence about somebody else, of `length` words, from `SHORTEST` to `LONGEST`.

    Args:
        length: number of words, the full stop included.
        nation: the country and the language, one of which the sentence ends with.
        draw: a `random.Random`.
    """
    extra = length - SHORTEST
    name, verbs = draw.choice(list(zip(nation, (ABOUT_COUNTRIES, ABOUT_LANGUAGES), strict=True)))
    verb = draw.choice([verb for verb in verbs if len(verb.split()) - 2 <= extra])
    aside = draw.choice(ASIDES[extra - (len(verb.split()) - 2)])
    words = [aside, draw.choice(WHOSE), draw.choice(PEOPLE), verb, name]
    return capitalized(" ".join(word for word in words if word)) + "."


def capitalized(text):
    return text[0].upper() + text[1:]


def every_word():
    """All that a text may be put together from."""
    asides = [aside for length in ASIDES for aside in length]
    verbs = [*ABOUT_COUNTRIES, *ABOUT_LANGUAGES]
    return [BEGINNING.format("."), END, *LANGUAGES, *CLASSES, *WHOSE, *PEOPLE, *verbs, *asides]


def adding(count, timesteps, draw):
    """Sequences of `adding`.

    Args:
        count: how many.
        timesteps: of each, at least 2.
        draw: a `numpy.random.Generator`.

    Returns:
        float32 arrays: values and marks `(count, timesteps, 2)`, and the sums `(count, 1)`.
    """
    values = draw.random((count, timesteps), "float32")
    marks = np.zeros_like(values)
    rows, half = np.arange(count), timesteps // 2
    marks[rows, draw.integers(0, half, count)] = 1
    marks[rows, draw.integers(half, timesteps, count)] = 1
    return np.stack([values, marks], axis=-1), (values * marks).sum(axis=1, keepdims=True)


def copying(count, timesteps, draw):
    """Sequences of `copying`.

    Args:
        count: how many.
        timesteps: from the last symbol read to the first one to be said.
        draw: a `numpy.random.Generator`.

    Returns:
        int32 arrays `(count, timesteps + 20)`: what is read, and what is to be said, `BLANK` but
        for the last ten timesteps.
    """
    return written(draw.integers(1, SYMBOLS + 1, (count, COPIED), "int32"), timesteps)


def written(symbols, timesteps):
    """What is read and what is to be said of ten symbols `(count, 10)`; see `copying`."""
    read, said = np.full((2, len(symbols), timesteps + 2 * COPIED), BLANK, "int32")
    read[:, :COPIED], said[:, -COPIED:] = symbols, symbols
    read[:, -COPIED - 1] = SIGNAL
    return read, said
