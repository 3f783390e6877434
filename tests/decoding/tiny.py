"""Random language models small enough to look at everything they can write, and slow references.

The references know no states, batches or arrays: they read every prefix from its beginning.
"""

import itertools
import math

import numpy as np

STOP = 0


class TinyModel:
    """A recurrent network of three units with random weights, in float64.

    Attributes:
        initial: (batch, units), a different first state for each sequence.
        calls: how often `step` was called.
    """

    def __init__(self, seed, vocabulary=4, batch=3, impossible=0.0):
        random = np.random.default_rng(seed)
        units = 3
        self.vocabulary = vocabulary
        self.initial = random.normal(size=(batch, units))
        self.embedding = random.normal(size=(vocabulary, units))
        self.recurrent = random.normal(size=(units, units))
        self.output = 2 * random.normal(size=(units, vocabulary))
        # Some tokens never follow some others; the last token may follow any.
        never = random.random((vocabulary, vocabulary)) < impossible
        never[:, -1] = False
        self.mask = np.where(never, -np.inf, 0.0)
        self.calls = 0

    def step(self, tokens, states):
        """The step function; its states are nested, to see that all of them are moved."""
        self.calls += 1
        h, history = states["h"], states["read"][0]
        assert tokens.shape == (len(h),) and tokens.dtype == "int32"
        h = np.tanh(self.embedding[tokens] + np.einsum("ru,uv->rv", h, self.recurrent))
        read = history + tokens
        logits = np.einsum("ru,uv->rv", h, self.output) + self.mask[tokens]
        return logits, {"h": h, "read": (read,)}

    def states(self, rows=slice(None)):
        return {"h": self.initial[rows], "read": (np.zeros(len(self.initial[rows]), "int64"),)}

    def log_probabilities(self, sequence, prefix):
        """List with the log-probability of each token after a prefix of the sequence's own."""
        h = [float(value) for value in self.initial[sequence]]
        for token in prefix:
            h = [
                math.tanh(
                    self.embedding[token, v]
                    + sum(h[u] * self.recurrent[u, v] for u in range(len(h)))
                )
                for v in range(len(h))
            ]
        logits = [
            sum(h[u] * self.output[u, token] for u in range(len(h))) + self.mask[prefix[-1], token]
            for token in range(self.vocabulary)
        ]
        normalizer = math.log(math.fsum(math.exp(logit) for logit in logits))
        return [float(logit) - normalizer for logit in logits]

    def log_probability(self, sequence, prompt, written):
        """Of the tokens written after the prompt, one after the other."""
        prefix, total = list(prompt), 0.0
        for token in written:
            total += self.log_probabilities(sequence, prefix)[token]
            prefix.append(token)
        return total


def normalized(total, length, normalization, alpha):
    """The score, by the formulas of the literature."""
    if normalization == "mean":
        return total / length
    if normalization == "gnmt":
        return total / ((5 + length) ** alpha / (5 + 1) ** alpha)
    return total


def everything(model, sequence, prompt, maximum, minimum, normalization, alpha=0.6, stop=STOP):
    """All that can be written after the prompt: (score, tokens with the stop token), best first."""
    found = []

    def extend(written, total):
        after = model.log_probabilities(sequence, [*prompt, *written])
        for token, log_p in enumerate(after):
            if log_p == -math.inf or (token == stop and len(written) < minimum):
                continue
            longer = [*written, token]
            if token == stop or len(longer) == maximum:
                score = normalized(total + log_p, len(longer), normalization, alpha)
                found.append((score, longer))
            else:
                extend(longer, total + log_p)

    extend([], 0.0)
    return sorted(found, reverse=True)


def plain_beam_search(
    model, sequence, prompt, maximum, minimum, width, normalization, alpha=0.6, stop=STOP
):
    """Beam search over lists, that never ends early: (score, tokens), best first."""
    beam, complete = [(0.0, [])], []
    for _ in range(maximum):
        candidates = [
            (total + log_p, [*written, token])
            for total, written in beam
            for token, log_p in enumerate(model.log_probabilities(sequence, [*prompt, *written]))
            if log_p > -math.inf and not (token == stop and len(written) < minimum)
        ]
        beam = []
        for total, written in sorted(candidates, reverse=True)[: width - len(complete)]:
            if written[-1] == stop or len(written) == maximum:
                complete.append((normalized(total, len(written), normalization, alpha), written))
            else:
                beam.append((total, written))
    return sorted(complete, reverse=True)


def with_stop(hypothesis, stop=STOP):
    """The tokens of a hypothesis as the references give them."""
    return [*hypothesis.tokens.tolist(), *[stop] * hypothesis.finished]


def some_prompts(seed, batch=3, vocabulary=4):
    """Prompts of one to four tokens, none of them the stop token."""
    random = np.random.default_rng(seed)
    lengths = itertools.islice(itertools.cycle([3, 1, 4]), batch)
    return [random.integers(1, vocabulary, size=length).tolist() for length in lengths]


def fixed_step(*distributions):
    """A step function that gives these probabilities step after step, the last one for ever.

    The states are the number of the step, (rows,).
    """
    with np.errstate(divide="ignore"):
        logits = np.log(np.array(distributions))

    def step(tokens, states):
        return logits[np.minimum(states, len(logits) - 1)], states + 1

    return step


def beginning(rows):
    """The states that `fixed_step` begins with."""
    return np.zeros(rows, int)
