"""Clips and the label of each of their frames: the only file that knows the data set.

To use your own, give `--folder`, or change `find`.
"""

from typing import NamedTuple

import numpy as np

from shared.data import examples, labelled_videos
from shared.data.augmentation import augment
from shared.data.labelled_videos import ABSENT
from shared.data.training_data import TrainingData, guessing_loss
from shared.errors import UserError
from shared.files import json_text, read_json

from . import sample

DEFAULT = "grid_frames"
FITTING = (DEFAULT,)
SIZE = (48, 64)  # height and width of a frame where the data has no size, or a larger one
LARGEST_SIDE = 128  # pixels; larger frames are made as small as `SIZE` unless a size is given


class Names(NamedTuple):
    """What the network's numbers mean, and what can be said without looking at a frame."""

    classes: list
    most_frequent: int  # label in training
    most_frequent_at_frame: list  # the same at the first frame, at the second, ...


def find(options):
    """Where the clips come from: a folder of your own, a public data set, or the sample.

    Returns:
        A `Source` whose `read(split, limit, shape)` gives `Examples` with `frames`, `labels` and
        `name`, whose `classes` says what the labels mean, and whose `shape` is that of a frame.
    """
    return labelled_videos.find(options, DEFAULT, sample, FITTING)


def load(source, options):
    """Read and batch the clips for training, other variations of them in every epoch.

    Returns:
        `TrainingData`. A batch is `(inputs, labels, weights)`: inputs a dictionary of `frames`,
        uint8 `(batch, timesteps, height, width, channels)`, and `present`, bool; labels `(batch,
        timesteps)`; weights 1, and 0 where a clip is padded.
    """
    shape = shape_of(source, options)
    train = source.read("train", options.limit, shape)
    validation = source.read("validation", options.limit, shape)

    def prepare(batch, seed):
        frames, labels = batch["frames"], batch["labels"]
        if seed is not None and options.augmentation:
            frames, labels = augment(frames, labels, seed, options.augmentation)
        return for_the_network(frames, labels)

    def batches(epoch):
        return examples.batches(train, options.batch_size, prepare, seed=[options.seed, epoch])

    labels = labelled_videos.labels_of(source, "train", options.limit, train)
    counts = count_labels(labels, len(source.classes))
    return TrainingData(
        batches=batches,
        validation=examples.batches(validation, options.batch_size, prepare),
        steps=-(-train.count // options.batch_size),
        names=Names(
            classes=list(source.classes),
            most_frequent=int(counts.sum(axis=0).argmax()),
            most_frequent_at_frame=counts.argmax(axis=1).tolist(),
        ),
        guessing=guessing_loss(counts.sum(axis=0)),
    )


def shape_of(source, options):
    """Height, width and channels of the frames to train with: as asked for, or as in the data."""
    height, width, channels = source.shape
    if None in (height, width) or max(height, width) > LARGEST_SIDE:
        height, width = SIZE
    return options.height or height, options.width or width, channels


def for_the_network(frames, labels):
    """Clips as `(inputs, labels, weights)`; the weights of frames that pad a clip are 0."""
    import tensorflow as tf

    present = labels != ABSENT
    inputs = {"frames": frames, "present": present}
    return inputs, tf.maximum(labels, 0), tf.cast(present, "float32")


def count_labels(labels, classes):
    """How often each label occurs at each frame: int array `(timesteps, classes)`.

    Args:
        labels: list of int arrays, one for each clip.
        classes: the number of classes.
    """
    counts = np.zeros((max(map(len, labels)), classes), int)
    for row in labels:
        counts[np.arange(len(row)), row] += 1
    return counts


def guess(names, timesteps):
    """Labels of a clip, guessed without looking at it: int arrays `(timesteps,)`.

    Returns:
        Dictionary: `majority`, always the most frequent label in training, and `position`, the most
        frequent one at that frame.
    """
    majority = np.full(timesteps, names.most_frequent)
    position = [*names.most_frequent_at_frame, *majority][:timesteps]
    return {"majority": majority, "position": np.array(position)}


def save_names(run, names):
    """Keep beside the model what its numbers mean."""
    run.keep("classes.json", json_text(names._asdict()))


def load_names(run):
    """The `Names` that `save_names` kept."""
    path = run.path("classes.json")
    try:
        return Names(**read_json(path))
    except TypeError as error:
        raise UserError(f"{path} is damaged ({error}). Train again.") from error
