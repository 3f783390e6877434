"""The small networks that the lessons look into, trained by the recipes' own commands."""

import functools
import shlex
from pathlib import Path
from typing import NamedTuple

import keras

from lessons.page import packed
from recipes.captioning.__main__ import recipe as captioning
from recipes.language_modeling import data as text_data
from recipes.language_modeling import model as language_model
from recipes.language_modeling import sample as help_texts
from recipes.language_modeling.__main__ import recipe as language_modeling
from recipes.long_memory.__main__ import recipe as long_memory
from recipes.long_memory.__main__ import trained as chosen
from recipes.translation.__main__ import recipe as translation
from shared.evaluation.gradients import recurrent_layers
from shared.evaluation.units import properties
from shared.files import read_json
from shared.training.run import MODEL, Run

READ = 40_000  # characters of the validation text that the lessons look at
# What each is trained with, and the seconds of processor time that this took, start and all: five
# minutes together, and less than that by the clock where two cores are free.
OPTIONS = {
    # 125 s; 1.26 nats per character on the test split.
    "language_modeling": "--dataset sample --units 128 --layers 2 --epochs 12 --batch-size 16 "
    "--dropout 0.1 --learning-rate 0.006 --weight-decay 0.05",
    # 85 s, eight networks; lesson 8 shows their accuracies.
    "long_memory": "--gap 8 --gap 100 --learning-rate 0.006 --epochs 4",
    # 28 s.
    "translation": "--dataset sample --epochs 4",
    # 64 s. Larger pictures than by default, so that attention has 6 by 6 places to look at.
    "captioning": "--dataset sample --image-size 96 --epochs 3",
}
# For tests of what is drawn: networks that have learned nothing.
QUICK = {
    "language_modeling": "--dataset sample --limit 3000 --epochs 1 --units 8 --layers 2",
    "long_memory": "--gap 8 --learning-rate 0.006 --limit 64 --epochs 1 --units 8",
    "translation": "--dataset sample --limit 64 --epochs 1 --units 8",
    "captioning": "--dataset sample --limit 32 --epochs 1 --units 8",
}


def trained(folder, name, options=OPTIONS):
    """The `Run` of a network of the book; trained first where it isn't there.

    Args:
        folder: `Path` of the book.
        name: of the recipe.
        options: which options each is trained with.
    """
    run = Run(name, Path(folder) / "networks" / name)
    if not run.path(MODEL).exists():
        command = ["train", "--run", str(run.folder)]
        command += ["--resume"] if run.path("config.json").exists() else shlex.split(options[name])
        recipe_of(name).main(command, name, standalone_mode=False)
    return run


def recipe_of(name):
    """The commands of a recipe."""
    recipes = (captioning, language_modeling, long_memory, translation)
    return {recipe.name: recipe for recipe in recipes}[name]


def of_the_race(run, cell, shortest):
    """The network of a cell at the shortest or the longest gap of a race of `long_memory`.

    Args:
        run: of `long_memory`.
        cell: one of the race's cells.
        shortest: whether the gap is to be the shortest; else it is the longest.

    Returns:
        The Keras model, and its gap.
    """
    parts = {one.timesteps: part for one, part in chosen(run) if one.cell == cell}
    gap = (min if shortest else max)(parts)
    return parts[gap].load_model(), gap


def inside(network, words):
    """What `trace` tells of the recurrent layer of `long_memory` on many texts of one length.

    Args:
        network: as from `of_the_race`.
        words: int array `(texts, timesteps)`.

    Returns:
        Dictionary name -> array `(texts, timesteps, units)`.
    """
    (layer,) = recurrent_layers(network).values()
    return layer.trace(network.get_layer("vectors")(keras.ops.convert_to_tensor(words)))


class Reading(NamedTuple):
    """What the language model did while it read the validation text, which it never trained on.

    Attributes:
        run: the `Run`.
        reader: the network, as from `with_states`.
        vocabulary: list of tokens.
        text: what was read.
        hidden: float32 array `(length, layers, units)`, the hidden states that have read each
            character.
    """

    run: object
    reader: object
    vocabulary: list
    text: str
    hidden: object


@functools.lru_cache(maxsize=1)
def read_validation(folder, length=READ):
    """The `Reading` of the language model of a book, once for all lessons that want it.

    Args:
        folder: `Path` of the book.
        length: characters to read.
    """
    run = trained(folder, "language_modeling")
    reader = language_model.with_states(run.load_model())
    vocabulary = text_data.load_names(run).vocabulary
    text = help_texts.generate("validation")[:length]
    ids = text_data.to_ids(list(text), vocabulary)
    return Reading(run, reader, vocabulary, text, language_model.explain(reader, ids))


def passage_of(text, length, begins):
    """Where a passage begins that has much inside of quotation marks and in indented lines.

    Args:
        text: string.
        length: of the passage.
        begins: where it may begin; it begins with the next line.
    """
    found = properties(list(text))
    begins = [text.find("\n", begin) + 1 for begin in begins]

    def least(begin):
        part = slice(begin, begin + length)
        names = ("inside quotation marks", "indented line")
        return min(min(found[name][part].mean(), 0.3) for name in names)

    return max((begin for begin in begins if begin + length <= len(text)), key=least)


def packed_lstm(layer):
    """The weights of an LSTM for a page, where `lstmStep` runs it."""
    names = ("U", "W", "b")
    return {name: packed(each) for name, each in zip(names, layer.get_weights(), strict=True)}


def measured(run):
    """The numbers that the recipe's own `evaluate` measures on the test split: name -> value."""
    if not run.path("metrics.json").exists():
        arguments = ["evaluate", "--run", str(run.folder)]
        recipe_of(run.recipe).main(arguments, run.recipe, standalone_mode=False)
    return read_json(run.path("metrics.json"))["metrics"]


def command(run, command, arguments=""):
    """What to type to see the same on a network of the book, and then on one's own run."""
    return (
        "# What this page shows; without --run, the newest run of your own.\n"
        f"python -m recipes.{run.recipe} {command} --run {run.folder}"
        + (f" \\\n    {arguments}" if arguments else "")
    )
