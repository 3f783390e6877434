"""Running a network over many inputs, and bringing what it says back in their order."""

import contextlib

import keras
import numpy as np

from shared.data.batching import bucketed_batches
from shared.layers.recurrent import RecurrentLayer
from shared.progress import progress


def predict_sequences(network, sequences, batch_size=128):
    """The network's output for each sequence, in the order of the sequences.

    Args:
        network: a Keras model from `(batch, timesteps)` token ids to `(batch, ...)`.
        sequences: list of int32 arrays.
        batch_size: sequences per batch; batches hold sequences of like length.

    Returns:
        Array `(len(sequences), ...)`.
    """
    if len(sequences) == 1:
        with _nothing_compiled(network):
            return keras.ops.convert_to_numpy(network(sequences[0][None], training=False))
    batches = bucketed_batches(sequences, np.arange(len(sequences)), batch_size)
    outputs = None
    with progress(total=len(sequences), doing="predicting", unit="sequence") as bar:
        for ids, positions in batches:
            batch = keras.ops.convert_to_numpy(network.predict_on_batch(ids))
            if outputs is None:
                outputs = np.empty((len(sequences), *batch.shape[1:]), batch.dtype)
            outputs[positions.numpy()] = batch
            bar.update(len(batch))
    return outputs


def predict_images(network, images, batch_size=256):
    """The network's output for each picture: array `(len(images), ...)`."""
    batches = range(0, len(images), batch_size)
    said = [network.predict_on_batch(images[i : i + batch_size]) for i in batches]
    return np.concatenate([keras.ops.convert_to_numpy(each) for each in said])


@contextlib.contextmanager
def _nothing_compiled(network):
    """Run the recurrent layers step by step: for one sequence that is quicker than to compile."""
    layers = [each for each in network._flatten_layers() if isinstance(each, RecurrentLayer)]
    before = [layer.loop for layer in layers]
    for layer in layers:
        layer.loop = "steps"
    try:
        yield
    finally:
        for layer, loop in zip(layers, before, strict=True):
            layer.loop = loop
