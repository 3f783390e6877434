"""The LSTM in four steps: the browser computes what Keras computes."""

import numpy as np
import pytest
from selenium.webdriver.common.keys import Keys

from lessons import lesson_07_lstm_in_four_steps as lesson
from lessons.countries import COUNTRY, carriers, share_of_country
from lessons.networks import inside, of_the_race, trained
from recipes.long_memory import data
from shared.evaluation.gradients import recurrent_layers
from tests.browser import DESKTOP, PHONE, complaints
from tests.lessons import quick
from tests.lessons.pages import written

ANOTHER = "I grew up in Japan. My sister lives in Poland. I speak fluent"
OF = {
    "f": "forget_gate",
    "i": "input_gate",
    "g": "candidate",
    "o": "output_gate",
    "c": "cell_state",
    "h": "hidden_state",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return quick.book(tmp_path_factory, "long_memory")


@pytest.fixture(scope="module")
def page(folder):
    return written(folder, lesson)


@pytest.fixture(scope="module")
def network(folder):
    return of_the_race(trained(folder, "long_memory"), "lstm", shortest=True)


def test_what_stands_in_the_diagram_is_the_lstm(network):
    words = data.to_ids(lesson.TEXT, data.VOCABULARY)
    vectors = network[0].get_layer("vectors").get_weights()[0][words]
    (layer,) = recurrent_layers(network[0]).values()
    expected = quick.lstm(vectors, layer.get_weights())
    traced = {name: values[0] for name, values in inside(network[0], words[None]).items()}
    for name, values in expected.items():
        np.testing.assert_allclose(traced[name], values, atol=1e-6)
    for word in (0, 4):
        shown = lesson.values_at(traced, word, 3)
        assert shown["c"] == pytest.approx(shown["f"] * shown["c_before"] + shown["ig"], abs=1e-6)
        assert shown["h"] == pytest.approx(shown["o"] * np.tanh(shown["c"]), abs=1e-6)
        before = expected["hidden_state"][word - 1, 3] if word else 0
        assert shown["h_before"] == pytest.approx(before, abs=1e-6)


def test_how_much_hangs_on_the_country():
    labels = np.array([0, 0, 1, 1, 2, 2])
    states = np.stack([[1, 1, 3, 3, 5, 5], [1, 2, 1, 2, 1, 2], [0, 2, 4, 2, 4, 6]], axis=1)
    # All of it, nothing of it, and variance 2.67 of the means 1, 3 and 5 among 3.67 in all.
    found = share_of_country(states.astype("float32"), labels)
    np.testing.assert_allclose(found, [1, 0, (8 / 3) / (11 / 3)])


def test_carriers_are_chosen_on_texts_that_they_are_not_measured_on(network):
    order, carried = carriers(*network, count=100)
    units = len(carried)
    assert sorted(order) == list(range(units)) and (carried >= 0).all() and (carried <= 1).all()
    texts, labels = data.read_agreement("test", 100, network[1])
    words = np.stack([data.to_ids(text, data.VOCABULARY) for text in texts])[50:]
    states = inside(network[0], words)["cell_state"][:, COUNTRY + 1 :]
    least = [share_of_country(states[:, place], labels[50:]) for place in range(states.shape[1])]
    np.testing.assert_allclose(carried, np.min(least, axis=0))


def exact(browser):
    found = browser.find_elements("css selector", "#figure [data-exact]")
    return {
        element.get_attribute("data-value"): element.get_attribute("data-exact")
        for element in found
    }


def test_an_edited_sentence_gives_the_numbers_of_keras(page, open_page, network):
    browser = open_page(page)
    text = browser.find_element("id", "text")
    text.clear()
    text.send_keys(ANOTHER)
    words = data.to_ids(ANOTHER, data.VOCABULARY)
    traced = inside(network[0], words[None])
    order, _ = carriers(*network)
    for word, unit in ((4, order[0]), (10, order[1])):
        browser.find_elements("css selector", "#words button")[word].click()
        shown = exact(browser)
        assert shown["word"] == data.VOCABULARY[words[word]]
        for name, traced_name in OF.items():
            expected = traced[traced_name][0, word, unit]
            assert float(shown[name]) == pytest.approx(expected, abs=1e-5)
        browser.find_element("id", "map").send_keys(Keys.ARROW_DOWN)
    shares = quick.softmax(network[0].predict_on_batch(words[None])[0].astype("float64"))
    share = float(browser.find_element("id", "share").get_attribute("data-share"))
    assert share == pytest.approx(shares.max(), abs=1e-5)


def test_one_step_after_the_other(page, open_page):
    browser = open_page(page)
    steps = browser.find_element("css selector", '[aria-label="step"]')
    numbers = browser.find_element("id", "numbers")
    assert all(name in numbers.text for name in ("Forget", "candidate", "Cell", "Output"))
    steps.find_elements("tag name", "button")[1].click()
    assert "1 Forget" in numbers.text and "Output" not in numbers.text
    opacity = {
        element.get_attribute("data-step"): element.value_of_css_property("opacity")
        for element in browser.find_elements("css selector", "#figure [data-step]")
    }
    assert opacity["1"] == "1" and float(opacity["4"]) < 0.5


def test_a_unit_is_picked_and_what_is_shown_is_changed(page, open_page):
    browser = open_page(page)
    followed = browser.find_element("id", "followed")
    before = followed.text
    cells = browser.find_elements("css selector", "#map > rect")
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", cells[-1])
    cells[-1].click()
    assert followed.text != before
    colour = cells[0].get_attribute("fill")
    group = browser.find_element("css selector", '[aria-label="shown"]')
    group.find_elements("tag name", "button")[1].click()
    cells = browser.find_elements("css selector", "#map > rect")
    assert {cell.get_attribute("fill") for cell in cells} == {"var(--forget-gate)"} != {colour}


def test_a_word_that_the_network_does_not_know(page, open_page):
    browser = open_page(page)
    browser.find_element("id", "text").send_keys(" and elephants")
    assert "and is not among them" in browser.find_element("css selector", "[role=status]").text
    assert len(browser.find_elements("css selector", "#words button")) == 16


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_it_can_be_read(size, page, open_page):
    assert not complaints(open_page(page, size))
    assert page.stat().st_size < 2e6
