"""The tasks and what their numbers mean: the only file that knows the data.

To use your own task, let `find` return a `Source` of yours and say in `load` what the network reads
and answers.
"""

import dataclasses
import re
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np

from shared.cli import CELLS
from shared.data import examples, labelled_images, sources
from shared.data.images import read_image
from shared.data.training_data import TrainingData, guessing_loss
from shared.errors import UserError
from shared.evaluation.baselines import CONSTANT, constant_label, constant_number
from shared.files import json_text, read_json

from . import sample

TASKS = ("agreement", "adding", "copying", "pixels")
DEFAULT = "sample"
PICTURES = "mnist"  # what `pixels` reads by default
FITTING = (PICTURES, "fashion_mnist", "cifar10")
# Options whose defaults differ by task; those of `agreement` are the ones of the command line.
DEFAULTS = {
    "agreement": {},
    "adding": {"epochs": 30, "batch_size": 50, "units": 128, "learning_rate": (0.005,)},
    "copying": {"epochs": 20, "batch_size": 50, "units": 128, "learning_rate": (0.005,)},
    "pixels": {"epochs": 8, "batch_size": 100, "units": 128, "learning_rate": (0.005,)},
}
WORD = re.compile(r"[^\W\d_]+|\.")
EXAMPLES = {  # of what `predict` is asked about
    "agreement": sample.SMOKE["inputs"][0],
    "adding": "0.5 0.1* 0.7 0.9*",
    "copying": "3 1 4 1 5 8 2 6 5 3",
    "pixels": "digit.png",
}
MARK = "*"  # behind a value of `adding` that is to be added


class Names(NamedTuple):
    """What the network's numbers mean."""

    vocabulary: list  # of the words that are read; empty for numbers
    classes: list  # of the answers; empty for a number
    shape: list  # of the pictures that are read, (height, width, channels); or empty


def find(options):
    """Where the sequences come from: the sample, or for `pixels` a public data set.

    Returns:
        A `Source`. Its `read` gives for `agreement` texts and class numbers, for `adding` and
        `copying` arrays of what is read and what is to be answered, and for `pixels` `Examples`.
    """
    if options.task == "pixels":
        if options.dataset == "sample":
            raise UserError(
                f"--task pixels reads pictures of a data set, such as {PICTURES}; the sample has "
                "none. Leave out --dataset, or name one."
            )
        named = SimpleNamespace(dataset=options.dataset or PICTURES, data_dir=options.data_dir)
        source = labelled_images.find(named, PICTURES, sample, FITTING)
        if None in source.shape:
            raise UserError(
                f"The pictures of {source.name} differ in size, so they are no sequences of one "
                f"length. Choose another --dataset, such as {', '.join(FITTING)}."
            )
    else:
        if options.dataset not in (None, "sample"):
            raise UserError(
                f"--dataset {options.dataset} is only for --task pixels: the sequences of "
                f"{options.task} are generated. Leave it out."
            )
        readers = {"agreement": read_agreement, "adding": read_drawn(sample.adding)}
        readers["copying"] = read_drawn(sample.copying)
        source = sources.sample_source(sample, readers[options.task])
    return dataclasses.replace(source, defaults=DEFAULTS[options.task])


def read_agreement(split, limit, gap):
    """Texts, and an int32 array of the numbers of their languages."""
    texts, labels = zip(*sample.generate(split, gap, limit), strict=True)
    return list(texts), np.array(labels, "int32")


def read_drawn(drawing):
    """A reader of sequences that a function `(count, timesteps, generator)` of the sample draws."""

    def read(split, limit, timesteps, *seed):
        count = min(limit or sample.SIZES[split], sample.SIZES[split])
        place = list(sample.SIZES).index(split)
        return drawing(count, timesteps, np.random.default_rng([place, *seed]))

    return read


