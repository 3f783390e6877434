"""Unrolled: loop, chain and browser compute the same numbers, with the same weights everywhere."""

import numpy as np
import pytest

from lessons import lesson_02_unrolled as lesson
from tests.browser import PHONE, complaints
from tests.lessons.pages import choose, move, values, written


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    return written(tmp_path_factory.mktemp("book"), lesson)


def changed(w=lesson.W, v=lesson.V):
    return lesson.U, w, v


@pytest.mark.parametrize("unroll", [False, True])
def test_loop_and_chain_are_the_recurrence(unroll):
    """Against the two equations in float64."""
    u, w, v = (np.array(each) for each in changed())
    state, states = np.zeros(2), []
    for x in lesson.SEQUENCE:
        state = np.tanh(x * u[0] + state @ w)
        states.append(state)
    found_states, found_outputs = lesson.answers(unroll=unroll)
    np.testing.assert_allclose(found_states, states, atol=1e-6)
    np.testing.assert_allclose(found_outputs, (np.array(states) @ v)[:, 0], atol=1e-6)


def shown(browser):
    """The states (copies, 2) and outputs (copies,) of the chain."""
    states = np.reshape(values(browser, "[data-step] [data-unit]"), (-1, 2))
    return states, values(browser, "[data-step] [data-output]")


def test_a_longer_chain_gives_the_states_of_keras(page, open_page):
    browser = open_page(page)
    for timesteps in (1, 7, 20):
        move(browser, "timesteps", timesteps)
        states, outputs = shown(browser)
        expected = lesson.answers()
        assert len(states) == timesteps
        np.testing.assert_allclose(states, expected[0][:timesteps], atol=1e-5)
        np.testing.assert_allclose(outputs, expected[1][:timesteps], atol=1e-5)
        last = values(browser, "svg g:not([data-step]) > g > [data-unit]")
        np.testing.assert_allclose(last, states[-1], err_msg="the loop, after its last timestep")


def test_a_changed_weight_changes_in_every_copy(page, open_page):
    browser = open_page(page)
    move(browser, "timesteps", 6)
    choose(browser, "weight", "W from unit 2 to unit 1")
    move(browser, "value", -1.7)
    copies = browser.find_elements("css selector", '[data-weight="W21"] text')
    assert [copy.text for copy in copies] == 7 * ["-1.7"]  # and in the loop
    expected = lesson.answers(changed(w=[[0.9, -0.7], [-1.7, 0.3]]))
    np.testing.assert_allclose(shown(browser)[0], expected[0][:6], atol=1e-5)
    assert "8 weights" in browser.find_element("id", "about").text


def test_a_click_on_a_number_chooses_it(page, open_page):
    browser = open_page(page)
    browser.find_elements("css selector", '[data-step] [data-weight="V11"]')[2].click()
    move(browser, "value", 0.4)
    expected = lesson.answers(changed(v=[[0.4], [-0.5]]))
    np.testing.assert_allclose(shown(browser)[1], expected[1][:4], atol=1e-5)


def test_only_the_chain_scrolls_on_a_phone(page, open_page):
    browser = open_page(page, PHONE)
    move(browser, "timesteps", 20)
    assert not complaints(browser)
    assert len(browser.find_elements("css selector", "[data-step]")) == 20
