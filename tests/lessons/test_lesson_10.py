"""Units that know: their scores are measured, and the text shows what they do."""

import numpy as np
import pytest
from selenium.webdriver.common.keys import Keys

from lessons import lesson_10_units_that_know as lesson
from lessons.networks import read_validation
from lessons.page import write_page
from shared.evaluation import units
from tests.browser import DESKTOP, PHONE, complaints
from tests.lessons import quick

LENGTH = 12_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return quick.book(tmp_path_factory, "language_modeling")


@pytest.fixture(scope="module")
def page(folder):
    name = lesson.__name__.split(".")[-1]
    return folder / write_page(folder, [name], 0, lesson.build(folder, LENGTH))


def area(values, truth):
    """2 AUC - 1, by its definition, of a sample of pairs that is all of them."""
    higher = np.searchsorted(np.sort(values[~truth]), values[truth], side="left")
    not_lower = np.searchsorted(np.sort(values[~truth]), values[truth], side="right")
    return (higher + not_lower).mean() / (~truth).sum() - 1


def test_shapes_are_histograms_and_means():
    draw = np.random.default_rng(1)
    hidden = np.tanh(draw.normal(size=(500, 2, 3)))
    truth = draw.random(500) < 0.3
    found = lesson.shapes(hidden, truth)
    assert found.shape == (2, 3, 2, lesson.BINS)
    for which in (False, True):
        counts, _ = np.histogram(hidden[truth == which, 1, 2], lesson.BINS, (-1, 1))
        np.testing.assert_array_equal(
            found[1, 2, int(which)], np.round(255 * counts / counts.max())
        )
    positions = np.arange(500) % 80
    means = lesson.shapes(hidden, positions)[0, 1, 0]
    expected = [hidden[positions // 4 == bin, 0, 1].mean() for bin in range(lesson.BINS)]
    np.testing.assert_allclose(means / 255 * 2 - 1, expected, atol=1 / 255)


def test_a_property_and_a_unit_are_chosen(page, folder, open_page):
    reading = read_validation(folder, LENGTH)
    half = LENGTH // 2
    truth = units.properties(list(reading.text))["end of the line next"]
    browser = open_page(page)
    text = browser.find_element("id", "text")
    begin = reading.text.index(text.get_attribute("textContent"))
    assert begin >= half, "the text that is shown is none by which units were chosen"
    buttons = {each.text: each for each in browser.find_elements("css selector", ".group button")}
    assert list(buttons) == list(units.NAMES)
    buttons["end of the line next"].click()
    scores = np.array(
        [
            [area(column, truth[:half]) for column in reading.hidden[:half, layer].T]
            for layer in (0, 1)
        ]
    )
    layer, unit = np.unravel_index(abs(scores).argmax(), scores.shape)
    for _ in range(2):
        then = area(reading.hidden[half:, layer, unit], truth[half:])
        expected = np.sign(scores[layer, unit]) * then
        assert float(browser.find_element("id", "score").text) == pytest.approx(expected, abs=1e-3)
        spans = text.find_elements("tag name", "span")
        browser.execute_script("arguments[0].click()", spans[30])
        shown = float(browser.find_element("id", "activation").text)
        activation = reading.hidden[begin + 30, layer, unit]
        assert shown == pytest.approx(activation, abs=0.01)
        colour = spans[30].get_attribute("style")
        assert ("--state" in colour) == (shown > 0) or abs(shown) < 0.01
        key, by = (Keys.ARROW_LEFT, -1) if unit else (Keys.ARROW_RIGHT, 1)
        browser.find_element("id", "map").send_keys(key)
        unit += by


def test_the_map_has_a_square_for_each_unit(page, folder, open_page):
    browser = open_page(page)
    squares = browser.find_elements("css selector", "#map rect")
    assert len(squares) == 2 * 8
    best = browser.find_element("id", "score").text
    for square in squares:
        square.click()
        if browser.find_element("id", "score").text != best:
            break
    else:
        raise AssertionError("no square changes the unit")


def test_a_property_that_is_counted(page, open_page):
    browser = open_page(page)
    buttons = {each.text: each for each in browser.find_elements("css selector", ".group button")}
    buttons["position in the line"].click()
    assert "over the position in the line" in browser.find_element("id", "figure").text


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_it_can_be_read(size, page, open_page):
    assert not complaints(open_page(page, size))
    assert page.stat().st_size < 2e6
