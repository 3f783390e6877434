"""France ... French: the numbers are the run's, and the lines are the states."""

import itertools

import numpy as np
import pytest
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

from lessons import lesson_08_france_french as lesson
from lessons.countries import belt, carriers
from lessons.networks import inside, of_the_race, trained
from recipes.long_memory import data, sample
from shared.files import read_json
from tests.browser import DESKTOP, PHONE, complaints
from tests.lessons import quick
from tests.lessons.pages import move, written


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return quick.book(tmp_path_factory, "long_memory")


@pytest.fixture(scope="module")
def page(folder):
    return written(folder, lesson)


def test_the_texts_differ_in_the_country_alone():
    words = lesson.eight_texts(25)
    assert words.shape == (8, 4 + 1 + 25 + 3)
    differs = (words != words[0]).any(axis=0)
    assert differs.sum() == 1 and differs[lesson.COUNTRY]
    assert [data.VOCABULARY[word] for word in words[:, 4]] == [
        country.lower() for country in sample.LANGUAGES
    ]


def test_how_far_apart_states_are():
    states = np.random.default_rng(1).normal(size=(3, 7, 5))
    pairs = list(itertools.combinations(range(3), 2))
    mean = [
        sum(np.sqrt(((states[a, t] - states[b, t]) ** 2).sum()) for a, b in pairs) / 3
        for t in range(7)
    ]
    np.testing.assert_allclose(lesson.apart(states), np.array(mean) / mean[4])


def test_labels_move_apart():
    assert lesson.spread({"a": 10.0, "b": 12.0, "c": 100.0}, 17) == {"a": 10, "b": 27, "c": 100}


def test_the_bars_are_what_the_recipe_measured(page, folder, open_page):
    metrics = read_json(trained(folder, "long_memory").path("metrics.json"))["metrics"]
    browser = open_page(page)
    bars = browser.find_elements("css selector", "[data-accuracy]")
    assert len(bars) == 4
    for bar in bars:
        value = metrics[f"accuracy_{bar.get_attribute('data-accuracy')}"]
        assert float(bar.get_attribute("height")) == pytest.approx(180 * value, abs=0.01)


def test_a_bar_for_each_cell_at_each_gap():
    accuracy = {cell: [0.9, 0.2 + 0.1 * place] for place, cell in enumerate(lesson.CELLS)}
    drawn = lesson.bars(accuracy, [8, 100], "seen")
    assert drawn.count('data-accuracy="') == 8 and 'data-accuracy="mingru_100"' in drawn
    assert drawn.count(">0.900<") == 4 and drawn.count(">0.500<") == 1
    assert "gap of 100 words" in drawn and "<title>seen</title>" in drawn


def test_what_is_said_of_the_gaps():
    metrics = {"accuracy_rnn_8": 1.0, "accuracy_lstm_8": 0.99}
    metrics |= {"accuracy_rnn_100": 0.1285, "accuracy_lstm_100": 1.0}
    said = lesson.in_words(metrics, [8, 100])
    assert "With 8 words between, the simple RNN is right on 100 % of the test texts" in said
    assert "With 100 words between, it is 13 % and 100 %. Guessing gives 12.5 %." in said


def test_cell_country_and_word_are_chosen(page, folder, open_page):
    browser = open_page(page)
    buttons = browser.find_elements("css selector", '[aria-label="cell"] button')
    buttons[[button.text for button in buttons].index("gru")].click()
    Select(browser.find_element("css selector", '[aria-label="country"]')).select_by_value("3")
    move(browser, "unit, by how much it carries", 2)
    lines = browser.find_element("id", "lines")
    for _ in range(3):
        lines.send_keys(Keys.ARROW_RIGHT)
    network, gap = of_the_race(trained(folder, "long_memory"), "gru", shortest=False)
    order, carried = carriers(network, gap)
    states = belt(inside(network, lesson.eight_texts(gap)))
    expected = states[3, lesson.COUNTRY + 3, order[1]]
    assert float(browser.find_element("id", "state").text) == pytest.approx(expected, abs=6e-4)
    said = browser.find_element("id", "unit").text
    assert f"Unit {order[1] + 1} of the gru" in said
    assert f"{100 * round(float(carried[order[1]]), 3):.1f} %" in said
    chosen = browser.find_elements("css selector", '#lines [stroke="var(--input)"]')
    assert [line.get_attribute("data-country") for line in chosen] == ["Japan"]
    assert len(browser.find_elements("css selector", "#lines [data-country]")) == 8


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_it_can_be_read(size, page, open_page):
    assert not complaints(open_page(page, size))
    assert page.stat().st_size < 2e6
