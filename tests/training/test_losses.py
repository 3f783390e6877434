"""The losses against their definitions in NumPy."""

import keras
import numpy as np
import pytest

from shared.training.losses import SmoothedCrossEntropy


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_smoothed_cross_entropy_is_that_of_smoothed_targets(smoothing):
    random = np.random.default_rng(0)
    targets = np.array([[5, 6, 3, 0], [7, 3, 0, 0], [4, 5, 6, 3]], "int32")
    weights = (targets != 0).astype("float32")
    logits = random.normal(size=(*targets.shape, 9)).astype("float32")
    loss = SmoothedCrossEntropy(smoothing)
    found = float(loss(targets, logits, sample_weight=weights))
    log_p = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
    wanted = (1 - smoothing) * np.eye(9)[targets] + smoothing / 9
    expected = -(wanted * log_p).sum(axis=-1)[weights > 0].mean()
    assert found == pytest.approx(expected, rel=1e-5)
    again = keras.losses.deserialize(keras.losses.serialize(loss))
    assert float(again(targets, logits, sample_weight=weights)) == pytest.approx(found)
