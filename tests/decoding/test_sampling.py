"""Greedy decoding and sampling: what may be drawn, how often, and that the seed alone decides."""

import math

import numpy as np
import pytest

from shared.decoding import greedy, sample, stream
from shared.decoding.logits import draw, largest, log_normalizer
from tests.decoding.tiny import STOP, TinyModel, beginning, fixed_step, some_prompts, with_stop


def test_greedy_goes_on_with_the_likeliest_token():
    finished = 0
    for seed in range(30):
        model, prompts = TinyModel(seed, vocabulary=6), some_prompts(seed, vocabulary=6)
        minimum = seed % 3
        found = greedy(
            model.step, prompts, model.states(), 8, stop_token=STOP, minimum_length=minimum
        )
        for sequence, (prompt, hypothesis) in enumerate(zip(prompts, found, strict=True)):
            written, total = [], 0.0
            while len(written) < 8 and STOP not in written:
                after = model.log_probabilities(sequence, [*prompt, *written])
                allowed = range(1 if len(written) < minimum else 0, 6)
                written.append(max(allowed, key=after.__getitem__))
                total += after[written[-1]]
            assert with_stop(hypothesis) == written
            assert hypothesis.log_probability == pytest.approx(total, rel=1e-12)
            finished += hypothesis.finished
    assert 0 < finished < 90


def test_one_call_of_the_step_for_each_token_of_prompt_and_text():
    model = TinyModel(0)
    greedy(model.step, some_prompts(0), model.states(), 50)
    assert model.calls == 4 - 1 + 50


@pytest.mark.parametrize(
    "options, expected",
    [
        ({}, [0.5, 0.25, 0.15, 0.1]),
        ({"temperature": 0.5}, [0.7246, 0.1812, 0.0652, 0.0290]),  # squares, over their sum 0.345
        ({"temperature": 1e9}, [0.25, 0.25, 0.25, 0.25]),
        ({"temperature": 0}, [1, 0, 0, 0]),
        ({"temperature": 1e-300}, [1, 0, 0, 0]),
        ({"top_k": 1}, [1, 0, 0, 0]),
        ({"top_k": 3}, [0.5556, 0.2778, 0.1667, 0]),
        ({"top_k": 99}, [0.5, 0.25, 0.15, 0.1]),
        ({"top_p": 1.0}, [0.5, 0.25, 0.15, 0.1]),
        ({"top_p": 0.7}, [0.6667, 0.3333, 0, 0]),
        ({"top_p": 0.8}, [0.5556, 0.2778, 0.1667, 0]),
        ({"top_p": 1e-9}, [1, 0, 0, 0]),
        # Of the first three 0.5 is a share of 0.556, so the nucleus of 0.55 is that one alone.
        ({"top_k": 3, "top_p": 0.55}, [1, 0, 0, 0]),
        ({"temperature": 0.5, "top_p": 0.72}, [1, 0, 0, 0]),
    ],
)
def test_how_often_each_token_is_drawn(options, expected):
    draws = 20_000
    order = [2, 0, 3, 1]  # so that the likeliest token isn't the first
    probabilities = np.empty(4)
    probabilities[order] = [0.5, 0.25, 0.15, 0.1]
    logits = np.log(np.tile(probabilities, (draws, 1)))
    drawn = draw(logits, np.random.default_rng(1).random(draws), **options)
    share = np.bincount(drawn, minlength=4)[order] / draws
    expected = np.array(expected)
    assert (share[expected == 0] == 0).all()
    deviation = np.sqrt(expected * (1 - expected) / draws)
    assert (abs(share - expected) <= 4 * deviation + 1e-4).all()


def test_sample_draws_from_the_model():
    """Two tokens long: the shares of all pairs are the products of the probabilities."""
    rows = 10_000
    step = fixed_step([0.6, 0.3, 0.1], [0.2, 0.0, 0.8])
    found = sample(step, [[1]] * rows, beginning(rows), 2, seed=3)
    pairs = np.array([each.tokens for each in found])
    share = np.bincount(3 * pairs[:, 0] + pairs[:, 1], minlength=9) / rows
    np.testing.assert_allclose(share, np.outer([0.6, 0.3, 0.1], [0.2, 0, 0.8]).ravel(), atol=0.017)
    for each in found[:20]:
        by_hand = [0.6, 0.3, 0.1][each.tokens[0]] * [0.2, 0, 0.8][each.tokens[1]]
        assert each.log_probability == pytest.approx(math.log(by_hand))


