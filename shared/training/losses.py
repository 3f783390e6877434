"""Losses that several recipes share."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="shared.training")
class SmoothedCrossEntropy(keras.losses.Loss):
    """Cross entropy with targets that keep a little probability for all other words.

    loss = -(1 - smoothing) log p(target) - smoothing * mean over all words of log p(word)

    Targets are word numbers `(...)`, logits `(..., words)`; the loss is the mean over the places
    that have a weight: padding has none. C. Szegedy et al., "Rethinking the inception architecture
    for computer vision", CVPR 2016.

    Args:
        smoothing: how much probability is kept for all words alike.
    """

    def __init__(
        self, smoothing, name="smoothed_cross_entropy", reduction="mean_with_sample_weight"
    ):
        super().__init__(name=name, reduction=reduction)
        self.smoothing = smoothing

    def get_config(self):
        return {**super().get_config(), "smoothing": self.smoothing}

    def call(self, targets, logits):
        normalizer = ops.logsumexp(logits, axis=-1)
        right = ops.take_along_axis(logits, ops.cast(targets, "int32")[..., None], axis=-1)[..., 0]
        alike = ops.mean(logits, axis=-1)
        return normalizer - (1 - self.smoothing) * right - self.smoothing * alike
