"""How far back gradients reach: against products of Jacobians in float64 NumPy, and as a page."""

import json
import re
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from keras import ops

from shared.errors import UserError
from shared.evaluation import gradient_page, gradients
from shared.layers import (
    GRU,
    LSTM,
    AttentionDecoder,
    Bidirectional,
    CarriedState,
    LuongAttention,
    SimpleRNN,
)
from tests.layers.recurrences import lstm, sigmoid, simple_rnn

ROWS, TIMESTEPS, FEATURES, UNITS = 3, 8, 2, 3
KINDS = {"simple_rnn": SimpleRNN, "lstm": LSTM}
ALL = np.ones((ROWS, TIMESTEPS), bool)
PADDED = np.arange(TIMESTEPS) < np.array([[8], [5], [3]])
WITH_GAPS = np.array([[1, 1, 0, 1, 1, 1, 0, 1], [0, 1, 1, 0, 0, 1, 0, 0], [0] * 8], bool)


def network_of(layer, **shape):
    """A network of one layer, in float64, with weights well away from zero; and its inputs."""
    x = keras.Input((None, FEATURES), dtype="float64", **shape)
    mask = keras.Input((None,), dtype="bool", **shape)
    network = keras.Model([x, mask], layer(x, mask=mask))
    random = np.random.default_rng(3)
    network.set_weights([random.normal(0, 0.6, weight.shape) for weight in network.get_weights()])
    return network, random.normal(size=(ROWS, TIMESTEPS, FEATURES))


def jacobian_products(kind, weights, x, direction):
    """Norms of dE_T/ds_k of one sequence (timesteps, features), E_T = direction · h_T.

    Returns:
        Dictionary state -> list over T - k; a row vector times Jacobians, one timestep at a time.
    """
    w = weights[1]
    of_hidden, of_cell = direction, np.zeros(UNITS)
    norms = {"hidden_state": [], "cell_state": []}
    if kind == "simple_rnn":
        (states,) = simple_rnn(x[None], np.zeros(UNITS), weights)
        for s in states[::-1]:
            norms["hidden_state"].append(np.linalg.norm(of_hidden))
            of_hidden = (of_hidden * (1 - s**2)) @ w.T
        return {"hidden_state": norms["hidden_state"]}
    (hidden,), (cells,) = lstm(x[None], np.zeros((1, UNITS)), np.zeros((1, UNITS)), weights)
    before = np.zeros((1, UNITS))
    hidden_before, cells_before = np.vstack([before, hidden]), np.vstack([before, cells])
    for t in reversed(range(len(x))):
        norms["hidden_state"].append(np.linalg.norm(of_hidden))
        norms["cell_state"].append(np.linalg.norm(of_cell))
        i, f, g, o = np.split(x[t] @ weights[0] + hidden_before[t] @ w + weights[2], 4)
        i, f, g, o = sigmoid(i), sigmoid(f), np.tanh(g), sigmoid(o)
        c = cells[t]
        through_cell = of_cell + of_hidden * o * (1 - np.tanh(c) ** 2)
        of_gates = [
            through_cell * g * i * (1 - i),
            through_cell * cells_before[t] * f * (1 - f),
            through_cell * i * (1 - g**2),
            of_hidden * np.tanh(c) * o * (1 - o),
        ]
        of_hidden, of_cell = np.concatenate(of_gates) @ w.T, through_cell * f
    return norms


def expected(kind, weights, sequences, direction=None, at_most=None):
    """The means over sequences (timesteps, features) of any lengths, in the order of reading."""
    direction = np.ones(UNITS) if direction is None else direction
    weights = [np.array(weight, "float64") for weight in weights]
    found = [jacobian_products(kind, weights, x, direction) for x in sequences if len(x)]
    longest = min(max(map(len, sequences)), at_most or TIMESTEPS)
    return {
        state: [
            np.mean([each[state][d] for each in found if len(each[state]) > d])
            for d in range(longest)
        ]
        for state in found[0]
    }


def assert_same(found, wanted):
    assert list(found) == list(wanted)
    for state, values in wanted.items():
        assert found[state].dtype == np.float64
        np.testing.assert_allclose(found[state], values, rtol=1e-10, atol=0)


@pytest.mark.parametrize("mask", [ALL, PADDED, WITH_GAPS], ids=["all", "padded", "gaps"])
@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_reach_is_the_norm_of_the_product_of_jacobians(kind, backwards, mask):
    layer = KINDS[kind](UNITS, dtype="float64", go_backwards=backwards, name="layer")
    network, x = network_of(layer)
    found = gradients.reach(network, [x, mask])
    turn = -1 if backwards else 1
    sequences = [row[there][::turn] for row, there in zip(x, mask, strict=True)]
    assert list(found) == ["layer"]
    assert_same(found["layer"], expected(kind, layer.get_weights(), sequences))


