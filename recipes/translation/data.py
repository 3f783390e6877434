"""Pairs of sentences: the only file that knows the data set.

To use your own, give `--file`, or change `find`.
"""

from array import array
from typing import NamedTuple

import numpy as np

from shared.data import batching, sentence_pairs, subwords
from shared.data.batching import pad, paired_batches
from shared.data.on_disk import Sequences, in_parts, lengths_of
from shared.data.subwords import PADDING, START, STOP
from shared.data.training_data import TrainingData, guessing_loss
from shared.errors import UserError
from shared.files import json_text, read_json

from . import sample

DEFAULT = "multi30k/de_to_en"
FITTING = (DEFAULT, "multi30k/fr_to_en", "ted_hrlr_translate/pt_to_en")


class Names(NamedTuple):
    """What the network's numbers mean."""

    source: object  # the subwords that are read, a `SentencePieceProcessor`
    target: object  # those that are written
    languages: list  # what both languages are called; empty where the data doesn't tell


def find(options):
    """Where the pairs come from: files of your own, a public data set, or the sample.

    Returns:
        A `Source` whose `read(split, limit)` gives sentences and their translations, and whose
        `languages` says from what to what; with `--reverse` the other way round.
    """
    return sentence_pairs.find(options, DEFAULT, sample, FITTING)


def load(source, options):
    """Read, cut and batch the pairs for training; subwords are learned from training texts alone.

    Returns:
        `TrainingData`. A batch is `(inputs, targets, weights)`: inputs a dictionary of `source`
        `(batch, timesteps)` and `written` (the targets one step late), targets the subwords to be
        written, weights 1, and 0 where padded; all but the source `(batch, steps)`.
    """
    sentences, translations = source.read("train", options.limit)
    names = Names(
        source=subwords.learn(sentences, options.vocabulary_size),
        target=subwords.learn(translations, options.vocabulary_size),
        languages=list(source.languages),
    )
    sentences, targets = short_pairs(sentences, translations, names, options.max_length)

    def batches(epoch):
        """Each epoch cuts the sentences in another way; their translations stay as they are cut."""
        seed = [options.seed, epoch]
        if options.subword_dropout:
            read = with_stop(
                subwords.sample(names.source, sentences, options.subword_dropout, str(seed))
            )
        else:
            read = cut(sentences, names.source)
        read = Sequences(read, names.source.vocab_size())
        return as_dataset(read, targets, options.batch_size, seed)

    validation, validation_targets = short_pairs(
        *source.read("validation", options.limit), names, options.max_length
    )
    validation = Sequences(cut(validation, names.source), names.source.vocab_size())
    size = names.target.vocab_size()
    counts = sum(np.bincount(np.concatenate(part), minlength=size) for part in in_parts(targets))
    return TrainingData(
        batches=batches,
        validation=as_dataset(validation, validation_targets, options.batch_size),
        steps=-(-len(targets) // options.batch_size),
        names=names,
        guessing=guessing_loss(counts, options.label_smoothing),
    )


def short_pairs(sentences, translations, names, max_length):
    """The pairs of which both sides have at most `max_length` subwords, their stop included.

    Returns:
        The sentences, `Texts`, and the subword numbers of their translations, each with its stop,
        `Sequences`.

    Raises:
        UserError: where there is none.
    """
    kept = array("i")

    def short():
        pairs = zip(cut(sentences, names.source), cut(translations, names.target), strict=True)
        for place, (read, written) in enumerate(pairs):
            if len(read) <= max_length and len(written) <= max_length:
                kept.append(place)
                yield written

    targets = Sequences(short(), names.target.vocab_size())
    if not kept:
        raise UserError(f"No pair is shorter than --max-length {max_length}. Raise it.")
    return sentences[kept], targets


def as_dataset(sources, targets, batch_size, seed=None):
    """Pairs of subword numbers as a `tf.data.Dataset` of the batches that `load` describes.

    Args:
        sources, targets: lists of lists of subword numbers, or `Sequences`, each with its stop.
        batch_size: pairs per batch; the last one may be smaller.
        seed: shuffle by this seed; None keeps the order of length.
    """
    import tensorflow as tf

    sides = [(side, lengths_of(side)) for side in (sources, targets)]

    def padded(places, rows):
        source, target = (
            pad([side[place] for place in places[rows]], -(-lengths[places].max() // 4) * 4)
            for side, lengths in sides
        )
        late = np.pad(target[:, :-1], [(0, 0), (1, 0)], constant_values=START)
        return {"source": source, "written": late}, target, (target != PADDING).astype("float32")

    ids = tf.TensorSpec((None, None), "int32")
    weights = tf.TensorSpec((None, None), "float32")
    signature = {"source": ids, "written": ids}, ids, weights
    batches = paired_batches(sources, targets, batch_size, seed)
    return batching.made_from_places(batches, padded, signature)


def cut(texts, pieces):
    """Texts, however many, to lists of subword numbers one by one, each with its stop."""
    for part in in_parts(texts):
        yield from with_stop(subwords.encode(pieces, part))


def to_ids(texts, pieces, max_length):
    """Sentences to lists of subword numbers, each with the stop at its end."""
    return list(with_stop(subwords.encode(pieces, texts, max_length - 1)))


def with_stop(sequences):
    """The same lists of subword numbers one by one, with the stop at the end of each."""
    return ([*ids, STOP] for ids in sequences)


def to_text(ids, pieces):
    """Subword numbers back to a sentence."""
    return subwords.decode(pieces, ids)


def shown(ids, pieces):
    """What to write beside a picture for each subword: ▁ stands for the space before a word."""
    return [pieces.id_to_piece(number) for number in ids]


def save_names(run, names):
    """Keep beside the model what its numbers mean."""
    run.keep("source.subwords", subwords.to_bytes(names.source))
    run.keep("target.subwords", subwords.to_bytes(names.target))
    run.keep("languages.json", json_text(names.languages))


def load_names(run):
    """The `Names` that `save_names` kept."""
    return Names(
        subwords.load(run.path("source.subwords")),
        subwords.load(run.path("target.subwords")),
        read_json(run.path("languages.json")),
    )
