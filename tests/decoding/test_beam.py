"""Beam search against looking at everything, and against a search over plain lists."""

import math

import numpy as np
import pytest

from shared.decoding import beam_search, greedy
from tests.decoding.tiny import (
    STOP,
    TinyModel,
    beginning,
    everything,
    fixed_step,
    plain_beam_search,
    some_prompts,
    with_stop,
)

NORMALIZATIONS = ("none", "mean", "gnmt")


@pytest.mark.parametrize("impossible", [0.0, 0.3])
@pytest.mark.parametrize("minimum", [0, 2, 4])
@pytest.mark.parametrize("normalization", NORMALIZATIONS)
def test_a_wide_beam_finds_what_looking_at_everything_finds(normalization, minimum, impossible):
    for seed in range(5):
        model, prompts = TinyModel(seed, impossible=impossible), some_prompts(seed)
        found = beam_search(
            model.step,
            prompts,
            model.states(),
            maximum_length=4,
            beam_width=4**4,
            length_normalization=normalization,
            stop_token=STOP,
            minimum_length=minimum,
            n_best=10,
        )
        for sequence, (prompt, hypotheses) in enumerate(zip(prompts, found, strict=True)):
            best = everything(model, sequence, prompt, 4, minimum, normalization)[:10]
            assert [with_stop(each) for each in hypotheses] == [tokens for _, tokens in best]
            np.testing.assert_allclose(
                [each.score for each in hypotheses], [score for score, _ in best], rtol=1e-12
            )


@pytest.mark.parametrize("normalization", NORMALIZATIONS)
@pytest.mark.parametrize("width", [1, 2, 3, 5])
def test_a_narrow_beam_finds_what_a_search_over_lists_finds(width, normalization):
    """The lists are searched to the end: so the early end of ours loses nothing either."""
    early = 0
    for seed in range(12):
        model = TinyModel(seed, vocabulary=6, impossible=0.2)
        prompts = some_prompts(seed, vocabulary=6)
        minimum, n_best = seed % 4, min(width, 1 + seed % 3)
        found = beam_search(
            model.step,
            prompts,
            model.states(),
            maximum_length=8,
            beam_width=width,
            length_normalization=normalization,
            alpha=1.3,
            stop_token=STOP,
            minimum_length=minimum,
            n_best=n_best,
        )
        early += model.calls < 3 + 8
        for sequence, (prompt, hypotheses) in enumerate(zip(prompts, found, strict=True)):
            best = plain_beam_search(
                model, sequence, prompt, 8, minimum, width, normalization, alpha=1.3
            )[:n_best]
            assert [with_stop(each) for each in hypotheses] == [tokens for _, tokens in best]
            np.testing.assert_allclose(
                [each.score for each in hypotheses], [score for score, _ in best], rtol=1e-12
            )
    assert early > 0, "no search ended early: the test would not see one that ends too early"


@pytest.mark.parametrize("normalization", NORMALIZATIONS)
def test_a_beam_of_one_is_greedy(normalization):
    for seed in range(30):
        model = TinyModel(seed, vocabulary=6, impossible=0.2)
        arguments = (model.step, some_prompts(seed, vocabulary=6), model.states(), 9)
        limits = {"stop_token": STOP, "minimum_length": seed % 3}
        one = beam_search(*arguments, 1, length_normalization=normalization, **limits)
        for (found,), expected in zip(one, greedy(*arguments, **limits), strict=True):
            np.testing.assert_array_equal(found.tokens, expected.tokens)
            assert found.finished == expected.finished
            assert math.isclose(found.log_probability, expected.log_probability, rel_tol=1e-12)


def test_a_batch_gives_the_same_as_one_by_one():
    for seed in range(10):
        model, prompts = TinyModel(seed, batch=6), some_prompts(seed, batch=6)
        options = {"beam_width": 3, "stop_token": STOP, "n_best": 3}
        together = beam_search(model.step, prompts, model.states(), 7, **options)
        for row, prompt in enumerate(prompts):
            rows = slice(row, row + 1)
            (alone,) = beam_search(model.step, [prompt], model.states(rows), 7, **options)
            for a, b in zip(together[row], alone, strict=True):
                np.testing.assert_array_equal(a.tokens, b.tokens)
                assert a[1:] == b[1:]


