"""The network: one input, one step of the cell, one output."""

import keras
import numpy as np
from keras import layers
from tqdm import tqdm

from shared.layers import recurrent
from shared.layers.trace import gradients


def build_model(
    shape, classes, cell="lstm", units=128, depth=1, filters=24, scan="none", dropout=0.1
):
    """One to one: `(batch, height, width, channels)` pixels, 0 to 255 -> `(batch, classes)` logits.

    Args:
        shape: height, width and channels of the pictures.
        classes: number of labels.
        cell: the name of a recurrent cell, as `shared.layers.recurrent` takes it; or `"none"`,
            where nothing is scanned.
        units: size of the cell's state.
        depth: cells one above the other.
        filters: of the first convolution; the later ones have two, four and eight times as many.
        scan: `"none"`, or read the picture as a sequence of its `"rows"` or `"pixels"`.
        dropout: share of the features that a training step leaves out.
    """
    pixels = keras.Input(shape, name="pixels")
    x = layers.Rescaling(1 / 255)(pixels)
    x = see(x, filters) if scan == "none" else in_sequence(x, scan)
    if cell != "none":
        if scan == "none":
            x = layers.Reshape((1, -1), name="one_step")(x)
        for i in range(depth):
            # A single step needs no loop: unrolled, the layer is its cell.
            last, unroll = i == depth - 1, scan == "none"
            x = recurrent(cell, units, return_sequences=not last, unroll=unroll)(x)
    x = layers.Dropout(dropout)(x)
    logits = layers.Dense(classes, dtype="float32", name="logits")(x)
    return keras.Model(pixels, logits, name="image_classification")


def see(x, filters):
    """A picture at one glance: `(batch, height, width, channels)` -> `(batch, 8 * filters)`.

    Convolutions that halve the picture three times and double the filters, and between them such
    that add to what is there (He et al. 2016, *Deep Residual Learning*). Most of the computing is
    done where the picture is a quarter of its size: that is where a second of it teaches most.
    """
    x = convolution(x, filters)
    x = convolution(x, 2 * filters, stride=2)
    x = convolution(x, 4 * filters, stride=2)
    x = layers.Add()([x, convolution(x, 4 * filters)])
    x = layers.Add()([x, convolution(x, 4 * filters)])
    x = convolution(x, 8 * filters, stride=2)
    return layers.GlobalAveragePooling2D(name="features")(x)


def convolution(x, filters, stride=1):
    """A convolution, batch-normalized (Ioffe and Szegedy 2015) and rectified."""
    x = layers.Conv2D(filters, 3, strides=stride, padding="same", use_bias=False)(x)
    # Means over the last ten or so batches rather than hundreds: trainings here are short.
    return layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))


def in_sequence(x, scan):
    """A picture step by step: its rows from the top, or its pixels row by row."""
    height, width, channels = x.shape[1:]
    if scan == "rows":
        return layers.Reshape((height, width * channels), name="rows")(x)
    return layers.Reshape((height * width, channels), name="pixel_by_pixel")(x)


def with_probabilities(network, mirror=False):
    """The same network with probabilities `(batch, classes)` in place of logits.

    Args:
        network: as from `build_model`.
        mirror: take the mean of what it says of each picture and of its mirror image; for networks
            that were trained on both.
    """
    pixels = keras.Input(network.input_shape[1:])
    probabilities = layers.Softmax()(network(pixels))
    if mirror:
        mirrored = layers.Softmax()(network(pixels[:, :, ::-1]))
        probabilities = layers.Average()([probabilities, mirrored])
    return keras.Model(pixels, probabilities)


def answers(network, images, batch_size=256):
    """What the network says of many pictures: array `(len(images), ...)`."""
    batches = range(0, len(images), batch_size)
    said = [network.predict_on_batch(images[i : i + batch_size]) for i in batches]
    return np.concatenate([keras.ops.convert_to_numpy(each) for each in said])


def confusions(network, batches, worst):
    """How often each label was answered for each other one, and the worst mistakes.

    Args:
        network: with probabilities.
        batches: `tf.data.Dataset` of `(images, labels)`.
        worst: how many mistakes to keep.

    Returns:
        matrix: int array `(classes, classes)`; row the label, column the answer.
        mistakes: list of (probability of the answer, answer, label, image), most confident first.
    """
    classes = network.output_shape[-1]
    matrix, mistakes = np.zeros((classes, classes), int), []
    for images, labels in tqdm(batches, desc="measuring", unit="batch", delay=2):
        images, labels = images.numpy(), labels.numpy()
        probabilities = keras.ops.convert_to_numpy(network.predict_on_batch(images))
        said = probabilities.argmax(axis=-1)
        np.add.at(matrix, (labels, said), 1)
        for i in np.flatnonzero(said != labels):
            mistakes.append((float(probabilities[i].max()), said[i], labels[i], images[i]))
        mistakes = sorted(mistakes, key=lambda mistake: -mistake[0])[:worst]
    return matrix, mistakes


def explain(network, image):
    """Which pixels of one picture speak for the answer, and what the cell did.

    Args:
        network: as from `build_model`.
        image: uint8 array `(height, width, channels)`.

    Returns:
        saliency: array `(height, width, channels)`; the gradient of the answer's logit with respect
            to every pixel (Simonyan et al. 2014, *Deep Inside Convolutional Networks*).
        inside: what `trace` of the first cell tells: hidden state, cell state and each gate by
            name, `(steps, units)`; empty where there is no cell.
    """
    pixels = keras.ops.convert_to_tensor(image[None], "float32")
    answer = int(keras.ops.argmax(network(pixels, training=False)[0]))

    def logit(tensors):
        return network(tensors[0], training=False)[0, answer]

    (saliency,) = gradients(logit, [pixels])
    inside = {}
    cells = [layer for layer in network.layers if isinstance(layer, layers.RNN)]
    if cells:
        steps = keras.Model(network.inputs, cells[0].input)(pixels, training=False)
        inside = {name: values[0] for name, values in cells[0].trace(steps).items()}
    return keras.ops.convert_to_numpy(saliency)[0], inside
