"""The network: one input, one step of the cell, one output."""

import keras

from shared.layers import recurrent
from shared.layers.trace import gradients


def build_model(
    shape, classes, cell="lstm", units=128, layers=1, filters=24, scan="none", dropout=0.1
):
    """One to one: `(batch, height, width, channels)` pixels, 0 to 255 -> `(batch, classes)` logits.

    Args:
        shape: height, width and channels of the pictures.
        classes: number of labels.
        cell: the name of a recurrent cell, as `shared.layers.recurrent` takes it; or `"none"`,
            where nothing is scanned.
        units: size of the cell's state.
        layers: cells one above the other.
        filters: of the first convolution; the later ones have two, four and eight times as many.
        scan: `"none"`, or read the picture as a sequence of its `"rows"` or `"pixels"`.
        dropout: share of the features that a training step leaves out.
    """
    pixels = keras.Input(shape, name="pixels")
    x = keras.layers.Rescaling(1 / 255)(pixels)
    x = see(x, filters) if scan == "none" else in_sequence(x, scan)
    if cell != "none":
        if scan == "none":
            x = keras.layers.Reshape((1, -1), name="one_step")(x)
        for i in range(layers):
            # A single step needs no loop: unrolled, the layer is its cell.
            last, unroll = i == layers - 1, scan == "none"
            x = recurrent(cell, units, return_sequences=not last, unroll=unroll)(x)
    x = keras.layers.Dropout(dropout)(x)
    logits = keras.layers.Dense(classes, dtype="float32", name="logits")(x)
    return keras.Model(pixels, logits, name="image_classification")


def see(x, filters):
    """A picture at one glance: `(batch, height, width, channels)` -> `(batch, 8 * filters)`.

    Three convolutions halve the picture and double the filters; the residual ones between them add
    to what is there (He et al. 2016, *Deep Residual Learning*). Most of the computing is done at a
    quarter of the picture's width and height, where a second of it improves the network most.
    """
    x = convolution(x, filters)
    x = convolution(x, 2 * filters, stride=2)
    x = convolution(x, 4 * filters, stride=2)
    x = keras.layers.Add()([x, convolution(x, 4 * filters)])
    x = keras.layers.Add()([x, convolution(x, 4 * filters)])
    x = convolution(x, 8 * filters, stride=2)
    return keras.layers.GlobalAveragePooling2D(name="features")(x)


def convolution(x, filters, stride=1):
    """A convolution, batch-normalized (Ioffe and Szegedy 2015) and rectified."""
    x = keras.layers.Conv2D(filters, 3, strides=stride, padding="same", use_bias=False)(x)
    # Means over the last ten or so batches rather than hundreds: trainings here are short.
    return keras.layers.ReLU()(keras.layers.BatchNormalization(momentum=0.9)(x))


def in_sequence(x, scan):
    """A picture step by step: its rows from the top, or its pixels row by row."""
    height, width, channels = x.shape[1:]
    if scan == "rows":
        return keras.layers.Reshape((height, width * channels), name="rows")(x)
    return keras.layers.Reshape((height * width, channels), name="pixel_by_pixel")(x)


def with_probabilities(network, mirror=False):
    """The same network with probabilities `(batch, classes)` in place of logits.

    Args:
        network: as from `build_model`.
        mirror: take the mean of what it says of each picture and of its mirror image; for networks
            that were trained on both.
    """
    pixels = keras.Input(network.input_shape[1:])
    probabilities = keras.layers.Softmax()(network(pixels))
    if mirror:
        mirrored = keras.layers.Softmax()(network(keras.ops.flip(pixels, axis=2)))
        probabilities = keras.layers.Average()([probabilities, mirrored])
    return keras.Model(pixels, probabilities)


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
    cells = [layer for layer in network.layers if isinstance(layer, keras.layers.RNN)]
    if cells:
        steps = keras.Model(network.inputs, cells[0].input)(pixels, training=False)
        inside = {name: values[0] for name, values in cells[0].trace(steps).items()}
    return keras.ops.convert_to_numpy(saliency)[0], inside


def shares(network, inside):
    """What each unit of the first cell adds to each logit of one picture.

    Args:
        network: as from `build_model`.
        inside: as from `explain`.

    Returns:
        Array `(units, classes)`; None where the logits come from a cell above.
    """
    if sum(isinstance(layer, keras.layers.RNN) for layer in network.layers) > 1:
        return None
    kernel = keras.ops.convert_to_numpy(network.get_layer("logits").kernel)
    return inside["hidden_state"][-1][:, None] * kernel
