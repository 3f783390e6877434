"""What comes next: a distribution at every step, a draw, and the way back to the input."""

import numpy as np

from lessons import svg
from lessons.networks import command, packed_lstm, trained
from lessons.page import Lesson, packed
from recipes.language_modeling import data, model
from shared.decoding.logits import draw
from shared.decoding.sampling import _walk as loop
from shared.evaluation.gradients import recurrent_layers
from shared.evaluation.reading import no_memory

PROMPT = 'The "if" statement '
WRITTEN = 30  # characters
TEMPERATURE = 0.7
DICE = np.random.default_rng(4).random(400).round(6)  # as many characters are written at most
COLUMNS, LIKELIEST = 17, 5  # of the picture: steps, and characters at each of them
WIDTH, HEIGHT = 900, 335


def write(reader, vocabulary, prompt, count, temperature=TEMPERATURE, dice=DICE):
    """Write after a prompt, character by character, as the page's script does.

    Args:
        reader: as from `model.with_states`.
        vocabulary: its tokens.
        prompt: the text to begin with.
        count: how many characters to write.
        temperature: what the logits are divided by.
        dice: at least `count` numbers from 0 to 1, one for each draw.

    Returns:
        ids: int array `(length,)` of all that was read, first the token that stands before a text.
        logits: array `(length, tokens)` of what comes next.
    """
    step, states = model.step_function(reader), no_memory(reader)
    ids, logits = list(data.to_ids(list(prompt), vocabulary)), []
    for place in range(len(ids) + count):
        if place == len(ids):
            die = dice[place - 1 - len(prompt) : place - len(prompt)]
            ids.append(int(draw(logits[-1][None], die, temperature)[0]))
        after, states = step(np.array(ids[place : place + 1]), states)
        logits.append(np.asarray(after)[0])
    return np.array(ids), np.array(logits)


def probabilities(logits, temperature=TEMPERATURE):
    """The softmax of the logits at a temperature, in float64: array `(length, tokens)`."""
    logits = logits.astype("float64") / temperature
    weights = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return weights / weights.sum(axis=-1, keepdims=True)


def build(folder):
    run = trained(folder, "language_modeling")
    reader, vocabulary = model.with_states(run.load_model()), data.load_names(run).vocabulary
    ids, logits = write(reader, vocabulary, PROMPT, WRITTEN)
    to_logits = reader.get_layer("logits").get_weights()
    seen = (
        "Red: the characters that are read. Green: the state that is handed on. Blue: the five "
        "likeliest next characters of each step, and the one that comes next, if it is another. "
        "That one has a frame, and the next step reads it."
    )
    return Lesson(
        title="What comes next",
        idea=[
            "A language model reads a text character by character. At every step it says of each "
            "character how probable it is as the next one.",
            "To write, one character is drawn by these probabilities, and the next step reads it. "
            "So what comes out goes in again.",
            "The temperature divides the logits, of which the probabilities are made. Below 1 what "
            "is likely becomes likelier. Above 1 all characters become more alike.",
        ],
        figure=svg.picture(WIDTH, HEIGHT, seen, columns(ids, logits, vocabulary), at_least=640),
        caption=seen,
        to_try=[
            "Move the temperature to 0.1: the network writes its most likely phrases, over and "
            "over. Move it to 2: it hardly writes words any more. The random numbers stay the "
            "same.",
            "Draw anew: other random numbers, another text.",
            "Point at a step, or move along with the arrow keys: below stands the whole "
            "distribution, and where the random number fell.",
            "Type another beginning, for example: See also the documentatio. The network is sure "
            "within a word, and less sure where a word begins.",
        ],
        code=[model.step_function, loop, draw],
        command=command(run, "generate", "--prompt 'The ' --temperature 0.7 --length 300"),
        data={
            "vocabulary": vocabulary,
            "vectors": packed(reader.get_layer("vectors").get_weights()[0]),
            "layers": [packed_lstm(layer) for layer in recurrent_layers(reader).values()],
            "logits": {"V": packed(to_logits[0]), "b": packed(to_logits[1])},
            "prompt": PROMPT,
            "written": WRITTEN,
            "temperature": TEMPERATURE,
            "dice": DICE.tolist(),
        },
    )


def columns(ids, logits, vocabulary):
    """The last steps of a text side by side, as marks for `svg.picture`."""
    wide, marks, shares = WIDTH / COLUMNS, [], probabilities(logits)
    first = len(ids) - 1 - COLUMNS
    for column in range(COLUMNS):
        place = first + column
        middle = wide * (column + 0.5)
        shown = np.argsort(-shares[place])[:LIKELIEST].tolist()
        for rank, token in enumerate(dict.fromkeys([*shown, int(ids[place + 1])])):
            at = {"x": middle - 18, "y": 160 - 30 * rank, "width": 36, "height": 28, "rx": 4}
            frame = "var(--ink)" if token == ids[place + 1] else "none"
            share = float(shares[place, token])
            marks += [
                svg.mark("rect", **at, fill="var(--output)", fill_opacity=share, stroke=frame),
                letter(vocabulary[token], middle, at["y"] + 20),
            ]
        marks += [
            svg.mark("rect", x=middle - 18, y=230, width=36, height=28, rx=4, fill="var(--state)"),
            svg.mark(
                "rect",
                x=middle - 18,
                y=300,
                width=36,
                height=28,
                rx=4,
                fill="none",
                stroke="var(--input)",
            ),
            letter(vocabulary[ids[place]], middle, 320),
        ]
    return marks


def letter(token, x, y):
    """A character as a mark, white space as a sign for it."""
    shown = {"": "start", " ": "␣", "\n": "⏎"}.get(token, token)
    return svg.mark("text", shown, x=x, y=y, text_anchor="middle", fill="var(--ink)")
