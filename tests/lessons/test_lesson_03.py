"""Five patterns: what is drawn is what the networks do."""

import re

import numpy as np
import pytest

from lessons import lesson_03_five_patterns_one_cell as lesson
from lessons.patterns import recurrent_weights, wiring
from recipes.image_classification import model as image_classification
from tests.browser import PHONE, complaints
from tests.conftest import ROOT
from tests.lessons.pages import choose, move, written


@pytest.fixture(scope="module")
def networks():
    return lesson.networks("rnn")


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lesson, "CELLS", ("lstm", "gru"))  # which is quicker
        yield written(tmp_path_factory.mktemp("book"), lesson)


EVERY = [0, 1, 2, 3]
PATTERNS = {  # timesteps of the stretches, where inputs arrive, where outputs are read from
    "image_classification": ([[0]], [[0]], [[0]]),
    "captioning": ([EVERY], [[0]], [[0], [1], [2], [3]]),
    "sentiment": ([EVERY], [[0], [1], [2], [3]], [EVERY]),
    "translation": ([[0, 1, 2], [3, 4, 5]], [[0], [1], [2]], [[3], [4], [5]]),
    "frame_labeling": ([EVERY], [[0, 1], [1, 2], [2, 3], [3]], [[0], [1], [2], [3]]),
}


@pytest.mark.parametrize("name", PATTERNS)
def test_the_networks_have_the_patterns(name, networks):
    _, network, inputs = networks[name]
    found = wiring(network, inputs)
    assert (found.stretches, found.inputs, found.outputs) == PATTERNS[name]
    reads_own = {"captioning": EVERY, "translation": [3, 4, 5]}
    assert found.written == reads_own.get(name, [])
    assert found.handed_on == ([(0, 1)] if name == "translation" else [])
    # Every answer is there only when all has been read.
    assert found.changes == [list(range(len(found.outputs)))] * len(found.inputs)


def test_forwards_a_frame_changes_no_earlier_label(networks):
    _, network, inputs = networks["frame_labeling_forward"]
    found = wiring(network, inputs)
    assert found.changes == [[0, 1, 2, 3], [1, 2, 3], [2, 3], [3]]
    assert (found.forward, found.backward) == ([True], [False])


def test_another_network_is_another_picture():
    """Read row by row, a picture is a sequence: the pattern is many to one."""
    network = image_classification.build_model((8, 8, 1), 4, cell="gru", units=8, scan="rows")
    pixels = np.random.default_rng(0).uniform(0, 255, (1, 8, 8, 1)).astype("float32")
    found = wiring(network, {"pixels": pixels})
    assert found.inputs == [[t] for t in range(8)]
    assert found.outputs == [[7]]
    assert lesson.diagram("many to one", found).count("data-input") == 8


def test_weights_are_those_of_the_recurrent_layers(networks):
    """Of the simple RNN: (features + units + 1) * units, and twice that in both directions."""
    expected = {"image_classification": 200, "captioning": 136, "sentiment": 272}
    for name, weights in expected.items():
        assert recurrent_weights(networks[name][1]) == weights


def test_a_click_leads_to_the_recipe(page):
    links = re.findall(r'<a href="([^"]+README.md)"', page.read_text())
    assert len(links) == 6
    for link in links:
        assert (ROOT / "runs" / "lessons" / link).resolve().exists()


def test_a_changed_input_lights_what_it_changes(page, open_page):
    browser = open_page(page)

    def bright(name, boxes):
        found = browser.find_elements("css selector", f'[data-pattern="{name}"] [data-{boxes}]')
        return [n for n, box in enumerate(found) if box.value_of_css_property("opacity") == "1"]

    forward = browser.find_element("css selector", '[data-pattern="frame_labeling_forward"]')
    assert not forward.is_displayed()
    browser.find_element("css selector", 'input[type="checkbox"]').click()
    assert forward.is_displayed()
    move(browser, "changed input", 3)
    assert bright("frame_labeling_forward", "input") == [2]
    assert bright("frame_labeling_forward", "output") == [2, 3]
    assert bright("translation", "output") == [0, 1, 2]
    assert bright("captioning", "output") == []  # there is no third input
    move(browser, "changed input", 0)
    assert bright("captioning", "output") == [0, 1, 2, 3]


def test_another_cell_has_another_number_of_weights(page, open_page):
    browser = open_page(page, PHONE)
    assert not complaints(browser)
    shown = browser.find_element("css selector", '[data-pattern="captioning"] .weights')
    assert shown.text == str(4 * (8 + 8 + 1) * 8)
    choose(browser, "cell", "gru")
    assert shown.text == str(3 * (8 + 8 + 2) * 8)
