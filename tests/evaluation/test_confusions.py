"""Counts of answers and the worst mistakes, against plain loops."""

import numpy as np
import pytest
import tensorflow as tf

from shared.evaluation.confusions import confusions

DRAW = np.random.default_rng(1)
NUMBERS = np.array([2, 0, 1])  # of the data's labels among the network's


def test_confusions_and_the_worst_mistakes():
    """A network that answers by the top left pixel, as sure as the next one is bright."""
    pictures = np.zeros((90, 2, 1, 1), "uint8")
    pictures[:, 0, 0, 0] = DRAW.integers(0, 3, 90)
    pictures[:, 1, 0, 0] = DRAW.permutation(90)
    labels = DRAW.integers(0, 3, 90)

    class Fake:
        output_shape = (None, 3)

        def predict_on_batch(self, images):
            sure = 0.5 + images[:, 1, 0] / 200
            said = np.eye(3)[images[:, 0, 0, 0]]
            return said * sure + (1 - said) * (1 - sure) / 2

    stored = np.argsort(NUMBERS)[labels]
    dataset = tf.data.Dataset.from_tensor_slices((pictures, stored)).batch(20)
    matrix, mistakes, right = confusions(Fake(), dataset, NUMBERS, most=5)
    said = pictures[:, 0, 0, 0]
    for label in range(3):
        for answer in range(3):
            assert matrix[label, answer] == ((labels == label) & (said == answer)).sum()
    for found, these in ((mistakes, said != labels), (right, said == labels)):
        surest = sorted(np.flatnonzero(these), key=lambda i: -int(pictures[i, 1, 0, 0]))[:5]
        for (probability, answer, label, image), i in zip(found, surest, strict=True):
            np.testing.assert_array_equal(image, pictures[i])
            assert (answer, label) == (said[i], labels[i])
            assert probability == pytest.approx(0.5 + pictures[i, 1, 0, 0] / 200)
