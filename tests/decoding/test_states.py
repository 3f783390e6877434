"""The same decoding over a network of our layers, on whichever backend Keras runs."""

import keras
import numpy as np
import pytest
from keras import ops

from shared.decoding import beam_search, compile_step, greedy, repeat, sample
from shared.layers import LSTM

VOCABULARY, UNITS = 11, 16


class Network:
    """Embedding, LSTM, Dense: as a step function of ours, and as a stock model of sequences."""

    def __init__(self):
        keras.utils.set_random_seed(4)
        self.embedding = keras.layers.Embedding(
            VOCABULARY, UNITS, embeddings_initializer=keras.initializers.RandomNormal(stddev=1.0)
        )
        self.lstm = LSTM(UNITS)
        self.dense = keras.layers.Dense(
            VOCABULARY, kernel_initializer=keras.initializers.RandomNormal(stddev=1.5)
        )
        tokens = keras.Input((None,), dtype="int32")
        embedded = self.embedding(tokens)
        stock = keras.layers.LSTM(UNITS, return_sequences=True)
        self.model = keras.Model(tokens, self.dense(stock(embedded)))
        self.lstm.build(embedded.shape)
        self.lstm.set_weights(stock.get_weights())
        self.variables = [*self.model.variables, *self.lstm.variables]

    def step(self, tokens, states):
        hidden, states = self.lstm.cell(self.embedding(tokens), states)
        return self.dense(hidden), states

    def states(self, rows):
        return [ops.zeros((rows, UNITS)), ops.zeros((rows, UNITS))]

    def log_probabilities(self, sequence):
        """(steps, vocabulary) of a whole sequence, read at once."""
        logits = self.model(np.array([sequence], "int32"))
        return ops.convert_to_numpy(ops.log_softmax(logits))[0].astype("float64")


@pytest.fixture(scope="module")
def network():
    return Network()


@pytest.fixture(scope="module")
def step(network):
    return compile_step(network.step, network)


PROMPTS = [[1, 5, 2, 7], [3], [4, 4]]


def test_greedy_with_states_is_greedy_over_whole_prefixes(network, step):
    found = greedy(step, PROMPTS, network.states(3), 12, stop_token=0)
    for prompt, hypothesis in zip(PROMPTS, found, strict=True):
        sequence = [*prompt, *hypothesis.tokens.tolist()]
        log_p = network.log_probabilities(sequence)[len(prompt) - 1 :]
        written = [*sequence[len(prompt) :], *[0] * hypothesis.finished]
        assert log_p[: len(written)].argmax(axis=1).tolist() == written
        total = log_p[np.arange(len(written)), written].sum()
        assert hypothesis.log_probability == pytest.approx(total, abs=1e-4)


def test_beam_search_moves_the_states_with_the_hypotheses(network, step):
    """Were a state left behind, the scores would be those of another sequence."""
    found = beam_search(step, PROMPTS, network.states(3), 12, 4, stop_token=0, n_best=4)
    for prompt, hypotheses in zip(PROMPTS, found, strict=True):
        assert len(hypotheses) == 4
        for each in hypotheses:
            written = [*each.tokens.tolist(), *[0] * each.finished]
            log_p = network.log_probabilities([*prompt, *written])[len(prompt) - 1 : -1]
            total = log_p[np.arange(len(written)), written].sum()
            assert each.log_probability == pytest.approx(total, abs=1e-4)


def test_one_by_one_and_in_a_batch(network, step):
    together = sample(step, PROMPTS, network.states(3), 12, seed=2, top_p=0.9)
    beams = beam_search(step, PROMPTS, network.states(3), 12, 4)
    for row, prompt in enumerate(PROMPTS):
        (alone,) = sample(step, [prompt], network.states(1), 12, seed=[[2, row]], top_p=0.9)
        np.testing.assert_array_equal(alone.tokens, together[row].tokens)
        ((alone,),) = beam_search(step, [prompt], network.states(1), 12, 4)
        np.testing.assert_array_equal(alone.tokens, beams[row][0].tokens)


def test_a_compiled_step_sees_later_weights():
    network = Network()
    step = compile_step(network.step, network)
    before = greedy(step, [[1]], network.states(1), 12)[0]
    network.dense.set_weights([-weight for weight in network.dense.get_weights()])
    after = greedy(step, [[1]], network.states(1), 12)[0]
    expected = greedy(network.step, [[1]], network.states(1), 12)[0]
    np.testing.assert_array_equal(after.tokens, expected.tokens)
    assert (after.tokens != before.tokens).any()


def test_what_never_changes_stays_beside_its_rows():
    """A memory per sequence, repeated for its beam and given to the compiled step as it is."""
    memory = np.random.default_rng(3).normal(size=(3, VOCABULARY)).astype("float32")
    quick = compile_step(lambda tokens, states, memory: (memory, states))
    states = np.zeros((3, 1), "float32")
    repeated = repeat(memory, 5)
    found = beam_search(lambda *given: quick(*given, repeated), [[1]] * 3, states, 4, 5)
    for hypotheses, row in zip(found, memory, strict=True):
        assert hypotheses[0].tokens.tolist() == [row.argmax()] * 4


def test_repeat_lays_copies_next_to_each_other():
    states = {"a": np.array([1, 2]), "b": [ops.convert_to_tensor([[1.0], [2.0]])]}
    repeated = repeat(states, 3)
    assert repeated["a"].tolist() == [1, 1, 1, 2, 2, 2]
    assert ops.convert_to_numpy(repeated["b"][0]).ravel().tolist() == [1, 1, 1, 2, 2, 2]


def test_a_step_need_not_be_compiled(network, step):
    arguments = (PROMPTS, network.states(3), 5, 3)
    for (eager,), (compiled,) in zip(
        beam_search(network.step, *arguments), beam_search(step, *arguments), strict=True
    ):
        np.testing.assert_array_equal(eager.tokens, compiled.tokens)
        assert eager.score == pytest.approx(compiled.score, rel=1e-5)


def test_a_prompt_read_beforehand_goes_on_the_same(network, step):
    """A recipe may run a long prompt through the layers, and go on from their states."""
    prompt = [1, 5, 2, 7, 3, 3]
    layer = keras.layers.LSTM(UNITS, return_state=True)
    layer.build((None, None, UNITS))
    layer.set_weights(network.lstm.get_weights())
    _, *states = layer(network.embedding(np.array([prompt[:-1]], "int32")))
    going_on = greedy(step, [prompt[-1:]], states, 10)[0]
    from_start = greedy(step, [prompt], network.states(1), 10)[0]
    np.testing.assert_array_equal(going_on.tokens, from_start.tokens)