def test_scores_are_those_of_the_sequence_returned():
    for seed in range(20):
        model, prompts = TinyModel(seed), some_prompts(seed)
        found = beam_search(model.step, prompts, model.states(), 8, 4, stop_token=STOP, n_best=4)
        for sequence, hypotheses in enumerate(found):
            scores = [each.score for each in hypotheses]
            assert scores == sorted(scores, reverse=True)
            for each in hypotheses:
                written = with_stop(each)
                total = model.log_probability(sequence, prompts[sequence], written)
                assert each.log_probability == pytest.approx(total, rel=1e-12)
                penalty = ((5 + len(written)) / 6) ** 0.6
                assert each.score == pytest.approx(total / penalty, rel=1e-12)


def test_what_the_normalizations_prefer():
    """Stop now with 0.4, or write three sure tokens after one of 0.3: by hand."""
    step = fixed_step([0.4, 0.3, 0.3], [0.0, 0.0, 1.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0])

    def best(normalization, alpha=0.6):
        ((found,),) = beam_search(
            step,
            [[1]],
            beginning(1),
            10,
            3,
            length_normalization=normalization,
            alpha=alpha,
            stop_token=STOP,
        )
        return found

    short, long = best("none"), best("mean")
    assert short.tokens.tolist() == [] and short.finished
    assert short.score == pytest.approx(math.log(0.4))
    assert long.tokens.tolist() == [1, 2, 2] and long.finished
    assert long.score == pytest.approx(math.log(0.3) / 4)
    assert long.log_probability == pytest.approx(math.log(0.3))
    # log 0.4 = -0.916; log 0.3 = -1.204, over (9 / 6) ** alpha: 0.6 gives 1.275, 0.7 gives 1.328.
    assert best("gnmt", 0.6).score == pytest.approx(-0.91629, abs=1e-5)
    assert best("gnmt", 0.7).score == pytest.approx(-0.90646, abs=1e-5)


def test_the_search_ends_when_nothing_better_can_come():
    calls = []

    def counted(step):
        def count(tokens, states):
            calls.append(len(tokens))
            return step(tokens, states)

        return count

    # Stopping has probability 0.9: under "none" no unfinished hypothesis, at 0.1 or less, can win.
    sure = fixed_step([0.9, 0.05, 0.05])
    beam_search(
        counted(sure), [[1]], beginning(1), 500, 3, length_normalization="none", stop_token=STOP
    )
    assert calls == [3]
    # Under "mean" one of 0.05 could still come to nearly 0 by 500 sure tokens, but not by two.
    calls.clear()
    beam_search(
        counted(sure), [[1]], beginning(1), 500, 3, length_normalization="mean", stop_token=STOP
    )
    assert len(calls) > 1
    calls.clear()
    beam_search(
        counted(sure), [[1]], beginning(1), 2, 3, length_normalization="mean", stop_token=STOP
    )
    assert len(calls) == 1


def test_rows_whose_search_has_ended_may_hold_anything():
    """The first sequence stops at once; from then on its rows are NaN."""
    ends = fixed_step([1.0, 0.0, 0.0])
    goes_on = fixed_step([0.0, 0.6, 0.4])

    def step(tokens, states):
        logits = np.where(states[:, :1] == 0, ends(tokens, states[:, 1])[0], 0.0)
        logits = np.where(states[:, :1] == 1, goes_on(tokens, states[:, 1])[0], logits)
        logits[(states[:, 0] == 0) & (states[:, 1] > 0)] = np.nan
        return logits, states + np.array([0, 1])

    states = np.array([[0, 0], [1, 0]])
    for found in (
        beam_search(step, [[1], [1]], states, 5, 3, stop_token=STOP),
        [[each] for each in greedy(step, [[1], [1]], states, 5, stop_token=STOP)],
    ):
        assert found[0][0].tokens.tolist() == [] and found[0][0].finished
        assert found[1][0].tokens.tolist() == [1] * 5 and not found[1][0].finished
        assert found[1][0].log_probability == pytest.approx(5 * math.log(0.6))


