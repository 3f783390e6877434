"""Vanishing: the Jacobians, their products and what the page shows of them."""

import numpy as np
import pytest
from selenium.webdriver.common.keys import Keys

from lessons import lesson_06_vanishing as lesson
from tests.browser import PHONE, complaints
from tests.lessons.pages import choose, move, values, written

SIZES = (0.5, 1.0, 3.0)


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lesson, "SIZES", SIZES)  # which is quicker
        yield written(tmp_path_factory.mktemp("book"), lesson)


def layer_of(cell, size=1.3, remember=20):
    return lesson.layer_of(
        cell, None if cell == "mingru" else size, None if cell == "rnn" else remember
    )


def some_inputs():
    return lesson.sequences()[:2, :6]


@pytest.mark.parametrize("cell", lesson.CELLS)
def test_jacobians_are_those_of_the_cell(cell):
    """Against central differences of one timestep."""
    layer, inputs = layer_of(cell), some_inputs()
    found = lesson.jacobians(layer, inputs)
    inside = layer.trace(inputs)
    parts = [inside[name] for name in ("hidden_state", "cell_state") if name in inside]
    t, before = 3, np.concatenate([part[:, 2] for part in parts], axis=-1)

    def after(states):
        _, new = layer.cell(inputs[:, t], np.split(states, len(parts), axis=-1))
        return np.concatenate([np.asarray(part) for part in new], axis=-1)

    np.testing.assert_allclose(after(before), np.concatenate([p[:, t] for p in parts], axis=-1))
    for number in range(before.shape[1]):
        shift = np.zeros(before.shape[1])
        shift[number] = 1e-6
        difference = (after(before + shift) - after(before - shift)) / 2e-6
        np.testing.assert_allclose(found[:, t, :, number], difference, atol=1e-8)


@pytest.mark.parametrize("cell", lesson.CELLS)
def test_products_are_what_state_gradients_measures(cell):
    """The gradient of the sum of the hidden state is a sum of rows of the product."""
    layer, inputs = layer_of(cell), some_inputs()
    steps = lesson.jacobians(layer, inputs)
    gradients = layer.state_gradients(inputs)
    units, timesteps = lesson.UNITS, inputs.shape[1]
    for example in range(len(inputs)):
        product = np.eye(steps.shape[-1])
        for k in range(timesteps - 1, -1, -1):
            row = product[:units].sum(axis=0)
            expected = gradients["hidden_state"][example, k]
            np.testing.assert_allclose(np.linalg.norm(row[:units]), expected, rtol=1e-10)
            product = product @ steps[example, k]


def test_norms_are_largest_singular_values():
    steps = lesson.jacobians(layer_of("lstm"), some_inputs())
    found = lesson.norms(steps)
    assert found[0] == 1
    for distance in (1, 3, 5):
        expected = [
            np.linalg.svd(np.linalg.multi_dot([np.eye(32), *each[::-1][:distance]]))[1][0]
            for each in steps
        ]
        assert found[distance] == pytest.approx(np.mean(expected))


def test_what_the_page_says_of_the_cells_is_so():
    last = {
        (cell, size, remember): lesson.norms(
            lesson.jacobians(layer_of(cell, size, remember), lesson.sequences())
        )[-1]
        for cell in lesson.CELLS
        for size in (0.3, 3.0)
        for remember in (None, lesson.REMEMBER)
    }
    assert last["rnn", 0.3, None] < 0.3**49
    assert last["rnn", 3.0, None] > 1e4
    for cell in ("lstm", "gru", "mingru"):
        assert last[cell, 0.3, None] < 1e-4
        for size in (0.3, 3.0):
            assert 0.4 < last[cell, size, lesson.REMEMBER] < 3


def test_the_simple_rnn_stays_below_its_bound():
    for size in SIZES:
        norms = lesson.curve("rnn", size, None)
        assert (norms <= size ** np.arange(len(norms)) * (1 + 1e-9)).all()


def test_the_slider_chooses_among_the_sizes(page, open_page):
    browser = open_page(page)

    def shown():
        return values(browser, "#readout [data-cell]")

    def expected(size, remember=None):
        return [
            lesson.curve(
                cell, None if cell == "mingru" else size, None if cell == "rnn" else remember
            )[20]
            for cell in lesson.CELLS
        ]

    np.testing.assert_allclose(shown(), expected(1.0))
    move(browser, "size of W at the start", 2)
    assert "W of size 3" in browser.find_element("id", "readout").text
    np.testing.assert_allclose(shown(), expected(3.0))
    choose(browser, "gates begin", "nearly open")
    np.testing.assert_allclose(shown(), expected(3.0, lesson.REMEMBER))
    browser.find_element("css selector", "#figure svg").send_keys(Keys.ARROW_RIGHT)
    assert browser.find_element("id", "readout").text.startswith("21 timesteps")
    lines = browser.find_elements("css selector", "#figure [data-line]")
    assert len(lines) == 5  # and the bound


def test_a_product_vanishes_and_a_sum_does_not(page, open_page):
    browser = open_page(page, PHONE)
    move(browser, "number", 0.5)
    move(browser, "n", 40)
    found = [float(browser.find_element("id", f"of-{name}").text) for name in ("product", "sum")]
    np.testing.assert_allclose(found, [0.5**40, 20], rtol=0.05)
    gradient = float(browser.find_element("id", "gradient").text)
    np.testing.assert_allclose(gradient, 0.5**39, rtol=0.05)
    assert not complaints(browser)
