"""Clips and the label of each of their frames: the only file that knows the data set.

To use your own, give `--frames-folder` (see `folder.py`), or change `read` and `class_names`.
"""

import numpy as np

from shared.data import loading
from shared.data.examples import Examples, batches, hold
from shared.errors import UserError
from shared.files import read_json, write_json

from . import folder, sample
from .augmentation import ABSENT, augment

DEFAULT = "grid_frames"
FITTING = (DEFAULT,)
SIZE = (48, 64)  # height and width of a frame where neither data nor user say one


def find(name, data_dir=None, frames_folder=None):
    """Where the clips come from: a public data set, the bundled sample, or a folder of frames."""
    if frames_folder is None:
        return loading.find(name, DEFAULT, data_dir, _check_features, FITTING)
    return folder.find(frames_folder, name)


def picture_shape(source, height=None, width=None):
    """Height, width and channels of the frames that a network is to be trained on.

    Args:
        source: as from `find`.
        height, width: as asked for; None for those of the data, or where frames of a data set
            differ in size, or are a user's own, for `SIZE`.
    """
    own, channels = SIZE, 1
    if source.is_sample:
        own = sample.HEIGHT, sample.WIDTH
    elif source.builder:
        video = source.builder.info.features[_video_and_labels(source.builder.info.features)[0]]
        own = tuple(given or usual for given, usual in zip(video.shape[1:3], SIZE, strict=True))
        channels = 1 if video.shape[3] == 1 else 3
    return height or own[0], width or own[1], channels


def class_names(source):
    """What the class numbers mean."""
    if source.is_sample:
        return sample.LABELS
    if source.files:
        return folder.class_names(source)
    features = source.builder.info.features
    return features[_video_and_labels(features)[1]].feature.names


def check_classes(source, classes):
    """Raise UserError where a data set's labels are not those that a network was trained on."""
    if class_names(source) != classes:
        raise UserError(
            f"{source.name} has the labels {', '.join(class_names(source))}, but this run was "
            f"trained on {', '.join(classes)}. Choose another --dataset or --run."
        )


def read(source, split, limit, shape):
    """Read one split.

    Args:
        shape: height, width and channels that all frames are brought to.

    Returns:
        `Examples` with `frames`, uint8 `(timesteps, *shape)`, `labels`, int32 `(timesteps,)`, and
        `name`, a string. Shorter clips are padded to the longest one, where labels are `ABSENT`.
    """
    if source.is_sample:
        loading.check_split("sample", split, sample.SIZES)
        return Examples.of(_sample_columns(sample.generate(split)[:limit], shape))
    if source.files:
        return folder.read(source, split, limit, shape)
    features = source.builder.info.features
    video_name, labels_name = _video_and_labels(features)
    texts = _texts(features)
    timesteps = features[video_name].shape[0] or _longest(source, labels_name)

    def fit(example):
        import tensorflow as tf

        frames, labels = example[video_name], tf.cast(example[labels_name], "int32")
        told = [example[name] for name in texts]
        agree = tf.debugging.assert_equal(tf.shape(frames)[0], tf.shape(labels)[0])
        with tf.control_dependencies([agree]):
            frames = tf.identity(frames)
        if frames.shape[1:] != shape:
            frames = _resized(frames, shape)
        missing = timesteps - tf.shape(labels)[0]
        frames = tf.pad(frames, [[0, missing], [0, 0], [0, 0], [0, 0]])
        labels = tf.pad(labels, [[0, missing]], constant_values=ABSENT)
        return {
            "frames": tf.ensure_shape(frames, (timesteps, *shape)),
            "labels": tf.ensure_shape(labels, (timesteps,)),
            "name": tf.strings.join(told, ": ") if told else tf.constant(""),
        }

    return hold(source, split, limit, fit)


def load(source, options, shape):
    """Read the clips for training.

    Returns:
        batches_of: function epoch -> `tf.data.Dataset` of shuffled and augmented batches `(inputs,
            labels, weights)`: inputs a dictionary of `frames` and `present`, labels `(batch,
            timesteps)`, weights 1, and 0 where padded.
        validation: the same of the validation split, unshuffled and as it is.
        train: the training `Examples`.
    """
    train = read(source, "train", options.limit, shape)
    validation = read(source, "validation", options.limit, shape)

    def prepare(batch, seed):
        frames, labels = batch["frames"], batch["labels"]
        if seed is not None and options.augmentation:
            frames, labels = augment(frames, labels, seed, options.augmentation)
        return _for_the_network(frames, labels)

    def batches_of(epoch):
        return batches(train, options.batch_size, prepare, seed=[options.seed, epoch])

    return batches_of, batches(validation, options.batch_size, prepare), train


def in_order(examples, batch_size=16):
    """Batches `(inputs, labels, weights)` of examples in their order, as they are."""
    return batches(examples, batch_size, lambda b, _: _for_the_network(b["frames"], b["labels"]))


