"""Stacked: what each of the two layers of the language model tells of the text."""

import numpy as np

from lessons import probes, svg
from lessons.networks import READ, command, passage_of, read_validation
from lessons.page import Lesson
from recipes.language_modeling.model import build_model
from shared.evaluation.report import paragraphs

SHOWN = 800  # characters
WIDTH, LEFT, LONG, ROW = 900, 280, 425, 16  # of the picture, in its own units
# Who answers, and the colour and the strength of that bar.
WHO = (
    ("most frequent answer", "faint", 0.5),
    ("the character alone", "input", 0.8),
    ("layer 1", "state", 0.6),
    ("layer 2", "state", 1.0),
)


def answer_all(text, hidden):
    """Every question, as it is answered without the network and by a probe on each layer.

    Args:
        text: string.
        hidden: array `(len(text), layers, units)`.

    Returns:
        Dictionary question -> `(classes, right, given)`: a list of the possible answers, int array
        `(length,)` of the right ones, and a list with such an array for each of `WHO`.
    """
    trained_on, _ = probes.parts(len(text))
    found = {}
    for question, answers in probes.questions(text).items():
        classes, right = np.unique(answers, return_inverse=True)
        given = list(probes.guess(list(text), right, trained_on))
        for layer in range(hidden.shape[1]):
            states = hidden[:, layer]
            probe = probes.fit(states[trained_on], right[trained_on], len(classes))
            given.append(probe(states))
        found[question] = classes.tolist(), right, given
    return found


def build(folder, length=READ):
    reading = read_validation(folder, length)
    found = answer_all(reading.text, reading.hidden)
    _, scored_on = probes.parts(len(reading.text))
    scores = {
        question: [float((each == right)[scored_on].mean()) for each in given]
        for question, (_, right, given) in found.items()
    }
    begin = passage_of(reading.text, SHOWN, np.flatnonzero(np.diff(scored_on.astype(int)) > 0) + 1)
    here = slice(begin, begin + SHOWN)
    seen = (
        "How many answers are right. Grey: always the most frequent one. Red: the most frequent "
        "one for the character that was just read. Green: a probe on the state of layer 1, paler, "
        "and of layer 2."
    )
    pieces = f"{probes.PIECE:,} characters"
    return Lesson(
        title="Stacked",
        idea=[
            "Recurrent layers can be stacked: the states of the first are what the second reads. "
            "The language model of this book has two layers.",
            "A linear probe asks a layer a question. It is one matrix from the state to an answer, "
            "and it can only find what stands there plainly.",
            in_words(scores),
        ],
        figure=bars(scores, seen),
        caption=f"{seen} The probes were trained on every other piece of {pieces} of the "
        "validation text, and scored on the pieces between; neither they nor the network were "
        "trained on those.",
        more=[
            (
                "Character by character",
                paragraphs(
                    [
                        "Answers of the probes in a piece that they are scored on. Choose a "
                        "question; point at a character, or move along with the arrow keys."
                    ]
                )
                + svg.markup('<div id="answers" class="wide"></div>'),
            )
        ],
        to_try=[
            "Ask whether this is inside of quotation marks. Look where layer 1 goes wrong, and "
            "whether layer 2 does too.",
            "Ask for the character that was just read. It is the input of the first layer. How "
            "much of it does the second still know?",
            "Ask for the fifth of the line. How much better is a layer than the answer that is "
            "most frequent?",
        ],
        code=[build_model, probes.fit],
        command=command(reading.run, "inspect", "'It prints \"To be\" and Returns.' --unit 2 1"),
        data={
            "text": reading.text[here],
            "questions": [
                {
                    "question": question,
                    "classes": classes,
                    "right": right[here].tolist(),
                    "given": [each[here].tolist() for each in given[2:]],
                }
                for question, (classes, right, given) in found.items()
            ],
        },
    )


def in_words(scores):
    """How many questions each layer answers better than the other, by half a point, in words."""
    first = sum(one > two + 0.005 for *_, one, two in scores.values())
    second = sum(two > one + 0.005 for *_, one, two in scores.values())
    return (
        f"Of {len(scores)} questions about letters, words and lines, layer 1 answers {first} "
        f"better than layer 2, and layer 2 answers {second} better than layer 1."
    )


def bars(scores, seen):
    """For each question a bar for each of `WHO`, with its number."""
    marks, y = [], 10
    for question, values in scores.items():
        marks.append(svg.mark("text", question, x=0, y=y + 2 * ROW + 4, fill="var(--ink)"))
        for value, (who, colour, strength) in zip(values, WHO, strict=True):
            box = {"x": LEFT, "y": y, "width": LONG * value, "height": ROW - 2}
            marks += [
                svg.mark("rect", **box, fill=f"var(--{colour})", fill_opacity=strength),
                svg.mark(
                    "text",
                    f"{value:.3f} {who}",
                    x=LEFT + LONG * value + 6,
                    y=y + ROW - 4,
                    font_size=12,
                    fill="var(--faint)",
                ),
            ]
            y += ROW
        y += 14
    return svg.picture(WIDTH, y, seen, marks, at_least=640)
