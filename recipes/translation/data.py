"""Pairs of sentences: the only file that knows the data set.

To use your own, give `--source-file` and `--target-file`, or change `read` and `languages`.
"""

from pathlib import Path

import numpy as np

from shared.data import loading, subwords
from shared.data.batching import paired_batches
from shared.data.subwords import STOP
from shared.errors import UserError
from shared.files import read_json, write_json

from . import sample

DEFAULT = "multi30k/de_to_en"
FITTING = (DEFAULT, "multi30k/fr_to_en", "ted_hrlr_translate/pt_to_en")
HELD_OUT = 0.1  # of a user's own files: this share for validation, and as much for the test
MOST_HELD_OUT = 2000


def find(name, data_dir=None, source_file=None, target_file=None):
    """Where the pairs come from: two files, a public data set, or the bundled sample."""
    if not source_file and not target_file:
        return loading.find(name, DEFAULT, data_dir, _check_features, FITTING)
    if not (source_file and target_file):
        raise UserError("--source-file and --target-file go together: give both, or neither.")
    files = f"{Path(source_file).name} to {Path(target_file).name}"
    if name not in (None, files):
        raise UserError(f"--dataset {name} and --source-file exclude each other: give one of them.")
    return loading.Source(files, "files", files=(source_file, target_file))


def read(source, split, limit=None, reverse=False):
    """Read one split.

    Returns:
        Two lists of strings, the sentences and their translations.
    """
    if source.files:
        sentences, translations = _read_files(source, split, limit)
    elif source.is_sample:
        loading.check_split("sample", split, sample.SIZES)
        sentences, translations = zip(*sample.generate(split)[:limit], strict=True)
    else:
        columns = loading.read(source, split, limit)
        sentences, translations = (
            [raw.decode("utf-8", errors="replace") for raw in columns[language]]
            for language in languages(source)
        )
    pair = [text.strip() for text in sentences], [text.strip() for text in translations]
    return pair[::-1] if reverse else pair


def languages(source, reverse=False):
    """The names of the two languages; of files, which don't tell, the files' names."""
    if source.files:
        pair = [Path(file).name for file in source.files]
    elif source.is_sample:
        pair = list(sample.LANGUAGES)
    else:
        info = source.builder.info
        pair = list(info.supervised_keys or info.features.languages)
    return pair[::-1] if reverse else pair


def check_languages(source, pair, reverse=False):
    """Raise UserError where a data set's languages are not those a network was trained on."""
    found = languages(source, reverse)
    if found != pair:
        raise UserError(
            f"{source.name} goes from {found[0]} to {found[1]}, but this run was trained from "
            f"{pair[0]} to {pair[1]}. Choose another --dataset or --run."
        )


def load(source, options):
    """Read the pairs, cut them into subwords and batch them for training.

    Returns:
        batches: function epoch -> `tf.data.Dataset` of shuffled batches `(inputs, targets,
            weights)`: inputs a dictionary of `source` and `written` (the targets one step late),
            targets the subwords to be written, weights 1, and 0 where padded; all but the source
            `(batch, steps)`.
        validation: the same of the validation split, unshuffled.
        pieces: the subwords of either language, learned from its training sentences alone.
    """
    sentences, translations = read(source, "train", options.limit, options.reverse)
    pieces = (
        subwords.learn(sentences, options.vocabulary_size),
        subwords.learn(translations, options.vocabulary_size),
    )

    def numbers(texts, seed):
        """The source is cut differently in each epoch, the target always in the same way."""
        read_from, written = texts
        if seed is None or not options.subword_dropout:
            first = subwords.encode(pieces[0], read_from)
        else:
            first = subwords.sample(pieces[0], read_from, options.subword_dropout, str(seed))
        return first, subwords.encode(pieces[1], written)

    def batches_of(texts, seed=None):
        sides = numbers(texts, seed)
        short = [max(map(len, pair)) < options.max_length for pair in zip(*sides, strict=True)]
        sources, targets = (
            [[*ids, STOP] for ids, keep in zip(side, short, strict=True) if keep] for side in sides
        )
        if not sources:
            raise UserError(f"No pair is shorter than --max-length {options.max_length}.")
        return _dataset(paired_batches(sources, targets, options.batch_size, seed))

    def batches(epoch):
        return batches_of((sentences, translations), seed=[options.seed, epoch])

    validation = batches_of(read(source, "validation", options.limit, options.reverse))
    return batches, validation, pieces


def to_ids(texts, pieces, max_length):
    """Sentences to lists of subword numbers, each with the stop at its end."""
    encoded = subwords.encode(pieces, texts, max_length - 1)
    return [[*ids, STOP] for ids in encoded]


def to_text(ids, pieces):
    """Subword numbers back to a sentence."""
    return subwords.decode(pieces, ids)


def shown(ids, pieces):
    """What to write beside a picture for each subword: ▁ stands for the space before a word."""
    return [pieces.id_to_piece(number) for number in ids]


def save_names(run, pieces, pair):
    """Keep beside the model what its numbers mean."""
    for name, side in zip(("source", "target"), pieces, strict=True):
        subwords.save(run.path(f"{name}.subwords"), side)
    write_json(run.path("languages.json"), pair)


def load_names(run):
    """The subwords and the names of both languages that `save_names` kept."""
    pieces = [subwords.load(run.path(f"{name}.subwords")) for name in ("source", "target")]
    return pieces, read_json(run.path("languages.json"))


def _dataset(batches):
    import tensorflow as tf

    def generate():
        for source, target, _ in batches:
            late = np.pad(target[:, :-1], [(0, 0), (1, 0)], constant_values=subwords.START)
            weights = (target != subwords.PADDING).astype("float32")
            yield {"source": source, "written": late}, target, weights

    ids = tf.TensorSpec((None, None), "int32")
    dataset = tf.data.Dataset.from_generator(
        generate,
        output_signature=(
            {"source": ids, "written": ids},
            ids,
            tf.TensorSpec((None, None), "float32"),
        ),
    )
    return dataset.apply(tf.data.experimental.assert_cardinality(len(batches))).prefetch(8)


def _read_files(source, split, limit):
    """The pairs of a split of two files: a fixed share of the lines, drawn by a fixed seed."""
    lines = [_read_lines(path) for path in source.files]
    if len(lines[0]) != len(lines[1]):
        raise UserError(
            f"{source.files[0]} has {len(lines[0]):,} lines and {source.files[1]} "
            f"{len(lines[1]):,}: line by line, one must translate the other."
        )
    pairs = [pair for pair in zip(*lines, strict=True) if all(line.strip() for line in pair)]
    if len(pairs) < 3:
        raise UserError(
            f"{source.name}: only {len(pairs)} pairs of lines have text on both sides; three "
            "splits need at least 3."
        )
    places = loading.own_split(source.name, split, len(pairs), HELD_OUT, MOST_HELD_OUT)
    return zip(*(pairs[i] for i in places[:limit]), strict=True)


def _read_lines(path):
    try:
        text = Path(path).read_bytes().decode("utf-8")
    except OSError as error:
        raise UserError(f"Can't read {path}: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not UTF-8 text (byte {error.start}).") from error
    if not text.strip():
        raise UserError(f"{path} is empty; give one sentence per line.")
    # Only a line feed ends a line here; splitlines() knows many other signs.
    return text.removesuffix("\n").split("\n")


def _check_features(name, features):
    import tensorflow_datasets as tfds

    if not isinstance(features, tfds.features.Translation):
        needs = "a TFDS Translation, one sentence in two languages"
        raise loading.refusal(name, features, needs, FITTING)