@pytest.mark.parametrize("options", [{}, {"top_k": 3}, {"top_p": 0.9}, {"temperature": 2.0}])
def test_nothing_impossible_is_drawn_even_at_the_edges(options):
    logits = np.full((3, 6), -np.inf)
    logits[:, [1, 4]] = [0.0, -40.0]
    edges = np.array([0.0, 0.5, np.nextafter(1.0, 0.0)])
    assert set(draw(logits, edges, **options)) <= {1, 4}


def test_the_seed_alone_decides():
    model, prompts = TinyModel(5, batch=8), some_prompts(5, batch=8)

    def texts(seed):
        found = sample(model.step, prompts, model.states(), 30, seed=seed)
        return [each.tokens.tolist() for each in found]

    assert texts(1) == texts(1)
    assert texts(1) != texts(2)
    assert texts(None) != texts(None)
    same_prompt = sample(
        model.step, [[1]] * 8, model.states([0] * 8), 30, seed=1
    )  # and yet each row goes its own way
    assert len({tuple(each.tokens) for each in same_prompt}) == 8


@pytest.mark.parametrize("options", [{}, {"top_k": 2}, {"top_p": 0.8}])
def test_a_sequence_does_not_depend_on_the_others(options):
    model, prompts = TinyModel(6, batch=8), some_prompts(6, batch=8)
    options = {"stop_token": STOP, "temperature": 1.2, **options}
    together = sample(model.step, prompts, model.states(), 20, seed=9, **options)
    for row in range(8):
        rows = slice(row, row + 1)
        (alone,) = sample(
            model.step, prompts[rows], model.states(rows), 20, seed=[[9, row]], **options
        )
        np.testing.assert_array_equal(alone.tokens, together[row].tokens)
        assert alone[1:] == together[row][1:]


def test_a_broad_nucleus_beside_a_narrow_one():
    """How many tokens are sorted depends on the batch; what is drawn does not, ties included."""
    random = np.random.default_rng(0)
    narrow, broad = np.zeros(3000), np.zeros(3000)
    narrow[[5, 70]] = 20.0
    broad[:1500] = 1.0
    rough = np.round(random.normal(size=3000) * 8)
    logits, uniform = np.stack([narrow, broad, rough] * 50), random.random(150)
    together = draw(logits, uniform, top_p=0.9)
    one_by_one = [draw(logits[i : i + 1], uniform[i : i + 1], top_p=0.9).item() for i in range(150)]
    assert together.tolist() == one_by_one
    assert set(together[::3]) == {5, 70}
    assert len(set(together[1::3])) > 40
    # 1500 tokens of e and 1500 of 1 make 5577; 0.9 of them are the first 1500 and 942 more.
    assert together[1::3].max() < 2500


def test_a_stream_gives_what_sample_gives_as_it_is_drawn():
    model, prompts = TinyModel(7, batch=4), some_prompts(7, batch=4)
    options = {"seed": 4, "stop_token": STOP, "temperature": 1.5, "minimum_length": 2}
    complete = sample(model.step, prompts, model.states(), 15, **options)
    model.calls = 0
    columns = []
    for tokens in stream(model.step, prompts, model.states(), 15, **options):
        columns.append(tokens)
        assert model.calls == 3 + len(columns), "a token comes before the next one is computed"
    for row, expected in zip(np.stack(columns, axis=1), complete, strict=True):
        np.testing.assert_array_equal(row[row >= 0], expected.tokens)
        assert (row[len(expected.tokens) :] == -1).all()
    assert len(columns) == max(len(each.tokens) for each in complete)