def entrants(options):
    """The options of each network that is trained: every cell at every gap and learning rate.

    Returns:
        List of namespaces like `options`, with one `cell`, one number of `timesteps` (the gap of
        `agreement`) and one `learning_rate` in each; the shortest gap comes first.
    """
    race = options.task == "agreement"
    cells = [options.cell] if options.cell else CELLS if race else ["lstm"]
    lengths = sorted(set(options.gap)) if race else [options.timesteps]
    return [
        SimpleNamespace(
            **{**vars(options), "timesteps": length, "cell": cell, "learning_rate": rate}
        )
        for length in lengths
        for cell in cells
        for rate in sorted(set(options.learning_rate))
    ]


def load(source, options):
    """Read and batch the sequences for the training of one of the `entrants`.

    Returns:
        `TrainingData`. A batch is `(inputs, answers)`: for `agreement` words `(batch, timesteps)`
        and labels `(batch,)`; for `adding` values and marks `(batch, timesteps, 2)` and sums
        `(batch, 1)`; for `copying` symbols `(batch, timesteps + 20)` twice; for `pixels` brightness
        `(batch, timesteps, channels)` and labels `(batch,)`.
    """
    if options.task in ("adding", "copying"):
        count = min(options.limit or sample.SIZES["train"], sample.SIZES["train"])
        guessing = baseline(options)

        def batches(epoch):
            return drawn_batches(source, count, options, [options.seed, epoch])

    else:
        train = hold(source, "train", options.limit, options)
        count = train.count
        guessing = guessing_loss(np.bincount(train.column("answers")))

        def batches(epoch):
            return in_batches(train, options, [options.seed, epoch])

    validation = hold(source, "validation", options.limit, options)
    return TrainingData(
        batches=batches,
        validation=in_batches(validation, options),
        steps=-(-count // options.batch_size),
        names=names_of(source, options),
        guessing=guessing,
    )


def hold(source, split, limit, options):
    """The `Examples` of a split: `inputs` and `answers`, as the network takes them.

    Pictures stay as they are: bytes, of which `in_batches` makes sequences.
    """
    if options.task == "pixels":
        pictures = source.read(split, limit, source.shape).columns
        return examples.Examples.of({"inputs": pictures["image"], "answers": pictures["label"]})
    inputs, answers = source.read(split, limit, options.timesteps)
    if options.task == "agreement":
        inputs = np.stack([to_ids(text, VOCABULARY) for text in inputs])
    return examples.Examples.of({"inputs": inputs, "answers": answers})


def in_batches(held, options, seed=None):
    """A `tf.data.Dataset` of the batches of `Examples`, shuffled by a seed or as they are."""

    def prepare(batch, _):
        inputs = batch["inputs"]
        if options.task == "pixels":
            inputs = in_sequence(inputs, options.permute)
        return inputs, batch["answers"]

    return examples.batches(held, options.batch_size, prepare, seed)


def drawn_batches(source, count, options, seed):
    """A `tf.data.Dataset` of batches that are drawn one by one: long sequences need no memory."""
    import tensorflow as tf

    def draw():
        for begin in range(0, count, options.batch_size):
            size = min(options.batch_size, count - begin)
            yield source.read("train", size, options.timesteps, *seed, begin)

    first = source.read("train", 1, options.timesteps)
    kinds = tuple(tf.TensorSpec((None, *array.shape[1:]), array.dtype) for array in first)
    batches = tf.data.Dataset.from_generator(draw, output_signature=kinds).prefetch(4)
    steps = -(-count // options.batch_size)
    return batches.apply(tf.data.experimental.assert_cardinality(steps))


def measure(outputs, answers, options):
    """The metric of a task: its name, and its value.

    Args:
        outputs: what the network says, as in `load` the answers, but logits for classes.
        answers: the right answers.
        options: of the network: one of the `entrants`.
    """
    outputs = outputs.astype("float64")
    if options.task == "adding":
        return "mse", float(((outputs - answers) ** 2).mean())
    if options.task == "copying":
        return "cross_entropy", float(surprise(outputs, answers).mean())
    accuracy = float((outputs.argmax(axis=-1) == answers).mean())
    if options.task == "pixels":
        return "accuracy", accuracy
    return f"accuracy_{options.cell}_{options.timesteps}", accuracy


def baselines(metrics, answers, names, options):
    """The metrics of answers that nothing was read for; see `shared.evaluation.baselines`.

    Args:
        metrics: what was measured, by name.
        answers: the right answers of the split.
        names: the run's `Names`.
        options: of the network: one of the `entrants`.
    """
    if options.task == "agreement":
        return {"chance": dict.fromkeys(metrics, 1 / len(names.classes))}
    if options.task == "copying":
        return {"memoryless": {"cross_entropy": baseline(options)}}
    if options.task == "adding":
        return {CONSTANT: constant_number(answers)}
    return {CONSTANT: constant_label(answers)}


def errors(outputs, answers, options):
    """How far from right each answer is: array `(count,)`; arguments as of `measure`."""
    if options.task == "adding":
        return abs(outputs - answers)[:, 0]
    return surprise(outputs, answers).reshape(len(outputs), -1).mean(axis=1)


def surprise(logits, answers):
    """-log p of each right answer, float64, of the shape of `answers`."""
    logits = logits.astype("float64") - logits.max(axis=-1, keepdims=True)
    right = np.take_along_axis(logits, answers[..., None], axis=-1)[..., 0]
    return np.log(np.exp(logits).sum(axis=-1)) - right


def told(inputs, output, answer, names, options):
    """What was read, what was answered and what is right, as texts; all without a batch's axis."""
    if options.task == "adding":
        marked = np.flatnonzero(inputs[:, 1])
        read = " and ".join(f"{inputs[step, 0]:.3f} (value {step + 1})" for step in marked)
        return read, f"{float(output[0]):.3f}", f"{float(answer[0]):.3f}"
    if options.task == "copying":
        right = " ".join(names.classes[symbol] for symbol in answer[-sample.COPIED :])
        return right, said(output, names, options)["output"], right
    read = " ".join(names.vocabulary[word] for word in inputs) if names.vocabulary else ""
    return read, names.classes[output.argmax()], names.classes[int(answer)]


def in_sequence(pictures, permute):
    """Pictures `(batch, height, width, channels)`, uint8, pixel by pixel, row by row.

    Args:
        pictures: a tensor or an array.
        permute: take the pixels in another order, drawn once and for all.

    Returns:
        float32 tensor `(batch, height * width, channels)`, 0 for black and 1 for white.
    """
    import tensorflow as tf

    _, height, width, channels = pictures.shape
    pixels = tf.cast(tf.reshape(pictures, (-1, height * width, channels)), "float32") / 255
    if permute:
        pixels = tf.gather(pixels, np.random.default_rng(0).permutation(height * width), axis=1)
    return pixels


def baseline(options):
    """The error of who remembers nothing: the loss of `adding` or of `copying`."""
    if options.task == "adding":
        return 1 / 6
    return float(np.log(sample.SYMBOLS) * sample.COPIED / (options.timesteps + 2 * sample.COPIED))


def names_of(source, options):
    """The `Names` of a task."""
    if options.task == "agreement":
        return Names(VOCABULARY, list(sample.CLASSES), [])
    if options.task == "adding":
        return Names([], [], [])
    if options.task == "copying":
        symbols = ["blank", *map(str, range(1, sample.SYMBOLS + 1)), "signal"]
        return Names(symbols, symbols[: sample.SIGNAL], [])
    return Names([], list(source.classes), list(source.shape))


def words_of(text):
    """The words of a text in lower case; a full stop is one too."""
    return WORD.findall(text.lower())


VOCABULARY = ["", *sorted(set(words_of(" ".join(sample.every_word()))))]


def to_ids(text, vocabulary):
    """The numbers of a text's words, int32 `(timesteps,)`.

    Raises:
        UserError: for a word that is not in the vocabulary, and for a text without words.
    """
    words = words_of(text)
    number = {word: place for place, word in enumerate(vocabulary) if word}
    unknown = [word for word in words if word not in number]
    if unknown or not words:
        what = f"the word {unknown[0]!r} is not among" if unknown else "it has none of"
        raise UserError(
            f"This language can't say {text[:80]!r}: {what} its {len(number)} words. Write "
            f"as in: {EXAMPLES['agreement']}"
        )
    return np.array([number[word] for word in words], "int32")


def read_input(given, names, options):
    """What `predict` is asked about, as the network takes it.

    Args:
        given: for `agreement` a text; for `adding` values, the two that count marked with a star,
            as in "0.5 0.1* 0.7 0.9*"; for `copying` ten symbols from 1 to 8; for `pixels` the path
            of a picture.
        names: the run's `Names`.
        options: of the run.

    Returns:
        An array without the axis of the batch.

    Raises:
        UserError: where it isn't that.
    """
    if options.task == "agreement":
        return to_ids(given, names.vocabulary)
    if options.task == "pixels":
        picture = read_image(given, *names.shape)
        return np.asarray(in_sequence(picture[None], options.permute))[0]
    parts = given.split()
    try:
        if options.task == "adding":
            values = [float(part.removesuffix(MARK)) for part in parts]
            marks = [part.endswith(MARK) for part in parts]
            if sum(marks) != 2 or not all(0 <= value <= 1 for value in values):
                raise ValueError
            return np.stack([values, marks], axis=-1).astype("float32")
        symbols = [int(part) for part in parts]
        if len(symbols) != sample.COPIED or not all(1 <= s <= sample.SYMBOLS for s in symbols):
            raise ValueError
        return sample.written(np.array([symbols], "int32"), options.timesteps)[0][0]
    except ValueError as error:
        wanted = {
            "adding": f"values from 0 to 1, two of them marked with {MARK}",
            "copying": f"ten symbols from 1 to {sample.SYMBOLS}",
        }
        raise UserError(
            f"{given[:80]!r} is not {wanted[options.task]}, as in: {EXAMPLES[options.task]}"
        ) from error


def said(output, names, options):
    """What the network answered, by name: a label and its probability, or an output.

    Args:
        output: array, for classes of probabilities.
        names: the run's `Names`.
        options: of the run.
    """
    if options.task == "adding":
        return {"output": float(output[0])}
    if options.task == "copying":
        symbols = output[-sample.COPIED :].argmax(axis=-1)
        return {"output": " ".join(names.classes[symbol] for symbol in symbols)}
    return {"label": names.classes[output.argmax()], "probability": float(output.max())}


def in_words(inputs, output, names, options):
    """What the network answered and how sure it is, as `inspection.answer` takes it.

    Args:
        inputs, output: arrays without the axis of the batch; for classes the output is
            probabilities.
        names: the run's `Names`.
        options: of the run.
    """
    if options.task == "adding":
        wanted = float(inputs[inputs[:, 1] > 0, 0].sum())
        off = abs(float(output[0]) - wanted)
        return f"{float(output[0]):.3f}", f"{off:.3f} from the right sum, {wanted:.3f}"
    if options.task == "copying":
        sure = output[-sample.COPIED :].max(axis=-1)
        each = " ".join(f"{probability:.2f}" for probability in sure)
        return said(output, names, options)["output"], f"probability of each symbol: {each}"
    label = output.argmax()
    likely = [(names.classes[number], float(output[number])) for number in np.argsort(-output)[:5]]
    return names.classes[label], f"probability {output[label]:.3f}", likely


def shown(inputs, names, options):
    """What stands at each timestep, as strings, and what one is called."""
    if options.task == "pixels":
        return [str(step + 1) for step in range(len(inputs))], "pixel"
    if options.task == "adding":
        return [f"{value:.2f}{MARK if mark else ''}" for value, mark in inputs], "value"
    each = "word" if options.task == "agreement" else "symbol"
    return [names.vocabulary[symbol] for symbol in inputs], each


def save_names(run, names):
    """Keep beside the model what its numbers mean."""
    run.keep("names.json", json_text(names._asdict()))


def load_names(run):
    """The `Names` that `save_names` kept."""
    return Names(**read_json(run.path("names.json")))
