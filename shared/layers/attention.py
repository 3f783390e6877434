"""Attention: for each query, a weighted mean of a memory, and the weights.

    e_{t,k} = score(query_t, memory_k)              how well the k-th entry answers the t-th query
    a_{t,k} = exp(e_{t,k}) / sum_j exp(e_{t,j})     weights, over the entries that the mask keeps
    context_t = sum_k a_{t,k} memory_k

    BahdanauAttention   e = v · tanh(W query + U memory)       additive
    LuongAttention      e = query · W memory, or query · memory       multiplicative
                        e = query · W memory / sqrt(memory features)  the same, scaled

    query    (batch, steps, query features)         e.g. the hidden states of a decoder
    memory   (batch, timesteps, memory features)    e.g. the outputs of an encoder
    context  (batch, steps, memory features)
    weights  (batch, steps, timesteps)

`keras.layers.AdditiveAttention` and `keras.layers.Attention` compute the sum, the softmax and the
mean, and do so here. They have no W and U, without which a query can only be compared to a memory
of its own size and meaning; and where a mask leaves a row nothing to attend to, they spread the
weights over the padding. Both are added here.

D. Bahdanau, K. Cho and Y. Bengio, "Neural machine translation by jointly learning to align and
translate", ICLR 2015; M.-T. Luong, H. Pham and C. Manning, "Effective approaches to
attention-based neural machine translation", EMNLP 2015; the scale: A. Vaswani et al., "Attention
is all you need", NeurIPS 2017.
"""

import keras
from keras import ops


class _Attention(keras.layers.Layer):
    """Queries and keys to attend with, and care for what the mask leaves out."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True  # the context has the mask of the query

    def compare(self, query, memory):
        """Queries and keys of equal size, (batch, steps, n) and (batch, timesteps, n)."""
        raise NotImplementedError

    def call(self, query, memory, memory_mask=None):
        """Attend.

        Args:
            query: (batch, steps, query features).
            memory: (batch, timesteps, memory features).
            memory_mask: (batch, timesteps), False where the memory is padding; by default the
                mask that comes with the memory, if any.

        Returns:
            `(context, weights)`: (batch, steps, memory features) and (batch, steps, timesteps).
            Weights are exactly zero where the mask is False. In a row without anything to attend
            to, all weights and the context are zero.
        """
        query, keys = self.compare(query, memory)
        if memory_mask is None:
            return self.attend(
                [query, memory, keys], mask=[None, None], return_attention_scores=True
            )
        mask = ops.cast(memory_mask, "bool")
        # The softmax of nothing is not a number, and so is its gradient: let such a row attend
        # to its padding, and put zeros in the place of what comes of it.
        anything = ops.any(mask, axis=1, keepdims=True)
        context, weights = self.attend(
            [query, memory, keys],
            mask=[None, ops.logical_or(mask, ops.logical_not(anything))],
            return_attention_scores=True,
        )
        context = ops.where(anything[:, :, None], context, ops.zeros_like(context))
        weights = ops.where(mask[:, None, :], weights, ops.zeros_like(weights))
        return context, weights


@keras.saving.register_keras_serializable(package=__package__)
class BahdanauAttention(_Attention):
    """Additive attention: e = v · tanh(W query + U memory).

    Weights: W (query features, units), U (memory features, units), v (units,).

    Args:
        units: size of the space in which query and memory are added.

    Raises:
        ValueError: if `units` isn't positive.
    """

    def __init__(self, units, **kwargs):
        if units <= 0:
            raise ValueError(f"`units` must be a positive integer, not {units}.")
        super().__init__(**kwargs)
        self.units = units
        self.of_query = keras.layers.Dense(units, use_bias=False, dtype=self.dtype_policy)
        self.of_memory = keras.layers.Dense(units, use_bias=False, dtype=self.dtype_policy)
        self.attend = keras.layers.AdditiveAttention(dtype=self.dtype_policy)  # v is its `scale`

    def build(self, query_shape, memory_shape):
        self.of_query.build(query_shape)
        self.of_memory.build(memory_shape)
        queries = (*query_shape[:-1], self.units)
        keys = (*memory_shape[:-1], self.units)
        self.attend.build([queries, memory_shape, keys])

    def compare(self, query, memory):
        return self.of_query(query), self.of_memory(memory)

    def get_config(self):
        return {**super().get_config(), "units": self.units}


@keras.saving.register_keras_serializable(package=__package__)
class LuongAttention(_Attention):
    """Multiplicative attention: e = query · W memory, computed as (query W) · memory.

    Weights: W (query features, memory features), or none with `score="dot"`.

    Args:
        score: "general" for query · W memory, "dot" for query · memory, "scaled" for "general"
            divided by the square root of the memory's features: large states then don't make
            weights of 0 and 1, through which no gradient flows, before anything is learned.

    Raises:
        ValueError: if `score` is none of them, or if it is "dot" and query and memory differ in
            size.
    """

    def __init__(self, score="general", **kwargs):
        if score not in ("general", "dot", "scaled"):
            raise ValueError(f'`score` must be "general", "dot" or "scaled", not {score!r}.')
        super().__init__(**kwargs)
        self.score = score
        self.of_query = None
        self.attend = keras.layers.Attention(dtype=self.dtype_policy)

    def build(self, query_shape, memory_shape):
        if self.score != "dot":
            self.of_query = keras.layers.Dense(
                memory_shape[-1], use_bias=False, dtype=self.dtype_policy
            )
            self.of_query.build(query_shape)
        elif query_shape[-1] != memory_shape[-1]:
            raise ValueError(
                f'`score="dot"` needs a query and a memory of one size, not {query_shape[-1]} '
                f'and {memory_shape[-1]}; `score="general"` compares different sizes.'
            )
        self.attend.build([(*query_shape[:-1], memory_shape[-1]), memory_shape])

    def compare(self, query, memory):
        if self.score == "scaled":
            query = query * memory.shape[-1] ** -0.5
        return (query if self.of_query is None else self.of_query(query)), memory

    def get_config(self):
        return {**super().get_config(), "score": self.score}
