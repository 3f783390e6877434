"""Which label is taken for which other one."""

import keras
import numpy as np

from shared.data.examples import user_errors
from shared.progress import progress


def confusions(network, batches, numbers, most):
    """How often each label was answered for each other one, and the surest answers.

    Args:
        network: a Keras model from inputs to probabilities `(batch, classes)`.
        batches: `tf.data.Dataset` of `(inputs, labels)`.
        numbers: int array: what the number of a label is among the network's classes; see
            `sources.numbers_among`.
        most: how many mistakes, and how many right answers, to keep.

    Returns:
        matrix: int array `(classes, classes)`; row the label, column the answer.
        mistakes, right: lists of (probability of the answer, answer, label, input), most confident
            first.

    Raises:
        UserError: for a damaged file that is read only now.
    """
    classes = network.output_shape[-1]
    matrix, mistakes, right = np.zeros((classes, classes), int), [], []
    with user_errors():
        for inputs, labels in progress(batches, doing="measuring", unit="batch"):
            inputs, labels = inputs.numpy(), numbers[labels.numpy()]
            probabilities = keras.ops.convert_to_numpy(network.predict_on_batch(inputs))
            said, sure = probabilities.argmax(axis=-1), probabilities.max(axis=-1)
            np.add.at(matrix, (labels, said), 1)
            for kept, here in ((mistakes, said != labels), (right, said == labels)):
                places = sorted(np.flatnonzero(here), key=lambda i: -sure[i])[:most]
                kept += [(float(sure[i]), said[i], labels[i], inputs[i]) for i in places]
                kept.sort(key=lambda answer: -answer[0])
                del kept[most:]
    return matrix, mistakes, right
