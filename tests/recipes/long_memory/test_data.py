"""Sequences to batches and back: of each of the tasks."""

from types import SimpleNamespace

import numpy as np
import pytest

from recipes.long_memory import data, sample
from shared.errors import UserError


def options(task, **more):
    given = {
        "task": task,
        "dataset": None,
        "data_dir": None,
        "cell": None,
        "gap": (5, 25),
        "timesteps": 12,
        "learning_rate": (0.01, 0.003),
        "permute": False,
        "limit": 40,
        "batch_size": 16,
        "seed": 1,
    }
    return SimpleNamespace(**{**given, **more})


def batches_of(task, epoch=0, **more):
    """The batches of an epoch of the first of the networks, as arrays."""
    chosen = options(task, **more)
    one = data.entrants(chosen)[0]
    loaded = data.load(data.find(chosen), one)
    return loaded, [(inputs.numpy(), answers.numpy()) for inputs, answers in loaded.batches(epoch)]


def test_every_cell_meets_every_gap_with_every_learning_rate():
    found = data.entrants(options("agreement"))
    places = [(one.timesteps, one.cell, one.learning_rate) for one in found]
    assert len(set(places)) == 2 * 4 * 2 and places[0] == (5, "rnn", 0.003)
    assert [gap for gap, _, _ in places] == [5] * 8 + [25] * 8, "growing gaps"
    one_cell = data.entrants(options("agreement", cell="gru"))
    assert {one.cell for one in one_cell} == {"gru"} and len(one_cell) == 4
    adding, _ = data.entrants(options("adding"))
    assert (adding.cell, adding.timesteps, adding.learning_rate) == ("lstm", 12, 0.003)


def test_agreement_in_batches():
    loaded, batches = batches_of("agreement")
    assert loaded.steps == len(batches) == 3
    words, labels = (np.concatenate(parts) for parts in zip(*batches, strict=True))
    assert words.shape == (40, 5 + 5 + 3) and labels.shape == (40,)
    read = {
        " ".join(data.VOCABULARY[word] for word in row): int(y)
        for row, y in zip(words, labels, strict=True)
    }
    for text, number in sample.generate("train", 5, 40):
        assert read[" ".join(data.words_of(text))] == number
    _, again = batches_of("agreement")
    _, other = batches_of("agreement", epoch=1)
    np.testing.assert_array_equal(words, np.concatenate([inputs for inputs, _ in again]))
    assert (words != np.concatenate([inputs for inputs, _ in other])).any()


@pytest.mark.parametrize("task", ["adding", "copying"])
def test_other_sequences_in_every_epoch(task):
    loaded, first = batches_of(task)
    _, again = batches_of(task)
    _, other = batches_of(task, epoch=1)
    assert [len(inputs) for inputs, _ in first] == [16, 16, 8] and loaded.steps == 3
    for (inputs, answers), (same, same_answers) in zip(first, again, strict=True):
        np.testing.assert_array_equal(inputs, same)
        np.testing.assert_array_equal(answers, same_answers)
    drawn = [np.concatenate([inputs for inputs, _ in each]) for each in (first, other)]
    assert not {row.tobytes() for row in drawn[0]} & {row.tobytes() for row in drawn[1]}
    # Continued within the epoch, as fit does it.
    skipped = [inputs.numpy() for inputs, _ in loaded.batches(0).skip(1)]
    np.testing.assert_array_equal(skipped[0], first[1][0])


def test_the_test_split_is_the_same_for_every_seed():
    held = [
        data.hold(data.find(given), "test", 9, data.entrants(given)[0]).column("inputs")
        for given in (options("adding", seed=1), options("adding", seed=2))
    ]
    np.testing.assert_array_equal(*held)


def test_pictures_pixel_by_pixel():
    pictures = np.arange(2 * 3 * 4 * 2, dtype="uint8").reshape(2, 3, 4, 2)
    plain = data.in_sequence(pictures, permute=False).numpy()
    np.testing.assert_allclose(plain, pictures.reshape(2, 12, 2) / 255, rtol=1e-6)
    permuted, again = (data.in_sequence(pictures, permute=True).numpy() for _ in range(2))
    np.testing.assert_array_equal(permuted, again)
    order = np.argsort(permuted[0, :, 0])
    assert (order != np.arange(12)).any()
    np.testing.assert_array_equal(permuted[:, order], plain)


def test_measures():
    """Against numbers written out by hand."""
    sums = np.array([[1.0], [0.5]])
    assert data.measure(np.array([[1.0], [0.0]]), sums, options("adding")) == ("mse", 0.125)
    logits = np.log(np.array([[[0.5, 0.5], [0.9, 0.1]], [[0.2, 0.8], [0.25, 0.75]]]))
    said = np.array([[0, 0], [1, 0]])
    name, value = data.measure(logits + 3, said, options("copying"))
    expected = -np.log([0.5, 0.9, 0.8, 0.25]).mean()
    assert name == "cross_entropy" and value == pytest.approx(expected, rel=1e-12)
    right = np.eye(3)[[0, 2, 1, 1]]
    found = data.measure(right, np.array([0, 2, 1, 0]), options("agreement", cell="gru"))
    assert found == ("accuracy_gru_12", 0.75)
    assert data.measure(right, np.array([0, 2, 1, 0]), options("pixels")) == ("accuracy", 0.75)


