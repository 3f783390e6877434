"""Encoders of `keras.applications`, with the weights that they learned on ImageNet or without."""

import os
from pathlib import Path

import keras

from shared.data.image_pieces import piece_side
from shared.data.prepared import answers
from shared.errors import UserError
from shared.training.folders import open_run

SMALLEST = {"InceptionResNetV2": 75, "InceptionV3": 75, "Xception": 71}  # pixels; others 32
HOST = "https://storage.googleapis.com/tensorflow/keras-applications/"
FILE = "encoder.keras"  # in the run folder: the encoder that is not trained further


def fixed_encoder(options, shape):
    """The encoder with ImageNet weights that the options of `train` ask for; None for one to train.

    A run that is continued goes on with its own.

    Args:
        options: `encoder`, "scratch" or a name; `weights`, "imagenet", "none", or None for what the
            encoder usually has; `smallest_crop`, `recipe`, `run` and `resume`.
        shape: height, width and channels of the images.

    Raises:
        UserError: for an encoder or weights that can't be had, and for images too small for it.
    """
    if options.encoder == "scratch":
        if options.weights == "imagenet":
            raise UserError(
                "--weights imagenet needs an --encoder of keras.applications, such as MobileNetV2."
            )
        return None
    if options.weights == "none":
        check(options.encoder, piece_side(shape[0], options.smallest_crop))
        return None
    check(options.encoder, shape[0])
    if options.resume:
        run = open_run(options.recipe, options.run)
        if run.path(FILE).exists():
            return run.load_model(FILE)
    return build_encoder(options.encoder, "imagenet")


def encoder_of(network, run):
    """The encoder of a run's network: its own, or the fixed one that it was trained behind."""
    if run.options.encoder == "scratch" or run.options.weights == "none":
        return network.get_layer("encoder")
    return run.load_model(FILE)


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


def check(name, side):
    """Raise UserError for a name that isn't there, or one of a network for larger images.

    Args:
        name: such as "MobileNetV2"; capitals don't matter.
        side: height and width of the images that the network gets, in pixels.
    """
    name = find(name)
    least = SMALLEST.get(name, 32)
    if side < least:
        raise UserError(
            f"{name} reads images of at least {least} pixels, and would get {side}. Raise "
            "--image-size, or --smallest-crop."
        )


def build_encoder(name, weights="none"):
    """A network of `keras.applications` without its classifier, and what it does to images first.

    Args:
        name: such as "MobileNetV2"; capitals don't matter.
        weights: "imagenet", downloaded where Keras has not kept them, or "none".

    Returns:
        A model from images `(batch, height, width, 3)`, values 0 to 255, to a grid
        `(batch, rows, columns, features)`. With ImageNet weights it is not trainable.

    Raises:
        UserError: where there is no such network, or its weights can't be had.
    """
    name = find(name)
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