@pytest.mark.parametrize("kind", KINDS)
def test_what_lies_further_back_is_in_the_first_state(kind, monkeypatch):
    monkeypatch.setattr(gradients, "TIMESTEPS", 4)
    layer = KINDS[kind](UNITS, dtype="float64", name="layer")
    network, x = network_of(layer)
    sequences = [row[there] for row, there in zip(x, PADDED, strict=True)]
    found = gradients.reach(network, [x, PADDED])["layer"]
    assert_same(found, expected(kind, layer.get_weights(), sequences, at_most=4))


def test_a_mask_of_ones_own_and_an_error_of_ones_own():
    """Where no mask arrives at a layer; and where the error is read from the last hidden state."""
    layer = SimpleRNN(UNITS, dtype="float64", name="layer")
    x = keras.Input((None, FEATURES), dtype="float64")
    below = SimpleRNN(FEATURES, dtype="float64", return_sequences=True, name="below")
    network = keras.Model(x, layer(below(x)))
    random = np.random.default_rng(4)
    inputs = random.normal(size=(ROWS, TIMESTEPS, FEATURES))
    direction = random.normal(size=UNITS)
    found = gradients.reach(
        network, inputs, lambda hidden: ops.matmul(hidden, direction[:, None]), PADDED
    )
    assert list(found) == ["below", "layer"]
    hidden = ops.convert_to_numpy(below(inputs))
    sequences = [row[there] for row, there in zip(hidden, PADDED, strict=True)]
    wanted = expected("simple_rnn", layer.get_weights(), sequences, direction)
    assert_same(found["layer"], wanted)
    assert found["below"]["hidden_state"][0] == pytest.approx(FEATURES**0.5)


def test_rows_beyond_those_that_are_measured_change_nothing(monkeypatch):
    network, x = network_of(GRU(UNITS, dtype="float64", name="layer"))
    monkeypatch.setattr(gradients, "EXAMPLES", 2)
    found = gradients.reach(network, [x, ALL])["layer"]["hidden_state"]
    alone = gradients.reach(network, [x[:2], ALL[:2]])["layer"]["hidden_state"]
    np.testing.assert_allclose(found, alone, rtol=1e-12)


def test_norms_that_have_nearly_vanished_are_not_zero():
    """In float32 their squares would be."""
    layer = SimpleRNN(UNITS, name="layer")
    x = keras.Input((None, FEATURES))
    network = keras.Model(x, layer(x))
    u, _, b = layer.get_weights()
    layer.set_weights([0 * u, 1e-4 * np.eye(UNITS), b])
    found = gradients.reach(network, np.zeros((1, TIMESTEPS, FEATURES), "float32"))["layer"]
    wanted = UNITS**0.5 * 1e-4 ** np.arange(TIMESTEPS)
    np.testing.assert_allclose(found["hidden_state"], wanted, rtol=1e-5)


def everywhere():
    """A network with recurrent layers inside of other layers and of another network."""
    x = keras.Input((TIMESTEPS, FEATURES), batch_size=ROWS)
    inner = keras.Input((TIMESTEPS, FEATURES))
    both = Bidirectional(GRU(UNITS, return_sequences=True, name="gru"), name="both")
    encoder = keras.Model(inner, both(inner), name="encoder")
    memory = keras.layers.BatchNormalization(name="normal")(encoder(x))
    fixed = keras.layers.Dense(2 * UNITS, trainable=False, name="fixed")
    carried = CarriedState(
        LSTM(UNITS, return_sequences=True, return_state=True, name="lstm"), name="carried"
    )
    decoder = AttentionDecoder(
        [SimpleRNN(2 * UNITS, return_sequences=True, return_state=True, name="rnn")],
        LuongAttention(),
        UNITS,
        name="decoder",
    )
    vectors, _, _ = decoder(carried(x), fixed(memory))
    return keras.Model(x, vectors)


def test_layers_are_found_everywhere():
    network = everywhere()
    x = np.random.default_rng(5).normal(size=(ROWS, TIMESTEPS, FEATURES)).astype("float32")
    names = ["encoder/both/forward_gru", "encoder/both/backward_gru", "carried/lstm", "decoder/rnn"]
    layers = gradients.recurrent_layers(network)
    assert sorted(layers) == sorted(names)
    before = [layer.loop for layer in layers.values()]
    found = gradients.reach(network, x)
    assert sorted(found) == sorted(names)
    assert list(found).index("carried/lstm") < list(found).index("decoder/rnn")
    for layer, loop in zip(layers.values(), before, strict=True):
        assert layer.loop == loop and "inner_loop" not in vars(layer)

    # Back in time from where the backward layer ends is towards the end of the sequence.
    backward = layers["encoder/both/backward_gru"]
    norms = backward.state_gradients(x)["hidden_state"]
    np.testing.assert_allclose(
        found["encoder/both/backward_gru"]["hidden_state"], norms.mean(axis=0)[::-1], rtol=1e-5
    )


