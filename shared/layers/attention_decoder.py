"""A decoder that looks back at a memory: recurrent layers first, attention on top.

    h_t = RNN(x_t, h_{t-1})                     over the embeddings of what was written so far
    context_t, a_t = attention(h_t, memory)
    v_t = tanh(W_c [context_t; h_t])            attentional vector, from which the next word is read

Nothing of the attention flows back into the recurrence. So in training, where all of x is known
(teacher forcing), the recurrent layers run over all steps in one fast call and the attention in
one more; in decoding, where x_{t+1} is chosen from v_t, `step` goes on from explicit states. Both
give the same numbers.

M.-T. Luong, H. Pham and C. Manning, "Effective approaches to attention-based neural machine
translation", EMNLP 2015, without their input feeding, which would make step t + 1 wait for the
attention of step t. In Bahdanau's decoder (ICLR 2015) it waits as well.
"""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package=__package__)
class AttentionDecoder(keras.layers.Layer):
    """Recurrent layers with attention over a memory.

    >>> decoder = AttentionDecoder([LSTM(256, return_sequences=True, return_state=True)],
    ...                            LuongAttention(), units=256)
    >>> vectors, weights, states = decoder(embeddings, memory)                  # training
    >>> vector, weights, states = decoder.step(embedding, states, memory)       # decoding

    Args:
        layers: recurrent layers, first to last, that return sequences and states.
        attention: a layer (query, memory, memory_mask) -> (context, weights).
        units: size of the attentional vector.

    Raises:
        ValueError: if there is no recurrent layer, or one doesn't return sequences and states or
            doesn't run from the first step to the last.
    """

    def __init__(self, layers, attention, units, **kwargs):
        super().__init__(**kwargs)
        if not layers:
            raise ValueError("A decoder needs at least one recurrent layer.")
        for layer in layers:
            if not (layer.return_sequences and layer.return_state):
                raise ValueError(
                    f"{layer.name} must be made with return_sequences=True, return_state=True."
                )
            if layer.go_backwards or layer.stateful:
                raise ValueError(f"{layer.name} must run forwards and must not be stateful.")
        self.layers = list(layers)
        self.attention = attention
        self.units = units
        self.combine = keras.layers.Dense(
            units, activation="tanh", use_bias=False, dtype=self.dtype_policy, name="combine"
        )
        self.supports_masking = True

    def build(self, inputs_shape, memory_shape):
        below = inputs_shape
        for layer in self.layers:
            if not layer.built:  # as it is when it comes out of a file
                layer.build(below)
            below = (*inputs_shape[:-1], layer.units)
        if not self.attention.built:
            self.attention.build(below, memory_shape)
        self.combine.build((*inputs_shape[:-1], memory_shape[-1] + below[-1]))

    def call(
        self,
        inputs,
        memory,
        initial_state=None,
        inputs_mask=None,
        memory_mask=None,
        training=False,
    ):
        """Run over all steps.

        Args:
            inputs: (batch, steps, features), e.g. embeddings of the words before the ones to be
                predicted.
            memory: (batch, timesteps, memory features).
            initial_state: for each recurrent layer a list of its states, each (batch, units);
                zeros if None.
            inputs_mask: (batch, steps), False at padding.
            memory_mask: (batch, timesteps), False at padding.
            training: whether dropout is on.

        Returns:
            `(vectors, weights, states)`: attentional vectors (batch, steps, units), attention
            weights (batch, steps, timesteps), and the last states in the form of
            `initial_state`.
        """
        initial_state = initial_state or [None] * len(self.layers)
        hidden, states = inputs, []
        for layer, first in zip(self.layers, initial_state, strict=True):
            hidden, *last = layer(hidden, initial_state=first, mask=inputs_mask, training=training)
            states.append(last)
        context, weights = self.attention(hidden, memory, memory_mask=memory_mask)
        return self.combine(ops.concatenate([context, hidden], axis=-1)), weights, states

    def step(self, inputs, states, memory, memory_mask=None):
        """Go on by one step, as in decoding: no dropout.

        Args:
            inputs: (batch, features).
            states: what `get_initial_state`, `call` or the step before returned.
            memory: (batch, timesteps, memory features).
            memory_mask: (batch, timesteps), False at padding.

        Returns:
            `(vector, weights, states)`: (batch, units), (batch, timesteps) and the new states.
        """
        hidden, new_states = inputs, []
        for layer, before in zip(self.layers, states, strict=True):
            hidden, after = layer.cell(hidden, list(before), training=False)
            new_states.append(list(after))
        context, weights = self.attention(hidden[:, None, :], memory, memory_mask=memory_mask)
        vector = self.combine(ops.concatenate([context[:, 0], hidden], axis=-1))
        return vector, weights[:, 0], new_states

    def get_initial_state(self, batch_size):
        """Zeros, in the form that `call` and `step` take: a list of states for each layer."""
        return [list(layer.get_initial_state(batch_size)) for layer in self.layers]

    def compute_mask(self, inputs, previous_mask):
        """Vectors have the mask of the inputs, nothing else has one."""
        return previous_mask

    def get_config(self):
        return {
            **super().get_config(),
            "layers": [keras.saving.serialize_keras_object(layer) for layer in self.layers],
            "attention": keras.saving.serialize_keras_object(self.attention),
            "units": self.units,
        }

    @classmethod
    def from_config(cls, config):
        restore = keras.saving.deserialize_keras_object
        return cls(
            **{
                **config,
                "layers": [restore(layer) for layer in config["layers"]],
                "attention": restore(config["attention"]),
            }
        )
