"""Pictures and their labels: the only file that knows the data set.

To use your own, give `--image-folder`, or change `hold` and `class_names`.
"""

import hashlib
from pathlib import Path

import numpy as np

from shared.data import examples, loading
from shared.data.images import read_image, read_images
from shared.errors import UserError
from shared.files import read_json, write_json

from . import sample

DEFAULT = "fashion_mnist"
FITTING = (DEFAULT, "mnist", "cifar10", "cifar100")
# Where a picture seen in a mirror keeps its label; digits and letters don't.
MIRRORED = (DEFAULT, "cifar10", "cifar100", "sample")
LARGEST_SIDE = 64  # pixels; larger pictures are made as small as this


def find(name, image_folder=None, data_dir=None):
    """Where the pictures come from: a public data set, the bundled sample, or the user's folder.

    Args:
        name: of a data set, or None for the default.
        image_folder: a folder with `train/CLASS/*.png` (or JPEG), and perhaps `validation` and
            `test` beside `train`; its name may also be given as `name`.
        data_dir: where TFDS keeps its data.

    Raises:
        UserError: also where both are given, or the folder doesn't hold what it should.
    """
    if image_folder is None:
        return loading.find(name, DEFAULT, data_dir, _check_features, FITTING)
    if name not in (None, image_folder):
        raise UserError(f"Give --dataset {name} or --image-folder {image_folder}, not both.")
    return _find_folder(image_folder)


def image_shape(source, size=None):
    """Height, width and channels to read the pictures in.

    Args:
        source: as from `find`.
        size: height and width in pixels; None means as they are, where they all have one size of
            at most `LARGEST_SIDE`, and otherwise `LARGEST_SIDE`.
    """
    if source.is_sample:
        stored = sample.SHAPE
    else:
        features = source.builder.info.features
        stored = features[_image_and_label(features)[0]].shape
    height, width, channels = stored
    if size is None and None not in (height, width) and max(height, width) <= LARGEST_SIDE:
        return height, width, 1 if channels == 1 else 3
    size = size or LARGEST_SIDE
    return size, size, 1 if channels == 1 else 3


def hold(source, split, shape, limit=None):
    """The `Examples` of one split: `image`, uint8 of that shape, and `label`."""
    import tensorflow as tf

    height, width, channels = shape
    if source.is_sample:
        loading.check_split("sample", split, sample.SIZES)
        images, labels = (column[:limit] for column in sample.generate(split))
        if images.shape[1:] != shape:
            images = tf.image.resize(images, (height, width), method="area").numpy()
        if channels == 3 and images.shape[-1] == 1:
            images = np.repeat(images, 3, axis=-1)
        return examples.Examples.of({"image": images.astype("uint8"), "label": labels})

    image_name, label_name = _image_and_label(source.builder.info.features)

    def fit(example):
        if source.files:
            # As `predict` reads a file, down to transparency and the rotation of the camera.
            path = example["image/filename"]
            image = tf.numpy_function(
                lambda path: read_image(path.decode(), *shape), [path], "uint8", stateful=False
            )
        else:
            image = example[image_name][..., :channels]
            if image.shape[:2] != (height, width):
                image = tf.image.resize(image, (height, width), method="area")
        image = tf.ensure_shape(tf.cast(image, "uint8"), shape)
        return {"image": image, "label": tf.cast(example[label_name], "int32")}

    return examples.hold(source, split, limit, fit, decode=not source.files)


def load(source, options, shape):
    """The batches to train with.

    Returns:
        batches: function epoch -> `tf.data.Dataset` of shuffled and varied `(images, labels)`,
            images `(batch, height, width, channels)` of uint8.
        validation: the same of the validation split, in order and as they are.
    """
    train = hold(source, "train", shape, options.limit)
    validation = hold(source, "validation", shape, options.limit)

    def varied(batch, seed):
        images = vary(batch["image"], seed, options.shift, options.flip, options.erase)
        return images, batch["label"]

    def batches(epoch):
        return examples.batches(train, options.batch_size, varied, seed=[options.seed, epoch])

    return batches, in_order(validation, options.batch_size)


def in_order(held, batch_size):
    """A `tf.data.Dataset` of `(images, labels)` as they are."""
    return examples.batches(held, batch_size, lambda batch, _: (batch["image"], batch["label"]))


def read_files(paths, shape, invert=False):
    """Picture files as the network wants them: uint8 `(len(paths), height, width, channels)`.

    Args:
        paths: of the files.
        shape: height, width and channels.
        invert: exchange bright and dark.
    """
    images = read_images(paths, *shape)
    return 255 - images if invert else images


