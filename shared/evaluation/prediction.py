"""Running a network over many inputs, and bringing what it says back in their order."""

import contextlib

import keras
import numpy as np

from shared.data.batching import pad
from shared.layers import loops
from shared.layers.recurrent import RecurrentLayer
from shared.progress import progress

FEW = 32  # rows; up to here a second of compiling would take longer than the loop it makes quick


class Answering:
    """A network for batches of any size, such as those of inputs that come one by one.

    A batch of up to `FEW` rows is run step by step where the quick loop would have to be compiled
    first, which nobody should wait for who has asked for a single answer. Rows are filled up to the
    next power of two, so that all batches have one of few shapes.

    Args:
        network: a Keras model.
    """

    def __init__(self, network):
        self.inputs = network.inputs
        self._many = self._few = network
        self._layers = []
        if keras.backend.backend() == "tensorflow" and not loops.on_gpu():
            layers = network._flatten_layers()
            self._layers = [each for each in layers if isinstance(each, RecurrentLayer)]
            if self._layers:
                # The same layers, but Keras makes a function of its own for this model.
                self._few = keras.Model(network.input, network.output)

    def predict_on_batch(self, inputs):
        """The network's outputs for arrays `(rows, ...)`: NumPy arrays `(rows, ...)`."""
        rows = len(keras.tree.flatten(inputs)[0])
        # The last row again and again: unlike zeros, it is something that the network can answer.
        filled = np.minimum(np.arange(1 << (rows - 1).bit_length()), rows - 1)
        inputs = keras.tree.map_structure(lambda array: np.asarray(array)[filled], inputs)
        if rows > FEW:
            outputs = self._many.predict_on_batch(inputs)
        else:
            with self._step_by_step():
                outputs = self._few.predict_on_batch(inputs)
        return keras.tree.map_structure(
            lambda array: keras.ops.convert_to_numpy(array)[:rows], outputs
        )

    @contextlib.contextmanager
    def _step_by_step(self):
        before = [layer.loop for layer in self._layers]
        for layer in self._layers:
            layer.loop = "steps"
        try:
            yield
        finally:
            for layer, loop in zip(self._layers, before, strict=True):
                layer.loop = loop


def predict_sequences(network, sequences, batch_size=128):
    """The network's output for each sequence, in the order of the sequences.

    Args:
        network: a Keras model from `(batch, timesteps)` token ids to `(batch, ...)`, or `Answering`
            of one.
        sequences: list of int32 arrays.
        batch_size: sequences per batch; batches hold sequences of like length.

    Returns:
        Array `(len(sequences), ...)`.
    """
    order = np.argsort([len(sequence) for sequence in sequences], kind="stable")
    outputs = None
    with progress(total=len(sequences), doing="predicting", unit="sequence") as bar:
        for begin in range(0, len(order), batch_size):
            places = order[begin : begin + batch_size]
            # A quarter of padding at most, and few lengths: some backends compile for each.
            multiple = 1 << max(3, len(sequences[places[-1]]).bit_length() - 3)
            ids = pad([sequences[i] for i in places], multiple)
            batch = keras.ops.convert_to_numpy(network.predict_on_batch(ids))
            if outputs is None:
                outputs = np.empty((len(sequences), *batch.shape[1:]), batch.dtype)
            outputs[places] = batch
            bar.update(len(places))
    return outputs


def predict_alike(network, inputs):
    """The network's output for each input, where those of the same length share a batch.

    For networks that know no padding.

    Args:
        network: a Keras model from `(batch, timesteps, ...)` to `(batch, ...)`, or `Answering` of
            one.
        inputs: list of arrays `(timesteps, ...)`.

    Returns:
        List of arrays, in the order of the inputs.
    """
    outputs = [None] * len(inputs)
    for length in sorted({len(each) for each in inputs}):
        places = [place for place, each in enumerate(inputs) if len(each) == length]
        found = network.predict_on_batch(np.stack([inputs[place] for place in places]))
        for place, output in zip(places, keras.ops.convert_to_numpy(found), strict=True):
            outputs[place] = output
    return outputs


def predict_batches(network, batches):
    """What a network says of batches, and what it should say.

    Args:
        network: a Keras model.
        batches: `tf.data.Dataset` of `(inputs, answers)`.

    Returns:
        outputs, answers: arrays whose first axis is the examples.
    """
    outputs, answers = [], []
    for inputs, wanted in progress(batches, doing="measuring", unit="batch"):
        found = network.predict_on_batch(inputs.numpy())
        outputs.append(keras.ops.convert_to_numpy(found))
        answers.append(wanted.numpy())
    return np.concatenate(outputs), np.concatenate(answers)