def test_baselines():
    """Of always saying 1, and of the eight symbols each with its eighth."""
    assert data.baseline(options("adding")) == pytest.approx(0.16667, abs=1e-4)
    assert data.baseline(options("copying", timesteps=500)) == pytest.approx(0.03999, abs=1e-4)
    _, said = sample.copying(4, 30, np.random.default_rng(0))
    logits = np.full((*said.shape, 9), -1e3)
    logits[:, :-10, 0], logits[:, -10:, 1:] = 0, 0
    _, value = data.measure(logits, said, options("copying", timesteps=30))
    assert value == pytest.approx(data.baseline(options("copying", timesteps=30)), rel=1e-9)


@pytest.mark.parametrize(
    ("task", "given", "line"),
    [
        ("agreement", "I like France", "'like' is not among its 6"),
        ("agreement", "...!? 12", None),
        ("agreement", "12", "it has none of its 6"),
        ("adding", "0.5 0.1* 0.9", "two of them marked with *"),
        ("adding", "0.5* 1.1* 0.9", "values from 0 to 1"),
        ("adding", "nan* 0.1*", "values from 0 to 1"),
        ("copying", "1 2 3", "ten symbols from 1 to 8"),
        ("copying", "1 2 3 4 5 6 7 8 9 1", "ten symbols from 1 to 8"),
    ],
)
def test_inputs_that_are_none(task, given, line):
    chosen = options(task)
    names = data.names_of(None, chosen)
    if line is None:
        assert len(data.read_input(given, names, chosen)) == 3
        return
    with pytest.raises(UserError) as error:
        data.read_input(given, names, chosen)
    assert line in str(error.value) and "as in: " in str(error.value)


def test_inputs_are_read_as_those_of_the_training_are():
    chosen = options("adding")
    values = data.read_input("0.5 0.25* 0 1*", data.names_of(None, chosen), chosen)
    np.testing.assert_array_equal(
        values, np.array([[0.5, 0], [0.25, 1], [0, 0], [1, 1]], "float32")
    )
    chosen = options("copying", timesteps=4)
    symbols = data.read_input("3 1 4 1 5 8 2 6 5 3", data.names_of(None, chosen), chosen)
    np.testing.assert_array_equal(symbols, [3, 1, 4, 1, 5, 8, 2, 6, 5, 3, *[0] * 3, 9, *[0] * 10])


def test_data_sets_that_do_not_fit_the_task():
    with pytest.raises(UserError, match="--dataset mnist is only for --task pixels"):
        data.find(options("adding", dataset="mnist"))
    with pytest.raises(UserError, match="the sample has none"):
        data.find(options("pixels", dataset="sample"))


# What a page says


def test_errors_put_the_worst_answer_last():
    one = options("adding")
    answers = np.array([[1.0], [0.5], [1.5]])
    found = data.errors(np.array([[1.25], [0.5], [0.0]]), answers, one)
    np.testing.assert_allclose(found, [0.25, 0.0, 1.5])

    draw = np.random.default_rng(1)
    logits, answers = draw.normal(size=(4, 3)), np.array([0, 1, 2, 0])
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    expected = -np.log(shares[range(4), answers])
    np.testing.assert_allclose(data.errors(logits, answers, options("agreement")), expected)

    logits, answers = draw.normal(size=(2, 30, 9)), draw.integers(0, 9, (2, 30))
    _, mean = data.measure(logits, answers, options("copying"))
    assert data.errors(logits, answers, options("copying")).mean() == pytest.approx(mean)


def test_what_a_page_says_of_a_sum():
    inputs = np.array([[0.25, 1], [0.5, 0], [0.125, 1]], "float32")
    names, one = data.Names([], [], []), options("adding")
    assert data.told(inputs, np.array([0.5]), np.array([0.375]), names, one) == (
        "0.250 (value 1) and 0.125 (value 3)",
        "0.500",
        "0.375",
    )
    said, sure = data.in_words(inputs, np.array([0.5]), names, one)
    assert said == "0.500" and sure == "0.125 from the right sum, 0.375"
    assert data.shown(inputs, names, one) == (["0.25*", "0.50", "0.12*"], "value")


def test_baselines_have_the_names_of_the_metrics():
    names = data.Names([], ["a", "b", "c", "d"], [])
    raced = {"accuracy_lstm_5": 0.9, "accuracy_gru_5": 0.8}
    chance = data.baselines(raced, None, names, options("agreement"))
    assert chance == {"chance": {name: 0.25 for name in raced}}
    (memoryless,) = data.baselines({}, None, names, options("copying")).values()
    assert memoryless["cross_entropy"] == pytest.approx(10 * np.log(8) / 32)
    sums = np.array([[0.0], [1.0]])
    assert data.baselines({}, sums, names, options("adding")) == {"constant": {"mse": 0.25}}
    labels = np.array([1, 1, 2, 3])
    assert data.baselines({}, labels, names, options("pixels")) == {"constant": {"accuracy": 0.5}}
