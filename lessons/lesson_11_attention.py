"""Attention: the alignment of a translated number, and where the words of a caption look."""

import numpy as np

from lessons import svg
from lessons.networks import command, trained
from lessons.page import Lesson
from recipes.captioning import data as scenes
from recipes.captioning import model as captioner
from recipes.translation import data as pairs
from recipes.translation import model as translator
from shared.data.caption_words import STOP, to_text
from shared.evaluation.pictures import embedded, highlighted, picture_grid
from shared.evaluation.report import paragraphs
from shared.layers import LuongAttention
from shared.training.pretrained import encoder_of

BEAM = 5
# Of the test split.
SENTENCES = ("871314", "Saturday, August 6, 1746", "751 years and 23 minutes", "419,285")
PICTURES = 4  # scenes that the page has
MEASURED = 100  # scenes that are looked at for how often the decoder looks at the right side
WIDTH, LEFT, TOP = 900, 150, 110  # of the picture, in its own units


def translations(run):
    """The `SENTENCES`, translated.

    Returns:
        List of dictionaries: `text`; `said`, its translation; `read` and `written`, the subwords of
        both; `weights`, array `(written, read)`, of which each row adds up to one.
    """
    network, names = run.load_model(), pairs.load_names(run)
    read = pairs.to_ids(SENTENCES, names.source, run.options.max_length)
    found = []
    for text, source, best in zip(
        SENTENCES, read, translator.translate(network, read, BEAM), strict=True
    ):
        (target,) = pairs.with_stop([best.tokens.tolist()])
        found.append(
            {
                "text": text,
                "said": pairs.to_text(best.tokens, names.target),
                "read": shown(pairs.shown(source, names.source)),
                "written": shown(pairs.shown(target, names.target)),
                "weights": translator.attend(network, source, target),
            }
        )
    return found


def shown(pieces):
    """Subwords as they are written on the page; the last is what ends a sentence."""
    return [*pieces[:-1], "end"]


def captions(run, count):
    """Scenes of the test split, with their captions and where each word looked.

    Returns:
        List of `(image, words, weights)`: uint8 array `(height, width, 3)`, list of strings, and
        array `(words, rows, columns)`, whose numbers add up to one for each word.
    """
    network, names = run.load_model(), scenes.load_names(run)
    encoder = encoder_of(network, run)
    shape = scenes.shape_of(run.options)
    images = scenes.find(run.options).read("test", count, shape).column("image")
    write = captioner.writer(network, encoder, BEAM, run.options.max_length)
    found = []
    for image, best in zip(images, write(images), strict=True):
        words = [*best.tokens.tolist(), STOP]
        weights = captioner.attend(network, encoder, image, words)
        spelled = [*to_text(best.tokens, names.vocabulary).split(), "end"]
        found.append((image, spelled, weights))
    return found


def right_side(words, weights):
    """How much of the attention lies on the half of the picture where the thing stands.

    Args:
        words: of a caption of the sample, the word for the end included.
        weights: array `(words, rows, columns)`.

    Returns:
        For each size, colour and shape that the caption names, the share of its weight that lies on
        the half of the thing that it belongs to; an empty list for other captions.
    """
    relations = {"left": (2, 0), "right": (2, 1), "above": (1, 0), "below": (1, 1)}
    turn = next((place for place, word in enumerate(words) if word in relations), None)
    if turn != 4 or len(words) < 9:  # "a small red square left of a large blue ring"
        return []
    axis, side = relations[words[turn]]
    halves = np.stack([half.sum(axis=(1, 2)) for half in np.array_split(weights, 2, axis=axis)])
    of_first = [halves[side, place] for place in (1, 2, 3)]
    of_second = [halves[1 - side, place] for place in range(len(words) - 4, len(words) - 1)]
    return [float(share) for share in of_first + of_second]


def build(folder):
    of_numbers = trained(folder, "translation")
    sentences = translations(of_numbers)
    looked = captions(trained(folder, "captioning"), MEASURED)
    shares = [share for _, words, weights in looked for share in right_side(words, weights)]
    seen = (
        f"“{sentences[0]['text']}” translated into “{sentences[0]['said']}”. A row for each "
        "subword written, a column for each one read: the stronger the colour, the more the "
        "decoder looked there. ▁ stands for the space before a word."
    )
    image, words, weights = looked[0]
    still = picture_grid([highlighted(image, each) for each in weights], words)
    measured = (
        "The sample says where each thing stands. Of the attention of the words that name a size, "
        f"a colour or a shape, {100 * np.mean(shares):.0f} % lies on the half of the picture where "
        f"that thing is, over {len(looked)} test scenes; looking everywhere alike would give 50 %."
        if shares
        else "None of the captions names two things and how they stand to each other."
    )
    return Lesson(
        title="Attention",
        idea=[
            "An encoder that hands on only its last state has to press a whole sentence into one "
            "vector. With attention the decoder may look back at all states of the encoder.",
            "At every step it compares its own state with each of them. The softmax of these "
            "scores is the attention: weights that add up to one. What it reads is the mean of the "
            "states with these weights.",
            "Nobody said which word belongs to which. The weights were learned with all others.",
        ],
        figure=matrix(sentences[0], seen),
        caption=seen,
        to_try=[
            "Go through the translation step by step, and see which part of the number each French "
            "word is written from.",
            "Choose the date. In French the day comes before the month: do the weights cross?",
            "Choose a word of the caption: the picture is bright where the decoder looked for it.",
        ],
        more=[
            (
                "A caption looks at its picture",
                svg.markup(f'<div id="scenes">{still}</div>') + paragraphs([measured]),
            )
        ],
        code=[LuongAttention.compare, LuongAttention.call, translator.attend, captioner.attend],
        command=command(of_numbers, "inspect", f'"{sentences[1]["text"]}"'),
        data={
            "sentences": [
                {**each, "weights": np.round(each["weights"].astype("float64"), 4).tolist()}
                for each in sentences
            ],
            "scenes": [
                {
                    "image": embedded(image),
                    "words": words,
                    "weights": np.round(weights.astype("float64"), 4).tolist(),
                }
                for image, words, weights in looked[:PICTURES]
            ],
        },
    )


def matrix(sentence, seen):
    """The weights of a sentence as an SVG."""
    rows, columns = sentence["weights"].shape
    wide, high = (WIDTH - LEFT) / columns, 24
    marks = svg.cells(sentence["weights"], LEFT, TOP, wide, high, "--output")
    for column, piece in enumerate(sentence["read"]):
        at = f"translate({LEFT + wide * (column + 0.5):.1f} {TOP - 8}) rotate(-35)"
        marks.append(svg.mark("text", piece, transform=at, fill="var(--input)"))
    for row, piece in enumerate(sentence["written"]):
        at = {"x": LEFT - 8, "y": TOP + high * row + 17, "text_anchor": "end"}
        marks.append(svg.mark("text", piece, **at, fill="var(--output)"))
    return svg.picture(WIDTH, TOP + high * rows, seen, marks, at_least=560)