def _for_the_network(frames, labels):
    import tensorflow as tf

    present = labels != ABSENT
    inputs = {"frames": frames, "present": present}
    return inputs, tf.maximum(labels, 0), tf.cast(present, "float32")


def save_names(run, classes, train):
    """Keep beside the model what its numbers mean, and what is known without looking at a frame.

    Args:
        classes: the names of the classes.
        train: the training `Examples`.
    """
    counts = np.zeros((0, len(classes)), "int64")
    for labels in labels_of(train):
        missing = max(0, len(labels) - len(counts))
        counts = np.pad(counts, ((0, missing), (0, 0)))
        counts[np.arange(len(labels)), labels] += 1
    write_json(
        run.path("classes.json"),
        {
            "names": classes,
            "most_frequent": int(counts.sum(axis=0).argmax()),
            "most_frequent_at_frame": counts.argmax(axis=1).tolist(),
        },
    )


def load_names(run):
    """The names of the classes, and how to guess labels without looking, as `save_names` kept them.

    Returns:
        classes: list of strings.
        guesses: dictionary name -> function timesteps -> int array of labels: `majority`, always
            the most frequent label in training, and `position`, the most frequent at that frame.

    Raises:
        UserError: where the file is absent or damaged.
    """
    path = run.path("classes.json")
    kept = read_json(path)
    try:
        classes, majority = list(kept["names"]), int(kept["most_frequent"])
        at_frame = np.array(kept["most_frequent_at_frame"], "int32")
        if not all(isinstance(name, str) for name in classes) or len(classes) < 2:
            raise ValueError("names")
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path} is damaged ({error}). Train again.") from error

    def by_position(timesteps):
        beyond = max(0, timesteps - len(at_frame))
        return np.append(at_frame, np.full(beyond, majority))[:timesteps]

    return classes, {"majority": lambda n: np.full(n, majority), "position": by_position}


def names_of(examples):
    """What each example is called: list of strings; a number where the data has no name for it."""
    stored = examples.columns
    columns = [stored] if stored else batches(examples, 16, lambda batch, _: batch)
    names = [name.decode() for batch in columns for name in np.asarray(batch["name"]).tolist()]
    return [name or f"clip {number}" for number, name in enumerate(names, start=1)]


def labels_of(examples):
    """The labels of each example, without those that pad it: list of int32 arrays."""
    stored = examples.columns
    columns = [stored] if stored else batches(examples, 16, lambda batch, _: batch)
    return [row[row != ABSENT] for batch in columns for row in np.asarray(batch["labels"])]


def _sample_columns(clips, shape):
    longest = max(len(labels) for _, labels in clips)
    frames = np.zeros((len(clips), longest, sample.HEIGHT, sample.WIDTH, 1), "uint8")
    labels = np.full((len(clips), longest), ABSENT, "int32")
    for i, (clip, its_labels) in enumerate(clips):
        frames[i, : len(clip)], labels[i, : len(clip)] = clip, its_labels
    if frames.shape[2:] != shape:
        frames = np.stack([_resized(clip, shape).numpy() for clip in frames])
    names = np.array([f"clip {number}" for number in range(1, len(clips) + 1)])
    return {"frames": frames, "labels": labels, "name": names}


def _resized(frames, shape):
    """Frames `(timesteps, height, width, channels)` in another size, uint8."""
    import tensorflow as tf

    height, width, channels = shape
    if frames.shape[-1] != channels:
        frames = frames[..., :3] if channels == 3 else tf.image.rgb_to_grayscale(frames[..., :3])
    frames = tf.image.resize(frames, (height, width), "area")
    return tf.cast(tf.round(frames), "uint8")


def _longest(source, labels_name):
    """The number of frames of the longest clip, where a data set doesn't say; nothing decoded."""
    import tensorflow_datasets as tfds

    only_labels = tfds.decode.PartialDecoding({labels_name: True})
    return max(
        len(example[labels_name])
        for split in source.builder.info.splits
        for example in tfds.as_numpy(source.builder.as_dataset(split=split, decoders=only_labels))
    )


def _video_and_labels(features):
    """The names of the one video and the one sequence of labels among features, or None."""
    import tensorflow_datasets as tfds

    if not isinstance(features, tfds.features.FeaturesDict):
        return None
    videos = [name for name, kind in features.items() if isinstance(kind, tfds.features.Video)]
    labels = [
        name
        for name, kind in features.items()
        if isinstance(kind, tfds.features.Sequence)
        and isinstance(kind.feature, tfds.features.ClassLabel)
    ]
    return (videos[0], labels[0]) if len(videos) == len(labels) == 1 else None


def _texts(features):
    import tensorflow_datasets as tfds

    return [name for name, kind in features.items() if isinstance(kind, tfds.features.Text)]


def _check_features(name, features):
    if _video_and_labels(features) is None:
        needs = "one video and a class label for each of its frames"
        raise loading.refusal(name, features, needs, FITTING)
