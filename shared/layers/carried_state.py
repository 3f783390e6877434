"""A recurrent layer whose memory outlasts the batch: for sequences longer than gradients reach."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package=__package__)
class CarriedState(keras.layers.Layer):
    """Runs a recurrent layer from the state in which the batch before ended, row by row.

    >>> x = CarriedState(LSTM(512, return_sequences=True, return_state=True))(x)

    The gradient ends where the batch begins (truncated back-propagation through time; R. J.
    Williams and J. Peng, Neural Computation 2, 1990), the memory doesn't. This is what
    `stateful=True` does, with two differences. The states are variables of the model: they are
    saved with it, and carried on every backend (Keras doesn't track those of stateful layers, so
    that on JAX each batch begins from zeros). And `layer` itself stays free: call it with states
    of your own for any number of rows.

    Args:
        layer: a recurrent layer with `return_sequences` and `return_state`.

    Raises:
        ValueError: for another layer; and where the size of the batch isn't known.
    """

    def __init__(self, layer, **kwargs):
        super().__init__(**kwargs)
        if not (layer.return_sequences and layer.return_state) or layer.stateful:
            raise ValueError(
                f"{layer.name} must be made with return_sequences=True, return_state=True, and "
                "without stateful."
            )
        self.layer = layer

    def build(self, sequences_shape):
        rows = sequences_shape[0]
        if rows is None:
            raise ValueError("The state has a row for each of the batch: give Input a batch_shape.")
        self.layer.build(sequences_shape)
        self.states = [
            self.add_weight(state.shape, initializer="zeros", trainable=False, name=f"state_{i}")
            for i, state in enumerate(self.layer.get_initial_state(rows))
        ]

    def call(self, sequences, training=False):
        """(batch, timesteps, features) -> (batch, timesteps, units)."""
        # Copies, since PyTorch's backward pass needs the state as it was before.
        before = [ops.copy(ops.cast(state, self.compute_dtype)) for state in self.states]
        outputs, *after = self.layer(sequences, initial_state=before, training=training)
        for state, value in zip(self.states, after, strict=True):
            state.assign(ops.cast(value, state.dtype))
        return outputs

    def forget(self):
        """Set the state to zeros, as before any batch."""
        for state in self.states:
            state.assign(ops.zeros(state.shape, dtype=state.dtype))

    def get_config(self):
        return {**super().get_config(), "layer": keras.saving.serialize_keras_object(self.layer)}

    @classmethod
    def from_config(cls, config):
        layer = keras.saving.deserialize_keras_object(config["layer"])
        return cls(**{**config, "layer": layer})