def test_minimum_and_maximum_length():
    stops = fixed_step([0.98, 0.01, 0.01])
    for minimum in (0, 1, 5):
        found = sample(
            stops, [[1]] * 50, beginning(50), 6, seed=1, stop_token=STOP, minimum_length=minimum
        )
        lengths = [len(each.tokens) for each in found]
        assert min(lengths) == minimum and max(lengths) <= 6
        assert all(STOP not in each.tokens for each in found)
    never_ends = sample(fixed_step([0.0, 1.0]), [[1]], beginning(1), 6, seed=1, stop_token=STOP)
    assert len(never_ends[0].tokens) == 6 and not never_ends[0].finished


def test_the_largest_of_each_row_with_ties_in_order():
    random = np.random.default_rng(2)
    for columns in (1, 5, 200):
        values = random.integers(-3, 3, size=(40, columns)).astype("float32")
        values[values == -3] = -np.inf
        for count in {1, min(4, columns), columns}:
            expected = np.argsort(-values, axis=1, kind="stable")[:, :count]
            np.testing.assert_array_equal(largest(values, count), expected)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_log_probabilities_at_extreme_logits(dtype):
    logits = np.array([[1e4, 1e4, -np.inf], [-1e4, -1e4, -1e4], [0, -1e30, -np.inf]], dtype)
    normalizer = log_normalizer(logits, np.ones(3, bool))
    assert normalizer.dtype == "float64"
    np.testing.assert_allclose(
        logits[:, 0] - normalizer, [-math.log(2), -math.log(3), 0], rtol=1e-6
    )


def test_half_precision_logits_are_summed_in_more():
    def step(tokens, states):
        return np.zeros((len(tokens), 5000), "float16"), states

    (found,) = greedy(step, [[1]], (), 2)
    assert found.log_probability == pytest.approx(-2 * math.log(5000), rel=1e-6)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"temperature": -1}, "temperature must be a number of at least 0, not -1"),
        ({"temperature": math.nan}, "temperature must be a number of at least 0, not nan"),
        ({"temperature": math.inf}, "temperature must be a number of at least 0, not inf"),
        ({"temperature": "hot"}, "temperature must be a number of at least 0, not 'hot'"),
        ({"top_k": 0}, "top_k must be an integer of at least 1, not 0"),
        ({"top_p": 0}, "top_p must be above 0 and at most 1, not 0"),
        ({"top_p": 1.5}, "top_p must be above 0 and at most 1, not 1.5"),
        ({"maximum_length": 0}, "maximum_length must be an integer of at least 1, not 0"),
        ({"seed": -3}, "seed must be an integer of at least 0, not -3"),
        ({"seed": "one"}, "seed must be an integer of at least 0, not 'one'"),
        ({"seed": [1, 2]}, "There are 2 seeds for 1 prompts"),
        ({"prompts": [[]]}, "Prompt 0 is empty"),
        ({"stop_token": 7}, "stop_token 7 is outside the 3 logits"),
    ],
)
@pytest.mark.parametrize("decode", [sample, stream])
def test_bad_values_are_one_clear_line(decode, options, message):
    arguments = {
        "step": fixed_step([0.5, 0.3, 0.2]),
        "prompts": [[1]],
        "states": beginning(1),
        "maximum_length": 5,
        **options,
    }
    with pytest.raises(ValueError, match=message) as raised:
        result = decode(**arguments)
        if "stop_token" in options:  # known only when the first logits are there
            list(result)
    assert "\n" not in str(raised.value)


def test_logits_that_cannot_be_are_an_error():
    nan = fixed_step([0.5, 0.5], [math.nan, 0.5])
    with pytest.raises(ValueError, match="NaN among the logits of row 0"):
        sample(nan, [[1]], beginning(1), 5, seed=1)
    with pytest.raises(ValueError, match="-inf as the largest of the logits of row 0"):
        sample(fixed_step([0.0, 0.0]), [[1]], beginning(1), 5, seed=1)
    with pytest.raises(ValueError, match="After 0 tokens only the stop token 0 is possible"):
        greedy(fixed_step([1.0, 0.0]), [[1]], beginning(1), 5, stop_token=0, minimum_length=1)