def test_no_hypothesis_comes_twice_and_no_more_than_there_are():
    ((*found,),) = beam_search(
        fixed_step([0.5, 0.3, 0.2]), [[1]], beginning(1), 2, 8, stop_token=STOP, n_best=8
    )
    assert sorted(with_stop(each) for each in found) == sorted(
        [[0]] + [[first, second] for first in (1, 2) for second in (0, 1, 2)]
    )


def test_a_long_search_over_many_words_keeps_its_precision():
    """Logits around 10,000, in single precision: each token has probability 1/1000."""

    def step(tokens, states):
        return np.full((len(tokens), 1000), 10_000, "float32"), states

    ((found,),) = beam_search(step, [[1]], (), 300, 4, length_normalization="mean")
    assert found.log_probability == pytest.approx(-300 * math.log(1000), rel=1e-6)
    assert found.score == pytest.approx(-math.log(1000), rel=1e-6)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"beam_width": 0}, "beam_width must be an integer of at least 1, not 0"),
        ({"beam_width": 2.5}, "beam_width must be an integer of at least 1, not 2.5"),
        ({"maximum_length": 0}, "maximum_length must be an integer of at least 1, not 0"),
        ({"minimum_length": -1}, "minimum_length must be an integer of at least 0, not -1"),
        ({"minimum_length": 9}, "minimum_length 9 is above maximum_length 5"),
        ({"n_best": 0}, "n_best must be an integer of at least 1, not 0"),
        ({"n_best": 4}, "n_best 4 is above beam_width 3"),
        ({"length_normalization": "wu"}, "one of none, mean, gnmt, not 'wu'"),
        ({"alpha": -0.1}, "alpha must be a number from 0 to 10, not -0.1"),
        ({"alpha": math.nan}, "alpha must be a number from 0 to 10, not nan"),
        ({"stop_token": -1}, "stop_token must be an integer of at least 0, not -1"),
        ({"stop_token": 3}, "stop_token 3 is outside the 3 logits"),
        ({"prompts": []}, "There is no prompt"),
        ({"prompts": [[1], []]}, "Prompt 1 is empty"),
        ({"prompts": [1, 2]}, "Prompt 0 must be a sequence of token ids, not 1"),
        ({"prompts": [[0.5], [1]]}, r"Prompt 0 must hold token ids, integers from 0, not \[0.5\]"),
        ({"prompts": [[1], [-1]]}, r"Prompt 1 must hold token ids, integers from 0, not \[-1\]"),
        ({"states": np.zeros(3, int)}, r"Prompts: 2, but a state has the shape \(3,\)"),
    ],
)
def test_bad_values_are_one_clear_line(options, message):
    arguments = {
        "step": fixed_step([0.5, 0.3, 0.2]),
        "prompts": [[1], [1]],
        "states": beginning(2),
        "maximum_length": 5,
        "beam_width": 3,
        **options,
    }
    with pytest.raises(ValueError, match=message) as raised:
        beam_search(**arguments)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "value, message",
    [(np.nan, "NaN among the logits of row 2"), (np.inf, r"\+inf as the largest of the logits")],
)
def test_logits_that_cannot_be_are_an_error(value, message):
    def step(tokens, states):
        logits = np.zeros((len(tokens), 4))
        logits[2, 1] = value
        return logits, states

    with pytest.raises(ValueError, match=message):
        beam_search(step, [[1], [1]], (), 5, 2)


def test_logits_of_a_wrong_shape_are_an_error():
    with pytest.raises(ValueError, match=r"for 4 rows they must be \(4, vocabulary\)"):
        beam_search(lambda tokens, states: (np.zeros((2, 5)), states), [[1], [1]], (), 5, 2)


def test_where_nothing_can_be_written_is_an_error():
    only_stop = fixed_step([1.0, 0.0, 0.0])
    with pytest.raises(ValueError, match="No sequence is possible after prompt 0"):
        beam_search(only_stop, [[1]], beginning(1), 5, 2, stop_token=STOP, minimum_length=1)
