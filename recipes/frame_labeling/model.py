"""The network: a frame in, its label out, at every step."""

import keras
import numpy as np
from keras import ops

from shared.decoding import compile_step
from shared.evaluation.prediction import Answering
from shared.layers import Bidirectional, recurrent

ABOVE = (keras.layers.RNN, keras.layers.Dense)  # the layers above the convolutions, at one step
PIECE = 300  # frames of a long video that go through the convolutions in one call


def build_model(
    shape,
    classes,
    cell="lstm",
    units=128,
    layers=2,
    direction="both",
    dropout=0.3,
    filters=(16, 32, 64, 96),
):
    """Many to many, in step: `(batch, timesteps, *shape)` frames -> a label for each.

    Inputs are `frames`, uint8, and `present`, bool `(batch, timesteps)`, False where a clip is
    padded: padding changes no state, so it changes none of the other labels.

    Args:
        shape: height, width and channels of a frame.
        classes: number of labels.
        cell: the name of a recurrent cell, as `shared.layers.recurrent` takes it, or `"none"` for
            a network that knows of each frame only itself and how it differs from the one before.
        units: size of each direction's state, and of what the convolutions say of a frame.
        layers: recurrent layers, one above the other.
        direction: `"both"` reads each clip from its start and from its end; `"forward"` labels a
            frame when it comes, without having seen what follows.
        dropout: share of the features that a training step leaves out.
        filters: of the convolutions, each of which halves height and width.

    Returns:
        A Keras model with logits `(batch, timesteps, classes)`.
    """
    frames = keras.Input((None, *shape), dtype="uint8", name="frames")
    present = keras.Input((None,), dtype="bool", name="present")
    x = WithChange(name="with_change")(frames)
    x = EachFrame(eye(shape, units, filters), name="eye")(x)
    for _ in range(layers):
        x = keras.layers.Dropout(dropout)(x)
        if cell == "none":
            x = keras.layers.Dense(units, activation="relu")(x)
            continue
        layer = recurrent(cell, units, return_sequences=True)
        x = (Bidirectional(layer) if direction == "both" else layer)(x, mask=present)
    x = keras.layers.Dropout(dropout)(x)
    logits = keras.layers.Dense(classes, dtype="float32", name="logits")(x)
    return keras.Model({"frames": frames, "present": present}, logits, name="frame_labeling")


def eye(shape, units, filters):
    """The convolutions: a frame and its change `(height, width, 2 * channels)` -> `(units,)`."""
    height, width, channels = shape
    seen = keras.Input((height, width, 2 * channels))
    x = seen
    for number, size in enumerate(filters):
        x = keras.layers.Conv2D(
            size,
            5 if number == 0 else 3,
            strides=2,
            padding="same",
            activation="relu",
            kernel_initializer="he_normal",
        )(x)
    x = keras.layers.Flatten()(x)
    x = keras.layers.Dense(units)(x)
    x = keras.layers.LayerNormalization()(x)
    return keras.Model(seen, keras.layers.Activation("relu")(x), name="eye")


def frame_shape(network):
    """Height, width and channels of the frames that the network takes."""
    return network.input["frames"].shape[2:]


def clip_labeller(network):
    """What labels whole clips, of any length.

    Args:
        network: as from `build_model`.

    Returns:
        A function from uint8 frames `(timesteps, height, width, channels)` to probabilities,
        float32 `(timesteps, classes)`.
    """
    look, seen = eye_of(network), network.get_layer("eye").output
    above = Answering(keras.Model([seen, network.input["present"]], ops.softmax(network.output)))

    def label_clip(frames):
        return above.predict_on_batch([look(frames)[None], np.ones((1, len(frames)), bool)])[0]

    return label_clip


def eye_of(network):
    """The convolutions alone: a function from the frames of a clip to `(timesteps, units)`.

    Long clips go through them in pieces, so that the memory that this takes doesn't grow.
    """
    eye = keras.Model(network.input["frames"], network.get_layer("eye").output)

    def look(frames):
        pieces = []
        for begin in range(0, len(frames), PIECE):
            first = max(begin - 1, 0)  # the frame before, for what has changed since
            features = eye.predict_on_batch(frames[None, first : begin + PIECE])
            pieces.append(features[0, begin - first :])
        return np.concatenate(pieces)

    return look


