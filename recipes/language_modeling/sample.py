"""The bundled sample: the help texts of the Python that runs it, as `help("assert")` shows them.

They come with Python (`pydoc_data.topics`), so nothing needs to be downloaded, and they are what
a language model likes: English, code, grammar rules, underlined headings, quotation marks.

The splits are by topic. Topics repeat one another (`compound` holds `if`, `while`, `for` ...), so
a paragraph that occurs in the validation or the test text is taken out of the training text, and
one that occurs in the test text out of the validation text too: nothing is measured on a paragraph
that was seen before. The texts differ a little between versions of Python, and so do the figures.
"""

import random

from shared.errors import UserError

DEFAULTS = {}  # the options for other texts suit it too
# Shares of all characters. The training text then loses the paragraphs that are held out.
SIZES = {"train": 0.84, "validation": 0.08, "test": 0.08}
# What a training on the sample must reach, and what the network
# must then answer: the recipe's smoke test.
SMOKE = {
    "arguments": [
        *("--epochs", "3", "--batch-size", "16", "--timesteps", "64", "--units", "192"),
        *("--layers", "1", "--dropout", "0.1", "--learning-rate", "0.004"),
    ],
    "metric": "cross_entropy",
    "at_most": 1.75,
    "inputs": ["See also the documentatio", "an assignment statemen"],
    "answers": [{"next": "n"}, {"next": "t"}],
}


def generate(split):
    """The text of a split, a blank line between its paragraphs."""
    if split not in SIZES:
        raise ValueError(f"unknown split {split!r}: the sample has {', '.join(SIZES)}")
    topics = _topics()
    names = sorted(topics)
    random.Random("help topics").shuffle(names)
    everything = sum(map(len, topics.values()))

    parts, met = {}, set()
    for part in ("test", "validation"):
        parts[part] = []
        while sum(map(len, parts[part])) < SIZES[part] * everything:
            parts[part] += _new_paragraphs(topics[names.pop()], met)
    parts["train"] = [
        paragraph for name in names for paragraph in _new_paragraphs(topics[name], met)
    ]
    return "\n\n".join(parts[split]) + "\n"


def _new_paragraphs(text, met):
    """The paragraphs of a text that are not among those `met`; they are, from then on."""
    found = []
    for paragraph in text.strip("\n").split("\n\n"):
        key = " ".join(paragraph.split())
        if key and key not in met:
            met.add(key)
            found.append(paragraph)
    return found


def _topics():
    """Name -> help text."""
    try:
        from pydoc_data.topics import topics
    except ImportError as error:  # some systems package it apart
        raise UserError(
            "This Python comes without its help texts (pydoc_data.topics), which are the sample; "
            "give --file or another --dataset."
        ) from error
    return topics
