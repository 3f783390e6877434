"""Back-propagation through time: each term, their sum and autodiff agree to the last digit."""

import numpy as np
import pytest
from selenium.webdriver.common.keys import Keys

from lessons import lesson_05_back_propagation_through_time as lesson
from tests.browser import PHONE, complaints
from tests.lessons.pages import move, values, written

PLACES = [(row, column) for row in range(2) for column in range(2)]


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    return written(tmp_path_factory.mktemp("book"), lesson)


def derivative(t, row, column, copies):
    """dE_t/dW[row, column], where only W at these timesteps is changed, by the complex step.

    f(w + ih) = f(w) + ih f'(w) - ..., so that f' is the imaginary part over h, without the loss of
    digits that differences have.
    """
    state, tiny = np.zeros(2, complex), 1e-30
    for k in range(t + 1):
        w = np.array(lesson.W, complex)
        if k in copies:
            w[row, column] += 1j * tiny
        state = np.tanh(lesson.SEQUENCE[k] * np.array(lesson.U[0]) + state @ w)
    error = (state @ np.array(lesson.V) - lesson.TARGETS[t]) ** 2 / 2
    return error.imag / tiny


@pytest.mark.parametrize("t", range(len(lesson.SEQUENCE)))
def test_a_term_is_what_one_copy_of_the_weight_does(t):
    found = lesson.by_autodiff(t)
    assert found.dtype == np.float64
    for row, column in PLACES:
        terms = [lesson.term(t, k, row, column) for k in range(t + 1)]
        expected = [derivative(t, row, column, [k]) for k in range(t + 1)]
        np.testing.assert_allclose(terms, expected, rtol=0, atol=1e-14)
        assert terms[0] == 0
        np.testing.assert_allclose(
            found[row, column], derivative(t, row, column, range(t + 1)), rtol=0, atol=1e-14
        )
        assert abs(sum(terms) - found[row, column]) < 1e-10


def number(browser, name):
    return float(browser.find_element("id", name).text)


def test_any_weight_can_be_picked(page, open_page):
    browser = open_page(page)
    for t in (3, 7):
        move(browser, "timestep t of the error", t)
        for row, column in PLACES:
            browser.find_element("css selector", f'[data-weight="{row}{column}"]').click()
            expected = derivative(t, row, column, range(t + 1))
            assert number(browser, "sum") == pytest.approx(expected, rel=0, abs=1e-14)
            assert number(browser, "autodiff") == pytest.approx(expected, rel=0, abs=1e-14)
            assert number(browser, "difference") < 1e-10
            bars = values(browser, "[data-bar]")
            assert len(bars) == t + 3
            assert sum(bars[:-2]) == pytest.approx(bars[-2])


def test_the_chain_of_the_chosen_term_stands_in_numbers(page, open_page):
    browser = open_page(page)
    picture = browser.find_element("css selector", "#figure svg")
    for k in (2, 1, 0):
        assert f"Term k = {k}" in browser.find_element("id", "numbers").text
        assert number(browser, "term") == pytest.approx(derivative(3, 0, 0, [k]), abs=1e-6)
        matrices = browser.find_elements("css selector", "#numbers .matrix")
        assert len(matrices) == 1 + (3 - k) + 1
        picture.send_keys(Keys.ARROW_LEFT)


def test_it_fits_a_phone(page, open_page):
    browser = open_page(page, PHONE)
    move(browser, "timestep t of the error", 7)
    assert not complaints(browser)
