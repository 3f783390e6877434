"""Pooling over the timesteps that are really there."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package=__package__)
class MaskedMaxPooling1D(keras.layers.Layer):
    """The largest value of each feature over all timesteps that the mask lets through.

    Max pooling lets a network keep the strongest evidence wherever it stands (Collobert
    et al. 2011). Keras's `GlobalMaxPooling1D` would also take the maximum over padding.

    Input: `(batch, timesteps, features)`, with or without a mask `(batch, timesteps)`.
    Output: `(batch, features)`; zeros for a sequence that is padding only.
    """

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(self, inputs, mask=None):
        if mask is None:
            return ops.max(inputs, axis=1)
        present = ops.expand_dims(mask, axis=-1)
        lowest = ops.full_like(inputs, -float("inf"))
        largest = ops.max(ops.where(present, inputs, lowest), axis=1)
        return ops.where(ops.any(present, axis=1), largest, ops.zeros_like(largest))

    def compute_mask(self, inputs, mask=None):
        return None

    def compute_output_shape(self, input_shape):
        return (input_shape[0], input_shape[2])
