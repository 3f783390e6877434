"""Attention: weights are those of the equations, and the page shows those of each step."""

import numpy as np
import pytest
from keras import ops
from selenium.webdriver.support.ui import Select

from lessons import lesson_11_attention as lesson
from lessons.networks import trained
from recipes.translation import data as pairs
from recipes.translation import model as translator
from recipes.translation import sample
from shared.data.batching import pad
from shared.data.subwords import START
from tests.browser import DESKTOP, PHONE, complaints
from tests.lessons import quick
from tests.lessons.pages import written

SCENES = 3


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return quick.book(tmp_path_factory, "translation", "captioning")


@pytest.fixture(scope="module")
def page(folder):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lesson, "MEASURED", SCENES)
        patch.setattr(lesson, "PICTURES", SCENES)
        patch.setattr(lesson, "SENTENCES", lesson.SENTENCES[:2])
        return written(folder, lesson)


@pytest.fixture(scope="module")
def sentences(folder):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lesson, "SENTENCES", lesson.SENTENCES[:2])
        return lesson.translations(trained(folder, "translation"))


def test_the_sentences_are_of_the_test_split():
    assert set(lesson.SENTENCES) <= {english for english, _ in sample.generate("test")}


def test_weights_are_the_softmax_of_the_scores(folder, sentences):
    run = trained(folder, "translation")
    network, names = run.load_model(), pairs.load_names(run)
    decoder = network.get_layer("decoder")
    for sentence in sentences:
        (source,) = pairs.to_ids([sentence["text"]], names.source, 60)
        target = [names.target.piece_to_id(piece) for piece in sentence["written"][:-1]]
        memory, _, states = translator.encode(network.get_layer("encoder"), pad([source]))
        vectors = network.get_layer("target_vectors")
        x = translator.read_vectors(vectors, pad([[START, *target]]))
        (layer,) = decoder.layers
        query = layer(x, initial_state=[ops.convert_to_tensor(each) for each in states[0]])[0]
        (W,) = decoder.attention.of_query.get_weights()
        memory, query = (np.asarray(each)[0].astype("float64") for each in (memory, query))
        scores = query @ W.astype("float64") @ memory.T / np.sqrt(memory.shape[-1])
        np.testing.assert_allclose(sentence["weights"], quick.softmax(scores), atol=1e-5)


def test_the_side_that_a_word_looks_at():
    words = ["a", "small", "red", "square", "left", "of", "a", "large", "blue", "ring", "end"]
    weights = np.zeros((11, 2, 4))
    weights[:, 0, 0] = 1  # all on the left
    assert lesson.right_side(words, weights) == [1, 1, 1, 0, 0, 0]
    weights[2] = 0.125  # red looks everywhere alike
    weights[9] = np.roll(weights[9], 3, axis=1)  # and ring to the right
    assert lesson.right_side(words, weights) == [1, 0.5, 1, 0, 0, 1]
    words = ["a", "large", "blue", "ring", "right", "of", "a", "small", "red", "square", "end"]
    assert lesson.right_side(words, weights) == [0, 0.5, 0, 1, 1, 0]
    words = ["a", "small", "red", "square", "above", "a", "large", "blue", "ring", "end"]
    assert lesson.right_side(words, weights[:10]) == [1, 0.5, 1, 0, 0, 0]
    assert (
        lesson.right_side(
            ["a", "small", "red", "square", "and", "a", "ring", "on", "its", "right", "end"],
            weights,
        )
        == []
    )
    assert lesson.right_side(["end"], weights[:1]) == []


def test_a_sentence_step_by_step(page, sentences, open_page):
    browser = open_page(page)

    def check(sentence, step):
        weights = sentence["weights"][step]
        shown = [
            float(element.text)
            for element in browser.find_elements("css selector", "#figure [data-weight]")
        ]
        np.testing.assert_allclose(shown, weights, atol=0.0051)
        assert browser.find_element("id", "written").text == sentence["written"][step]
        on = browser.find_element("id", "on").text
        assert weights[sentence["read"].index(on)] == pytest.approx(weights.max(), abs=1e-4)

    check(sentences[0], 0)
    buttons = {each.text: each for each in browser.find_elements("css selector", "#figure button")}
    buttons["next step"].click()
    check(sentences[0], 1)
    Select(browser.find_element("id", "sentence")).select_by_visible_text(lesson.SENTENCES[1])
    check(sentences[1], 0)
    buttons["step back"].click()
    check(sentences[1], 0)


def test_a_word_of_a_caption_is_chosen(page, folder, open_page):
    looked = lesson.captions(trained(folder, "captioning"), SCENES)
    browser = open_page(page)
    browser.find_elements("css selector", '[aria-label="scene"] button')[1].click()
    _, words, weights = looked[1]
    assert np.allclose(weights.sum(axis=(1, 2)), 1)
    buttons = browser.find_elements("css selector", "#words button")
    assert [button.text for button in buttons] == words
    buttons[-1].click()
    shown = [
        float(element.get_attribute("data-weight"))
        for element in browser.find_elements("css selector", "#scene [data-weight]")
    ]
    np.testing.assert_allclose(shown, weights[-1].ravel(), atol=1e-4)


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_it_can_be_read(size, page, open_page):
    assert not complaints(open_page(page, size))
    assert page.stat().st_size < 2e6