def test_untrained_draws_what_is_trained_and_keeps_the_rest():
    network = everywhere()
    network.get_layer("normal").moving_mean.assign(np.arange(2 * UNITS))
    anew = gradients.untrained(network)
    assert list(gradients.recurrent_layers(anew)) == list(gradients.recurrent_layers(network))
    for name in ("normal", "fixed"):
        pairs = zip(
            anew.get_layer(name).get_weights(), network.get_layer(name).get_weights(), strict=True
        )
        assert all(np.array_equal(one, other) for one, other in pairs)
    for name, layer in gradients.recurrent_layers(anew).items():
        trained = gradients.recurrent_layers(network)[name]
        assert not np.array_equal(layer.get_weights()[0], trained.get_weights()[0])
    again = gradients.untrained(network)
    assert all(map(np.array_equal, anew.get_weights(), again.get_weights()))


AFTER = {"lstm": {"hidden_state": [2.0, 1.0, 0.5, 0.3], "cell_state": [0.0, 1.0, 0.02, 0.009]}}
BEFORE = {"lstm": {"hidden_state": [2.0, 0.01, 0.0, 0.0], "cell_state": [0.0, 1.0, 0.5, 200.0]}}
AFTER, BEFORE = (
    {layer: {k: np.array(v) for k, v in states.items()} for layer, states in each.items()}
    for each in (AFTER, BEFORE)
)


def test_what_is_said_is_computed():
    assert gradient_page.summary(AFTER, BEFORE) == (
        "After training, gradients fall below a hundredth of their first value 3 timesteps back, "
        "or not at all on those measured; before training, gradients fall below a hundredth of "
        "their first value 1 timestep back, or not at all on those measured."
    )
    hidden, cell = gradient_page.sentences(AFTER, BEFORE)
    assert hidden == (
        "lstm, hidden state: below a hundredth of its first value nowhere after training, "
        "1 timestep back before."
    )
    assert cell == (
        "lstm, cell state: below a hundredth of its first value 3 timesteps back after training, "
        "nowhere (at its largest 200 times that value) before."
    )
    assert gradient_page.first_and_vanished(np.zeros(3)) == (None, None)


def test_zeros_are_left_out_of_the_picture_and_told():
    whole = [("one", np.array([1.0, 0.5]), None)]
    assert gradient_page.WITHOUT_ZEROS not in gradient_page.gradient_picture(whole)
    bounds = [("bound", np.array([1.0, 0.0]))]
    svg = gradient_page.gradient_picture(whole, bounds)
    assert svg.startswith("<svg") and gradient_page.WITHOUT_ZEROS in svg
    assert ">bound</text>" in svg and ">before training</text>" not in svg


def run_in(folder, notice=""):
    return SimpleNamespace(
        recipe="sentiment",
        folder=folder,
        config={"seed": 2**32 - 1},
        notice=notice,
        path=lambda name: folder / name,
    )


SOURCE = SimpleNamespace(name="sample", notice="")


def test_the_page_holds_the_numbers_and_stands_alone(tmp_path):
    network, x = network_of(LSTM(UNITS, dtype="float64", name="<layer>"))
    run = run_in(tmp_path, notice="SAMPLE DATA, not imdb_reviews")
    record = gradient_page.write_gradients(run, SOURCE, network, [x, PADDED], remark="So <it> is.")
    page = (tmp_path / "gradients.html").read_text()
    assert "SAMPLE DATA, not imdb_reviews" in page and record["notice"] == run.notice
    assert "&lt;layer&gt;, hidden state" in page and "So &lt;it&gt; is." in page
    assert page.count("<svg") == 2 and ">after training</text>" in page
    assert not re.search(r"<(script|link|img|iframe)|(src|href)=\"(?!#)|url\((?!#)", page)

    record = json.loads(json.dumps(record, allow_nan=False))
    rows = re.findall(r"<tr>(<td>.*?)</tr>", page)
    cells = [re.findall(r">([^<>]+)</(?:td|span)>", row) for row in rows]
    assert cells[0][:3] == ["&lt;layer&gt;", "hidden state", "after"]
    shown = iter(cells)
    for each in record["layers"]:
        assert each["after"] != each["before"] and len(each["after"]) == TIMESTEPS
        for when in ("after", "before"):
            distances = [0, 1, 2, 5, TIMESTEPS - 1]
            assert next(shown)[2:] == [when, *(f"{each[when][d]:.2e}" for d in distances)]


def test_what_can_not_be_measured_is_refused(tmp_path):
    x = keras.Input((TIMESTEPS, FEATURES))
    network = keras.Model(x, keras.layers.Dense(1)(x))
    with pytest.raises(UserError, match="no recurrent layer"):
        gradient_page.write_gradients(run_in(tmp_path), SOURCE, network, np.zeros((1, 8, 2)))
    network, x = network_of(GRU(UNITS, dtype="float64"))
    with pytest.raises(UserError, match="no timestep"):
        gradient_page.write_gradients(run_in(tmp_path), SOURCE, network, [x, ~ALL])
    assert not (tmp_path / "gradients.html").exists()
