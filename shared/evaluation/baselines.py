"""What can be had without looking at the input: what a metric is to be compared with.

Each function gives metrics as a recipe measures them, of a guess, on the very answers that the
network was measured on. The constant guess is even chosen with these answers in hand, so no single
answer that is given whatever the input can do better.
"""

import numpy as np

CONSTANT = "constant"
MEANS = {
    CONSTANT: "the one answer that is best here, given whatever the input is",
    "chance": "an answer drawn by lot",
    "memoryless": "the best answer of who remembers nothing of the sequence",
    "majority": "always the label that is most frequent in training",
    "position": "the label that is most frequent in training at that frame",
    "shuffled images": "the same captions, dealt to other images",
    "untranslated": "the sentence itself in the place of its translation",
}


def constant_label(labels):
    """The accuracy of the label that occurs most often.

    Args:
        labels: int array of any shape.
    """
    return {"accuracy": float(np.bincount(np.ravel(labels)).max() / np.size(labels))}


def constant_distribution(ids):
    """The cross entropy of who gives each token its share of this text, and the perplexity.

    Args:
        ids: int array `(length,)`.
    """
    counts = np.bincount(ids).astype("float64")
    shares = counts[counts > 0] / len(ids)
    cross_entropy = float(-(shares * np.log(shares)).sum())
    return {"cross_entropy": cross_entropy, "perplexity": float(np.exp(cross_entropy))}


def constant_number(numbers):
    """The mean squared error of the mean of these numbers, an array of any shape."""
    return {"mse": float(np.var(np.asarray(numbers, "float64")))}


def in_words(baselines):
    """What the names of baselines mean: one sentence for each that is known.

    Args:
        baselines: dictionary name -> metrics.
    """
    return [f"{name.capitalize()}: {MEANS[name]}." for name in baselines if name in MEANS]