def vary(images, seed, shift=0, flip=False, erase=0.0):
    """Other pictures that have the same labels.

    Each is moved by a few pixels (what comes in is black), mirrored or not, and perhaps a rectangle
    of it is blackened, so that no single part is relied on (Zhong et al. 2020, *Random Erasing Data
    Augmentation*).

    Args:
        images: uint8 tensor `(batch, height, width, channels)`.
        seed: int32 tensor (2,); the same seed draws the same.
        shift: by how many pixels at most, in each direction.
        flip: mirror half of them, left to right.
        erase: share of the pictures that lose a rectangle.
    """
    import tensorflow as tf

    batch, height, width = tf.shape(images)[0], images.shape[1], images.shape[2]
    seeds = iter(tf.unstack(tf.random.split(seed, 8)))

    def draw(low, high):
        return tf.random.stateless_uniform((batch, 1), next(seeds), low, high, "int32")

    def chosen(share):
        return tf.random.stateless_uniform((batch, 1), next(seeds)) < share

    rows, columns = tf.range(height)[None], tf.range(width)[None]
    if shift:
        images = tf.pad(images, [[0, 0], [shift, shift], [shift, shift], [0, 0]])
    across = tf.where(chosen(0.5), columns[:, ::-1], columns) if flip else columns
    # Where each pixel comes from, as two gathers: whole rows, then pixels in them.
    images = tf.gather(images, rows + draw(0, 2 * shift + 1), axis=1, batch_dims=1)
    images = tf.gather(images, across + draw(0, 2 * shift + 1), axis=2, batch_dims=1)
    if erase:
        high, wide = draw(height // 8, height // 2 + 1), draw(width // 8, width // 2 + 1)
        top, left = draw(0, height - height // 4), draw(0, width - width // 4)
        in_rows = (rows >= top) & (rows < top + high) & chosen(erase)
        in_columns = (columns >= left) & (columns < left + wide)
        inside = in_rows[:, :, None, None] & in_columns[:, None, :, None]
        images = tf.where(inside, tf.zeros((), images.dtype), images)
    return images


def class_names(source):
    """What the class numbers mean."""
    if source.is_sample:
        return list(sample.CLASSES)
    features = source.builder.info.features
    return list(features[_image_and_label(features)[1]].names)


def check_classes(source, classes):
    """Raise UserError where a data set's labels are not those that a network was trained on."""
    if class_names(source) != classes:
        raise UserError(
            f"{source.name} has the labels {', '.join(class_names(source))}, but this run was "
            f"trained on {', '.join(classes)}. Choose another --dataset or --run."
        )


def save_names(run, classes):
    """Keep beside the model what its numbers mean."""
    write_json(run.path("classes.json"), classes)


def load_names(run):
    """The class names that `save_names` kept."""
    return read_json(run.path("classes.json"))


def _find_folder(folder):
    import tensorflow as tf
    import tensorflow_datasets as tfds

    path = Path(folder)
    if not path.is_dir():
        raise UserError(f"There is no folder {folder}; name one with --image-folder.")
    wanted = f"{path}/train/CLASS/*.png or .jpg"
    try:
        builder = tfds.folder_dataset.ImageFolder(folder)
        files = sorted(file for file in path.glob("*/*/*") if file.is_file())
        sizes = "\n".join(f"{file.relative_to(path)} {file.stat().st_size}" for file in files)
    except (tf.errors.OpError, OSError) as error:
        raise UserError(f"Can't read the folder {folder}: {error}.") from error
    counts = {name: split.num_examples for name, split in builder.info.splits.items()}
    if not sum(counts.values()):
        raise UserError(f"There are no pictures in {folder}; it needs {wanted}.")
    if counts.get("train", 0) < 2:
        found = ", ".join(f"{name} ({count})" for name, count in sorted(counts.items()))
        raise UserError(f"{folder} has no pictures to train on; it needs {wanted}. Found: {found}.")
    if len(builder.info.features["label"].names) < 2:
        raise UserError(f"All pictures in {folder} have one label; it needs {wanted}, twice.")
    version = hashlib.sha256(sizes.encode()).hexdigest()[:16]
    return loading.Source(folder, version, builder=builder, files=(folder,))


def _image_and_label(features):
    """The names of the one image and the one label (or that named label) among features, or None.

    An image has one channel, three or four, of one byte each.
    """
    import tensorflow_datasets as tfds

    if not isinstance(features, tfds.features.FeaturesDict):
        return None
    images = [
        name
        for name, kind in features.items()
        if isinstance(kind, tfds.features.Image)
        and len(kind.shape) == 3
        and kind.shape[-1] in (1, 3, 4)
        and kind.np_dtype == np.uint8
    ]
    labels = [name for name, kind in features.items() if isinstance(kind, tfds.features.ClassLabel)]
    if "label" in labels:
        labels = ["label"]
    return (images[0], labels[0]) if len(images) == len(labels) == 1 else None


def _check_features(name, features):
    if _image_and_label(features) is None:
        raise loading.refusal(name, features, "one image and one class label per example", FITTING)
