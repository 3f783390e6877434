"""A neuron with memory: what the browser computes is what Keras computes."""

import numpy as np
import pytest
from selenium.webdriver.common.keys import Keys

from lessons import lesson_01_neuron_with_memory as lesson
from lessons.page import write_page
from tests.browser import DESKTOP, PHONE, complaints


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("book")
    name = lesson.__name__.split(".")[-1]
    return folder / write_page(folder, [name], 0, lesson.build(folder))


def test_the_states_are_the_recurrence():
    """Against the two equations in float64."""
    state, expected = np.zeros(2), []
    for x in lesson.SEQUENCE:
        state = np.tanh(x * np.array(lesson.U[0]) + state @ np.array(lesson.W) + lesson.B)
        expected.append(state)
    np.testing.assert_allclose(lesson.states_of(lesson.SEQUENCE), expected, atol=1e-6)


def test_an_edited_sequence_gives_the_states_of_keras(page, open_page):
    browser = open_page(page)
    text = browser.find_element("id", "sequence")
    text.clear()
    text.send_keys("0.5 -1 0 2 0.25")
    picture = browser.find_element("css selector", "#figure svg")
    for step in range(5):
        shown = [
            float(browser.find_element("css selector", f'[data-unit="{unit}"]').text)
            for unit in (1, 2)
        ]
        expected = lesson.states_of([0.5, -1, 0, 2, 0.25])[step]
        np.testing.assert_allclose(shown, expected, atol=1e-5)
        picture.send_keys(Keys.ARROW_RIGHT)


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_it_can_be_read(size, page, open_page):
    assert not complaints(open_page(page, size))