def label_stream(network, frames):
    """Label frames one by one as they come, with nothing kept but the state and one frame.

    Args:
        network: as from `build_model` with `direction="forward"`.
        frames: iterable of uint8 arrays `(height, width, channels)`.

    Yields:
        float32 array `(classes,)` of probabilities for each, the same as for the whole clip.
    """
    step, states, before = step_function(network), no_memory(network), None
    for frame in frames:
        pair = np.stack([frame if before is None else before, frame])[None]
        probabilities, states = step(ops.convert_to_tensor(pair), states)
        yield ops.convert_to_numpy(probabilities)[0]
        before = frame


def step_function(network):
    """The forward network without its loop: (the frame before and this one, states) -> the
    probabilities `(batch, classes)` of its label, and the states after it."""
    with_change, eye = network.get_layer("with_change"), network.get_layer("eye").network
    above = [layer for layer in network.layers if isinstance(layer, ABOVE)]

    def step(pair, states):
        x, before, after = eye(with_change(pair)[:, 1]), list(states), []
        for layer in above:
            if isinstance(layer, keras.layers.RNN):
                size = keras.tree.flatten(layer.cell.state_size)
                x, states = layer.cell(x, [before.pop(0) for _ in size])
                after += states
            else:
                x = layer(x)
        return ops.softmax(x), after

    return compile_step(step, network)


def no_memory(network):
    """The states before any frame: zeros."""
    return [
        ops.zeros((1, size), dtype=layer.compute_dtype)
        for layer in network.layers
        if isinstance(layer, keras.layers.RNN)
        for size in keras.tree.flatten(layer.cell.state_size)
    ]


def explain(network, frames):
    """What `trace` tells of the first recurrent layer, reading forward: `(timesteps, units)` each.

    Empty for a network without recurrence.
    """
    for layer in network.layers:
        if isinstance(layer, (Bidirectional, keras.layers.RNN)):
            layer = getattr(layer, "forward_layer", layer)
            features = ops.convert_to_tensor(eye_of(network)(frames)[None])
            return {name: values[0] for name, values in layer.trace(features).items()}
    return {}


@keras.saving.register_keras_serializable(package=__package__)
class WithChange(keras.layers.Layer):
    """Each frame, and beside it what has changed since the frame before.

    The brightness and contrast of a frame are taken out of it: mean 0, standard deviation 1. The
    change of the first frame is zero.

    Input: `(batch, timesteps, height, width, channels)`, uint8.
    Output: `(batch, timesteps, height, width, 2 * channels)`.
    """

    def call(self, frames):
        frames = ops.cast(frames, self.compute_dtype) / 255
        axes = (2, 3, 4)
        frames = frames - ops.mean(frames, axes, keepdims=True)
        spread = ops.sqrt(ops.mean(ops.square(frames), axes, keepdims=True) + 1e-4)
        frames = frames / spread
        before = ops.concatenate([frames[:, :1], frames[:, :-1]], axis=1)
        # As concatenating along the last axis would, which is slower for so few channels.
        both = ops.transpose(ops.stack([frames, frames - before]), (1, 2, 3, 4, 0, 5))
        return ops.reshape(both, (*ops.shape(frames)[:-1], 2 * frames.shape[-1]))

    def compute_output_shape(self, shape):
        return (*shape[:-1], 2 * shape[-1])


@keras.saving.register_keras_serializable(package=__package__)
class EachFrame(keras.layers.Layer):
    """A network applied to every frame alike: all frames of all clips are one batch to it.

    Args:
        network: a Keras model of one frame.

    Input: `(batch, timesteps, ...)`. Output: `(batch, timesteps, ...)`.
    """

    def __init__(self, network, **kwargs):
        super().__init__(**kwargs)
        self.network = network

    def call(self, clips, training=False):
        shape = ops.shape(clips)
        each = ops.reshape(clips, (-1, *clips.shape[2:]))
        each = self.network(each, training=training)
        return ops.reshape(each, (*shape[:2], *each.shape[1:]))

    def compute_output_shape(self, shape):
        return (*shape[:2], *self.network.compute_output_shape((None, *shape[2:]))[1:])

    def get_config(self):
        network = keras.saving.serialize_keras_object(self.network)
        return {**super().get_config(), "network": network}

    @classmethod
    def from_config(cls, config):
        network = keras.saving.deserialize_keras_object(config["network"])
        return cls(**{**config, "network": network})
