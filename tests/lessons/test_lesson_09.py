"""Stacked: probes answer what they are asked, and the page says how well."""

import numpy as np
import pytest
from selenium.webdriver.support.ui import Select

from lessons import lesson_09_stacked as lesson
from lessons import probes
from lessons.networks import read_validation
from lessons.page import write_page
from tests.browser import DESKTOP, PHONE, complaints
from tests.lessons import quick

LENGTH = 8000


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return quick.book(tmp_path_factory, "language_modeling")


@pytest.fixture(scope="module")
def page(folder):
    name = lesson.__name__.split(".")[-1]
    return folder / write_page(folder, [name], 0, lesson.build(folder, LENGTH))


def test_questions_about_a_text():
    found = probes.questions('of "it a"\n\n  the of\n')
    assert "".join(found["Which character was just read?"]) == 'of "it a"\n\n  the of\n'
    assert found["Which was read three before?"][:5] == ["", "", "", "o", "f"]
    letters = "".join(found["How many letters into the word?"])
    assert letters == "12" + "00" + "12" + "0" + "1" + "000" + "00" + "123" + "0" + "12" + "0"
    ends = [
        place for place, answer in enumerate(found["Does the word end here?"]) if answer == "yes"
    ]
    assert ends == [1, 5, 7, 15, 18]
    before = found["Which word came before this one?"]
    assert before[:2] == ["other"] * 2 and before[2:6] == ["of"] * 4
    assert before[6:8] == ["other"] * 2 and before[8:13] == ["a"] * 5
    assert before[16:19] == ["the"] * 3
    inside = [answer == "yes" for answer in found["Inside quotation marks?"]]
    assert inside == [False] * 3 + [True] * 5 + [False] * 12
    indented = [answer == "yes" for answer in found["Is the line indented?"]]
    assert indented == [False] * 11 + [True] * 8 + [False]
    assert set(found["Which fifth of the line is this?"]) == {"1"}
    assert probes.questions("a" * 90)["Which fifth of the line is this?"][-1] == "5"


def test_rare_characters_are_one_answer():
    text = "".join(chr(97 + place % 26) * (30 - place % 26) for place in range(26)) + "XYZ123"
    found = set(probes.questions(text)["Which character was just read?"])
    assert len(found) == probes.LETTERS + 1 and "another" in found


def test_a_probe_learns_what_one_matrix_can_tell_and_nothing_else():
    draw = np.random.default_rng(1)
    states = draw.normal(size=(3000, 12)).astype("float32")
    linear = (states @ draw.normal(size=(12, 3))).argmax(axis=1)
    product = (states[:, 0] * states[:, 1] > 0).astype(int)
    for answers, low, high in ((linear, 0.95, 1), (product, 0.4, 0.6)):
        probe = probes.fit(states[:2000], answers[:2000], 3)
        assert low <= (probe(states[2000:]) == answers[2000:]).mean() <= high


def test_guesses_count_the_training_part_alone():
    answers = np.array([0, 1, 1, 1, 0, 0, 0, 0, 0])
    trained_on = np.arange(9) < 5
    most_frequent, of_token = probes.guess(list("abbabbacc"), answers, trained_on)
    assert (most_frequent == 1).all()
    # After a: 0 or 1, once each; the first of them. After b: 1. c is not there.
    assert of_token.tolist() == [0, 1, 1, 0, 1, 1, 0, 1, 1]


def test_scores_are_of_the_other_pieces(page, folder, open_page):
    reading = read_validation(folder, LENGTH)
    found = lesson.answer_all(reading.text, reading.hidden)
    scored_on = np.arange(LENGTH) // probes.PIECE % 2 == 1
    browser = open_page(page)
    shown = [element.text for element in browser.find_elements("css selector", "#figure svg text")]
    for _, right, given in found.values():
        for answers, (who, *_) in zip(given, lesson.WHO, strict=True):
            assert f"{np.mean(answers[scored_on] == right[scored_on]):.3f} {who}" in shown


def test_a_question_and_a_character_are_chosen(page, folder, open_page):
    reading = read_validation(folder, LENGTH)
    found = lesson.answer_all(reading.text, reading.hidden)
    browser = open_page(page)
    shown = browser.find_elements("css selector", "#answers .joined")[0].get_attribute(
        "textContent"
    )
    begin = reading.text.index(shown)
    assert begin // probes.PIECE % 2 == (begin + len(shown)) // probes.PIECE % 2 == 1
    question = "How many letters into the word?"
    Select(browser.find_element("id", "question")).select_by_visible_text(question)
    classes, right, given = found[question]
    for layer, paragraph in enumerate(browser.find_elements("css selector", "#answers .joined")):
        spans = paragraph.find_elements("tag name", "span")
        browser.execute_script("arguments[0].click()", spans[40])
        marked = browser.execute_script(
            "return [...arguments[0].children].map(span => span.dataset.right === 'true')",
            paragraph,
        )
        here = slice(begin, begin + len(shown))
        assert marked == (given[2 + layer] == right)[here].tolist()
    assert browser.find_element("id", "right").text == classes[right[begin + 40]]
    said = browser.find_element("id", "numbers").text
    for layer in (0, 1):
        assert f"Layer {layer + 1}: {classes[given[2 + layer][begin + 40]]}." in said


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_it_can_be_read(size, page, open_page):
    assert not complaints(open_page(page, size))
    assert page.stat().st_size < 2e6
