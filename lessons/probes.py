"""Linear probes: what can be read from a layer's state by one matrix (Alain and Bengio 2016).

A probe is a logistic regression from the state after each character to the answer of a question
about the text. If it answers well on a text that it was not trained on, the answer stands in the
state, in a form that the next layer can use.
"""

import collections

import numpy as np

PASSES, BATCH, RATE = 6, 128, 0.3
PIECE = 2000  # characters
LETTERS = 30  # that are told apart, the most frequent ones
WORDS = ("the", "a", "of", "to", "is", "in", "and", "an", "be", "as")


def questions(text):
    """For each question about a text the answer at each character.

    Args:
        text: string.

    Returns:
        Dictionary question -> list of `len(text)` answers, strings.
    """
    answers = {
        "Which character was just read?": [],
        "Which was read three before?": [],
        "How many letters into the word?": [],
        "Does the word end here?": [],
        "Which word came before this one?": [],
        "Which fifth of the line is this?": [],
        "Is the line indented?": [],
        "Inside quotation marks?": [],
    }
    counts = collections.Counter(text)
    frequent = {character for character, _ in counts.most_common(LETTERS)}
    letters, word, before, inside = 0, "", "other", False
    column, indented = 0, False

    def told(character):
        return character if character in frequent else "another"

    for place, character in enumerate(text):
        following = text[place + 1 : place + 2]
        if character == "\n":
            inside = inside and text[place - 1 : place] != "\n"
            column, indented = 0, False
        else:
            indented = indented or (column == 0 and character == " ")
            column += 1
        inside = inside != (character == '"')
        if character.isalpha():
            letters, word = letters + 1, word + character
        elif word:
            before = word.lower() if word.lower() in WORDS else "other"
            letters, word = 0, ""
        for question, answer in zip(
            answers,
            (
                told(character),
                told(text[place - 3]) if place >= 3 else "",
                str(min(letters, 8)),
                "yes" if letters and not following.isalpha() else "no",
                before,
                str(min(1 + column // 16, 5)),
                "yes" if indented else "no",
                "yes" if inside else "no",
            ),
            strict=True,
        ):
            answers[question].append(answer)
    return answers


def fit(states, answers, classes, seed=1):
    """A logistic regression, by stochastic gradient descent.

    Args:
        states: float array `(length, features)`.
        answers: int array `(length,)`, numbers of classes.
        classes: how many there are.
        seed: of the order.

    Returns:
        Function from states `(n, features)` to the numbers of the likeliest classes, `(n,)`.
    """
    mean, scale = states.mean(axis=0), states.std(axis=0) + 1e-3
    weights = np.zeros((states.shape[1], classes), "float32")
    bias = np.zeros(classes, "float32")
    draw = np.random.default_rng(seed)
    batches = [
        rows
        for _ in range(PASSES)
        for rows in np.array_split(draw.permutation(len(states)), -(-len(states) // BATCH))
    ]
    for rows, rate in zip(batches, np.linspace(RATE, 0, len(batches)), strict=True):
        x = (states[rows] - mean) / scale
        logits = x @ weights + bias
        gradient = np.exp(logits - logits.max(axis=1, keepdims=True))
        gradient /= gradient.sum(axis=1, keepdims=True)
        gradient[np.arange(len(rows)), answers[rows]] -= 1  # of the cross entropy, at the logits
        weights -= np.float32(rate / len(rows)) * (x.T @ gradient)
        bias -= np.float32(rate / len(rows)) * gradient.sum(axis=0)
    return lambda states: (((states - mean) / scale) @ weights + bias).argmax(axis=1)


def parts(length):
    """What probes are trained on, and what they are scored on: pieces of the text by turns.

    Returns:
        Two boolean arrays `(length,)`.
    """
    trained_on = np.arange(length) // PIECE % 2 == 0
    return trained_on, ~trained_on


def guess(tokens, answers, trained_on):
    """Answers without any state: the most frequent one, and the most frequent one per token.

    Args:
        tokens: list of `length` strings.
        answers: int array `(length,)`.
        trained_on: boolean array `(length,)`: where frequencies are counted.

    Returns:
        Two int arrays `(length,)`.
    """
    _, numbers = np.unique(tokens, return_inverse=True)
    counts = np.zeros((numbers.max() + 1, answers.max() + 1), int)
    np.add.at(counts, (numbers[trained_on], answers[trained_on]), 1)
    most_frequent = counts.sum(axis=0).argmax()
    # A token that isn't there gets the most frequent answer of all.
    of_token = np.where(counts.any(axis=1), counts.argmax(axis=1), most_frequent)
    return np.full(len(answers), most_frequent), of_token[numbers]
