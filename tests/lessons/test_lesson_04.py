"""What comes next: the browser reads and writes as Keras and NumPy do."""

import numpy as np
import pytest

from lessons import lesson_04_what_comes_next as lesson
from lessons.networks import trained
from recipes.language_modeling import data, model
from shared.evaluation.gradients import recurrent_layers
from tests.browser import DESKTOP, PHONE, complaints
from tests.lessons import quick
from tests.lessons.pages import move, written

TEMPERATURE = 0.55


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return quick.book(tmp_path_factory, "language_modeling")


@pytest.fixture(scope="module")
def page(folder):
    return written(folder, lesson)


@pytest.fixture(scope="module")
def network(folder):
    """The network with its states in the caller's hands, and its vocabulary."""
    run = trained(folder, "language_modeling")
    return model.with_states(run.load_model()), data.load_names(run).vocabulary


def expected_logits(reader, ids):
    """In float64, by the equations."""
    x = reader.get_layer("vectors").get_weights()[0][ids]
    for layer in recurrent_layers(reader).values():
        x = quick.lstm(x, layer.get_weights())["hidden_state"]
    V, b = (each.astype("float64") for each in reader.get_layer("logits").get_weights())
    logits = x @ V + b
    logits[:, [data.START, data.UNKNOWN]] = -np.inf
    return logits


def test_it_writes_what_the_dice_say(network):
    reader, vocabulary = network
    dice = np.random.default_rng(1).random(12)
    ids, logits = lesson.write(reader, vocabulary, "The a", 12, TEMPERATURE, dice)
    assert len(ids) == len(logits) == 1 + 5 + 12
    expected = expected_logits(reader, ids)
    np.testing.assert_allclose(logits, expected, atol=1e-5)
    shares = quick.softmax(expected / TEMPERATURE)
    np.testing.assert_allclose(lesson.probabilities(logits, TEMPERATURE), shares, atol=1e-6)
    for place, die in enumerate(dice):
        drawn = np.searchsorted(shares[5 + place].cumsum(), die, side="right")
        assert ids[6 + place] == drawn


def test_the_browser_agrees_with_keras_at_another_temperature(page, open_page, network):
    reader, vocabulary = network
    browser = open_page(page)
    text = browser.find_element("id", "text")
    move(browser, "temperature", TEMPERATURE)
    ids, _ = lesson.write(reader, vocabulary, lesson.PROMPT, lesson.WRITTEN, TEMPERATURE)
    assert text.get_attribute("textContent") == "".join(vocabulary[number] for number in ids)
    # Keras itself, not our step function: the whole text at once.
    states = [np.zeros((1, state.shape[-1]), "float32") for state in reader.inputs[1:]]
    logits = reader.predict_on_batch([ids[None], *states])[0][0].astype("float64")
    logits[:, [data.START, data.UNKNOWN]] = -np.inf
    spans = text.find_elements("tag name", "span")
    for place in (3, len(lesson.PROMPT) + 7):
        browser.execute_script("arguments[0].click()", spans[place])
        spans = text.find_elements("tag name", "span")
        found = browser.find_elements("css selector", "[data-share]")
        shares = quick.softmax(logits[place] / TEMPERATURE)
        assert len(found) == 24
        for element in found:
            token = int(element.get_attribute("data-token"))
            assert float(element.get_attribute("data-share")) == pytest.approx(
                shares[token], abs=1e-5
            )


def test_drawing_anew_and_another_beginning(page, open_page):
    browser = open_page(page)

    def text():
        return browser.find_element("id", "text").get_attribute("textContent")

    before = text()
    buttons = {
        each.text: each for each in browser.find_elements("css selector", ".controls button")
    }
    buttons["draw anew"].click()
    assert text() != before and text().startswith(lesson.PROMPT)
    buttons["fifty more"].click()
    assert len(text()) == len(before) + 50
    prompt = browser.find_element("id", "prompt")
    prompt.clear()
    prompt.send_keys("A Ж")
    assert text().startswith("A �"), "an unknown character is read as unknown"
    note = browser.find_element("css selector", "#figure p.facts").text
    assert "Ж" in note


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_it_can_be_read(size, page, open_page):
    assert not complaints(open_page(page, size))
    assert page.stat().st_size < 2e6
