"""Encoders that `keras.applications` has, and what a fixed one makes of the images, kept on disk.

An encoder with ImageNet weights is not trained further. So it looks at each image once, and what
it saw is kept: later epochs, and later runs with the same encoder, read it from the disk.
"""

import os
from pathlib import Path

import keras
import numpy as np
from tqdm import tqdm

from shared.data.examples import Examples, batches
from shared.data.loading import answers
from shared.errors import UserError
from shared.files import replacing
from shared.training.run import Run

from . import data, user_files

FOLDER = Path("runs") / Path(__file__).parent.name / "features"
SMALLEST = {"InceptionResNetV2": 75, "InceptionV3": 75, "Xception": 71}  # pixels; others 32
FILE = "encoder.keras"  # in the run folder
HOST = "https://storage.googleapis.com/tensorflow/keras-applications/"


def names():
    """What `keras.applications` has."""
    return sorted(name for name in dir(keras.applications) if name[0].isupper())


def find(name):
    """A network's name as `keras.applications` spells it.

    Raises:
        UserError: where there is none of that name.
    """
    spelled = {each.lower(): each for each in names()}
    if name.lower() not in spelled:
        raise UserError(
            f"There is no encoder {name!r}. Use scratch or a network of keras.applications: "
            f"{', '.join(names())}."
        )
    return spelled[name.lower()]


def check_size(options):
    """Raise UserError where a network of `keras.applications` can't read images so small."""
    pieces = options.weights == "none"  # a fixed encoder looks at whole images
    share = options.smallest_crop if pieces else 1
    side, least = data.piece_side(options.image_size, share), SMALLEST.get(options.encoder, 32)
    if side < least:
        what = f"pieces of {side} pixels" if side < options.image_size else f"{side} pixels"
        raise UserError(
            f"{options.encoder} reads images of at least {least} pixels, and --image-size "
            f"{options.image_size} gives {what}. Raise --image-size."
        )


def fixed(options):
    """The encoder with ImageNet weights that the options of `train` ask for, or None."""
    if options.encoder == "scratch" or options.weights == "none":
        return None
    if options.resume:
        return Run(options.recipe, options.run).load_model(FILE)
    return build_encoder(options.encoder, "imagenet")


def of(run):
    """The encoder that a run was trained behind, where the network has none of its own; or None."""
    return run.load_model(FILE) if run.options.weights == "imagenet" else None


def build_encoder(name, weights):
    """A network of `keras.applications` without its classifier, and what it does to images first.

    Args:
        name: such as "MobileNetV2".
        weights: "imagenet", downloaded where Keras has not kept them, or "none".

    Returns:
        A model from images `(batch, height, width, 3)`, values 0 to 255, to a grid
        `(batch, rows, columns, features)`. With ImageNet weights it is not trainable.

    Raises:
        UserError: where the weights can't be had.
    """
    build = getattr(keras.applications, name)
    module = getattr(keras.applications, build.__module__.rsplit(".", 1)[-1])
    image = keras.Input((None, None, 3))
    x = module.preprocess_input(image)
    if weights == "none":
        body = build(include_top=False, weights=None, input_shape=(None, None, 3))
    else:
        body = pretrained(name, build)
    return keras.Model(image, body(x), trainable=body.trainable, name="encoder")


def pretrained(name, build):
    """A network with the weights it got on ImageNet, fixed."""
    if not is_kept(name) and not answers(HOST):
        raise UserError(
            f"The ImageNet weights of {name} can't be had: {HOST.split('/')[2]} can't be reached. "
            "Use --weights none, or --encoder scratch."
        )
    try:
        body = build(include_top=False, weights="imagenet", input_shape=(None, None, 3))
    except Exception as error:  # a broken download raises another class for every cause
        first_line = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise UserError(
            f"The ImageNet weights of {name} can't be had ({first_line[:200]}). Try again, or use "
            "--weights none or --encoder scratch."
        ) from error
    body.trainable = False
    return body


def is_kept(name):
    """Whether Keras has the weights of a network on disk already."""

    def squeezed(text):
        return "".join(filter(str.isalnum, text.lower()))

    every = sorted(map(squeezed, names()), key=len, reverse=True)
    home = Path(os.environ.get("KERAS_HOME", Path.home() / ".keras"))
    kept = [squeezed(path.name) for path in home.glob("models/*")]
    # The longest name in it is a file's own: MobileNetV2's holds MobileNet's as well.
    owners = {next((each for each in every if each in file), None) for file in kept}
    return squeezed(name) in owners


def examples(encoder, options):
    """A function for `data.load` in the place of `data.examples`: grids in the place of images."""

    def grids(source, split, limit, side):
        parts = [source.name, source.version, split, limit or "all", options.encoder, side]
        parts += [user_files.fingerprint(source)] if source.files else []
        key = "-".join(str(part).replace("/", "_") for part in parts)
        return hold(lambda: data.examples(source, split, limit, side), encoder, key)

    return grids


def hold(images, encoder, key, batch_size=32):
    """What a fixed encoder makes of the images: computed once, then read from the disk.

    Args:
        images: function that returns `Examples` of `image` and `captions`; called where nothing is
            on the disk yet.
        encoder: as from `build_encoder`.
        key: name of the files; all that the features depend on.
        batch_size: images at once.

    Returns:
        `Examples` of `grid`, float16 `(rows, columns, features)`, and `captions`.
    """
    import tensorflow as tf

    path = FOLDER / f"{key}.npy"
    if not path.exists():
        _compute(images(), encoder, path, batch_size)
    grids = np.load(path, mmap_mode="r")
    captions = tf.constant(np.load(_captions(path)))

    def example(place):
        grid = tf.numpy_function(lambda place: grids[place], [place], tf.float16)
        grid = tf.ensure_shape(grid, grids.shape[1:])
        return {"grid": grid, "captions": tf.gather(captions, place)}

    return Examples.one_by_one(len(grids), example)


def _compute(examples, encoder, path, batch_size):
    """Write the features of all images, and their captions; the features last, whole or not."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"Can't write the features to {path}: {error.strerror}.") from error
    captions, place = [], 0
    dataset = batches(examples, batch_size, lambda batch, seed: batch)
    with replacing(path) as temporary:
        for batch in tqdm(dataset, desc="encoding", unit="batch", delay=2):
            grid = encoder.predict_on_batch(batch["image"].numpy().astype("float32"))
            if not place:
                shape = (examples.count, *grid.shape[1:])
                grids = np.lib.format.open_memmap(temporary, "w+", np.float16, shape)
            grids[place : place + len(grid)] = np.clip(grid, -65504, 65504)
            place += len(grid)
            captions.append(batch["captions"].numpy())
        grids.flush()
        with replacing(_captions(path)) as other:
            np.save(other, np.concatenate(captions).astype("S"))


def _captions(path):
    return path.with_name(f"{path.stem}.captions.npy")
