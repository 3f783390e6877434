"""Writing a sequence token by token: greedy, sampling and beam search over any step function.

>>> from shared.decoding import beam_search, compile_step
>>> step = compile_step(lambda tokens, states: model.step(tokens, states), model)
>>> found = beam_search(step, [[START]] * 64, states, maximum_length=50, stop_token=STOP)
>>> found[0][0].tokens                                 # the best one for the first sequence

A step function takes the token that each row wrote last, `(rows,)`, and the rows' states, any
nested structure of arrays whose first axis is the rows; it returns the logits of the next token,
`(rows, vocabulary)`, and the new states. So a step costs the same at any length: the state holds
what was written before, and no prefix is ever read twice.

The step runs on the device. What it leads to is decided by NumPy on the host, in whole arrays:
that is the same code for every backend, it needs no loop that a backend would have to compile for
each length, and it sees a stop token as soon as it is there.
"""

from .beam import beam_search
from .hypothesis import Hypothesis
from .sampling import greedy, sample, stream
from .states import compile_step, repeat

__all__ = ["Hypothesis", "beam_search", "compile_step", "greedy", "repeat", "sample", "stream"]
