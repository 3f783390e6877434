"""Recurrent layers, written as their equations, and attention.

>>> from shared.layers import LSTM
>>> LSTM(64, return_sequences=True)(sequences).shape
(batch, timesteps, 64)

SimpleRNN, LSTM and GRU have the arguments, weights and numbers of Keras's layers of those names;
MinGRU, which Keras lacks, is made like them. Importing this package registers the layers, so that
saved models find them again. It imports Keras and nothing else, and can be copied as it is into
another project, under any name.
"""

from .attention import BahdanauAttention, LuongAttention
from .attention_decoder import AttentionDecoder
from .bidirectional import Bidirectional
from .carried_state import CarriedState
from .chrono import ChronoBias, chrono
from .gru import GRU, GRUCell
from .lstm import LSTM, LSTMCell
from .mingru import MinGRU, MinGRUCell
from .pooling import MaskedMaxPooling1D
from .simple_rnn import SimpleRNN, SimpleRNNCell

__all__ = [
    "GRU",
    "LSTM",
    "AttentionDecoder",
    "BahdanauAttention",
    "Bidirectional",
    "CarriedState",
    "ChronoBias",
    "GRUCell",
    "LSTMCell",
    "LuongAttention",
    "MaskedMaxPooling1D",
    "MinGRU",
    "MinGRUCell",
    "SimpleRNN",
    "SimpleRNNCell",
    "chrono",
    "recurrent",
]

_BY_NAME = {"rnn": SimpleRNN, "lstm": LSTM, "gru": GRU, "mingru": MinGRU}


def recurrent(cell, units, **arguments):
    """The recurrent layer of that name.

    Args:
        cell: "rnn", "lstm", "gru" or "mingru".
        units: size of the state.
        arguments: those of the layer.

    Raises:
        ValueError: if there is no layer of that name.
    """
    if cell not in _BY_NAME:
        raise ValueError(f"There is no cell {cell!r}; choose from {', '.join(_BY_NAME)}.")
    return _BY_NAME[cell](units, **arguments)
