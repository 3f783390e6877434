"""The inside of a layer: what is shown, in which order, on which scale; and in a browser."""

import base64
import io
import json
import re
import time
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from shared.evaluation import arrange
from shared.evaluation.inside import inside
from shared.evaluation.inspection import answer, read_picture, speaking, write_inspection
from shared.evaluation.pictures import picture_grid
from shared.evaluation.report import coloured_text
from shared.evaluation.sentences import places, sentences
from tests.browser import DESKTOP, PHONE, complaints

GATES = ("input_gate", "forget_gate", "output_gate")


def traced(steps=6, units=10, seed=1):
    """What `trace` might tell of an LSTM."""
    draw = np.random.default_rng(seed)
    found = {name: draw.normal(size=(steps, units)) for name in ("hidden_state", "cell_state")}
    found["candidate"] = np.tanh(draw.normal(size=(steps, units)))
    found |= {name: 1 / (1 + np.exp(-draw.normal(size=(steps, units)))) for name in GATES}
    return {name: values.astype("float32") for name, values in found.items()}


def written(folder, *sections):
    run = SimpleNamespace(recipe="sentiment", config={}, notice="", path=lambda name: folder / name)
    return write_inspection(run, "what was given", list(sections))


# What is shown, and how


def test_alike_units_stand_together():
    """Three groups of units, scattered over the numbers and noisy, are found again."""
    draw = np.random.default_rng(3)
    group = draw.permutation(np.repeat(range(3), 20))
    pictures = [
        draw.normal(size=(30, 3))[:, group] + 0.3 * draw.normal(size=(30, 60)) for _ in range(4)
    ]
    order = arrange.order(pictures)
    assert sorted(order) == list(range(60))
    found = group[order]
    assert (found[1:] != found[:-1]).sum() == 2, "each group in one piece"
    values = pictures[0][:, order]
    near = np.linalg.norm(values[:, 1:] - values[:, :-1], axis=0).mean()
    assert near < 0.6 * np.linalg.norm(np.diff(pictures[0]), axis=0).mean()


@pytest.mark.parametrize("units", [1, 2])
def test_an_order_of_few_units_that_never_change(units):
    assert sorted(arrange.order([np.zeros((5, units))])) == list(range(units))


def test_a_gate_that_is_nearly_always_open_has_a_scale_on_which_it_differs():
    """Values from 0.9 to 0.999: as strengths of colour they fill the scale."""
    keep = 1 - 10 ** -np.linspace(1, 3, 1000)
    strengths, (low, middle, high) = arrange.scaled("forget_gate", keep)
    arguments = np.log(keep / (1 - keep))
    ends = np.quantile(arguments, (0.01, 0.99))
    np.testing.assert_allclose(
        strengths, np.clip((arguments - ends[0]) / (ends[1] - ends[0]), 0, 1), atol=1e-9
    )
    assert 0.9 < low < middle < high < 0.999
    assert abs(np.quantile(strengths, 0.5) - 0.5) < 0.05 and strengths.std() > 0.25
    assert np.log(middle / (1 - middle)) == pytest.approx(ends.mean())


def test_states_have_zero_in_the_middle_of_the_scale():
    values = np.array([-4.0, 0.0, 1.0, 2.0] + 996 * [0.5])
    strengths, marks = arrange.scaled("cell_state", values)
    assert marks == (-0.5, 0.0, 0.5)
    np.testing.assert_allclose(strengths[:5], [0, 0.5, 1, 1, 1])


@pytest.mark.parametrize("name", ["forget_gate", "cell_state"])
@pytest.mark.parametrize("value", [0.0, 1.0])
def test_a_scale_of_what_never_changes(name, value):
    strengths, (low, _, high) = arrange.scaled(name, np.full((4, 3), value))
    assert np.isfinite(strengths).all() and low < high and np.ptp(strengths) == 0


def test_the_units_that_tell_most_move_and_are_not_alike():
    steps = np.linspace(0, 6, 50)
    values = np.stack([np.sin(steps), 2 * np.sin(steps), np.cos(steps), 0 * steps], axis=1)
    assert arrange.most_telling(values, 2) == [1, 2], "not 0, which is like 1"
    assert arrange.most_telling(values, 3) == [1, 2, 3]


@pytest.mark.parametrize(
    "gates, keeping, formula",
    [
        (("forget_gate",), lambda found: found["forget_gate"], "1 / (1 - f)"),
        (("update_gate", "reset_gate"), lambda found: found["update_gate"], "1 / (1 - z)"),
        (("update_gate",), lambda found: 1 - found["update_gate"], "1 / z"),
    ],
)
def test_how_long_a_unit_keeps_what_it_holds(gates, keeping, formula):
    draw = np.random.default_rng(5)
    found = {name: draw.uniform(0.2, 0.99, (20, 30)) for name in gates}
    said = " ".join(sentences(gates[0], found, places(["a"] * 20, "word")))
    steps = 1 / (1 - keeping(found).mean(axis=0))
    assert f"about {formula} steps" in said
    assert f"half of the units for up to {np.median(steps):.1f}," in said
    assert f"unit {steps.argmax() + 1} longest, for {steps.max():.1f}" in said


def test_sentences_name_the_steps_at_which_it_happens():
    found = traced(steps=5)
    found["hidden_state"][:] = 0
    found["hidden_state"][3:] = 1
    found["output_gate"][:] = 0.5
    found["output_gate"][2] = 0.75
    at = places(["not", "even", "the", "cast", "saves"], "word")
    assert "changes most at “cast” (word 4)" in " ".join(sentences("hidden_state", found, at))
    said = " ".join(sentences("output_gate", found, at))
    assert "is 0.55 as a mean" in said and "most open at “the” (word 3), 0.75" in said
    assert places(["1", "2"], "frame")(1) == "frame 2"


def test_units_that_speak_for_an_answer():
    shares = np.array([[1.0, 0.0, 0.0], [0.0, 3.0, 3.0], [0.5, 0.5, 0.5], [-2.0, 1.0, 0.0]])
    found = speaking(shares, 0, ["yes", "no", "maybe"], count=3)
    assert found == {1: "-3.00 for yes", 3: "-2.50 for yes", 0: "+1.00 for yes"}
    assert speaking(None, 0, ["yes"]) == {} and speaking(shares[:, :1], 0, ["yes"], 1)


# The markup, without JavaScript


def decoded(page, name):
    """A picture's heat map as an array, and its numbers as the script has them."""
    source = re.search(f'data-name="{name}".*?base64,([^"]+)"', page, re.DOTALL)[1]
    image = np.asarray(Image.open(io.BytesIO(base64.b64decode(source))))
    data = json.loads(re.search(r'<script type="application/json">(.*?)</script>', page)[1])
    (picture,) = (each for each in data["pictures"] if each["name"] == name)
    low, high = (np.array(picture[end])[:, None] for end in ("low", "high"))
    places = np.frombuffer(base64.b64decode(picture["values"]), "uint8").reshape(len(low), -1)
    return image, low + places / 255 * (high - low), np.array(data["units"]) - 1


@pytest.mark.parametrize("name", ["cell_state", "forget_gate"])
def test_pictures_and_numbers_are_those_of_the_trace(name):
    found = traced(steps=40, units=30)
    image, values, units = decoded(inside(found, 40 * ["x"]), name)
    expected = found[name].astype("float64")[:, units].T
    spans = np.ptp(expected, axis=1, keepdims=True)
    assert (abs(values - expected) <= spans / 500).all()
    strengths, _ = arrange.scaled(name, expected)
    np.testing.assert_allclose(image, 255 * strengths, atol=0.51)


def test_the_page_stands_without_its_script():
    page = inside(traced(), ["He", "<said>", "it", "was", "not", "good"], telling={3: "says no"})
    assert page.count('<img src="data:image/png') == 6 and page.count('alt="') == 6
    assert "unit 4, says no" in page and "<polyline points=" in page
    assert "&lt;said&gt;" in page and "<said>" not in page
    heads = re.findall(r"</i> ([A-Z].*?)</h3>", page)
    assert heads[:3] == ["Cell state c", "Hidden state h", "Forget gate f"]


def test_500_steps_of_1024_units(tmp_path):
    """Under 5 MB, in seconds, and the page says that units are left out."""
    found = traced(steps=500, units=1024)
    words = [f"word{i}" for i in range(500)]
    started = time.perf_counter()
    page = written(tmp_path, ("Inside", inside(found, words)))
    assert time.perf_counter() - started < 15
    assert page.stat().st_size < 5_000_000
    text = page.read_text()
    assert "Shown are the 256 of 1,024 units whose state changes most." in text
    _, _, units = decoded(text, "cell_state")
    movement = found["cell_state"].astype("float64").std(axis=0)
    assert set(units) == set(np.argsort(-movement)[:256])


def test_more_steps_than_a_page_can_hold_are_told():
    found = traced(steps=1200, units=3)
    page = inside(found, 1200 * ["x"], each="frame", flow="")
    assert "Shown are the first 1,000 of 1,200 frames." in page


def test_units_that_are_asked_for_are_shown_even_if_they_hardly_change():
    found = traced(steps=5, units=300)
    found["cell_state"][:, 7] = 0.25
    _, _, units = decoded(inside(found, 5 * ["x"], telling={7: "quiet"}), "cell_state")
    assert 7 in units and len(units) == 256


def test_numbers_that_are_none_leave_a_page_all_the_same():
    found = traced()
    found["hidden_state"][2, 3], found["cell_state"][1, 1] = np.nan, np.inf
    assert "Cell state c" in inside(found, 6 * ["x"])


# In the browser

WORDS = ["It", "<was>", "not", "even", "“good”", "</script>", "you", "know"]


@pytest.fixture(scope="module")
def found():
    return traced(steps=len(WORDS), units=24, seed=4)


@pytest.fixture(scope="module")
def page(tmp_path_factory, found):
    frames = picture_grid(
        np.zeros((len(WORDS), 4, 4), "uint8"), WORDS, list(range(len(WORDS))), small=True
    )
    return written(
        tmp_path_factory.mktemp("inside"),
        ("Answer", answer("good", "probability 0.75", [("good", 0.75), ("bad", 0.25)])),
        ("Evidence", coloured_text(WORDS, np.linspace(-1, 1, len(WORDS)), of="steps")),
        ("Frames", frames),
        ("Inside", inside(found, WORDS)),
    )


def read(browser, found):
    """The numbers that the page shows, by name, and the step and unit that they are of."""
    text = browser.find_element("css selector", ".bar p").text
    step = int(re.search(r"word (\d+)", text)[1]) - 1
    unit = int(re.search(r"unit (\d+)", text)[1]) - 1
    shown = {
        each.get_attribute("data-name"): float(each.text.split()[-1])
        for each in browser.find_elements("css selector", ".bar p span[data-name]")
    }
    for name, value in shown.items():
        span = np.ptp(found[name][:, unit])
        assert abs(value - found[name][step, unit]) <= span / 500 + 0.001, name
    assert set(shown) == set(found)
    return step, unit


def click_map(browser, name, row, step, rows=24):
    from selenium.webdriver.common.action_chains import ActionChains

    plot = browser.find_element("css selector", f'[data-name="{name}"] .plot')
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", plot)
    width, height = plot.size["width"], plot.size["height"]
    x = int((step + 0.5) / len(WORDS) * width - width / 2)
    y = int((row + 0.5) / rows * height - height / 2)
    ActionChains(browser).move_to_element_with_offset(plot, x, y).click().perform()


def test_a_unit_is_picked_and_its_line_is_drawn(page, open_page, found):
    browser = open_page(page)
    units = json.loads(
        browser.find_element("css selector", ".inside script").get_attribute("textContent")
    )["units"]
    click_map(browser, "forget_gate", 17, 3)
    assert read(browser, found) == (3, units[17] - 1)
    for name in ("cell_state", "forget_gate"):
        strip = browser.find_element("css selector", f'[data-name="{name}"] .row')
        assert f"unit {units[17]}" in strip.text
        points = strip.find_element("css selector", "polyline").get_attribute("points")
        heights = np.array([float(each.split(",")[1]) for each in points.split()])
        values = found[name][:, units[17] - 1].astype("float64")
        high, low = values.max(), values.min()
        if name == "cell_state":
            high, low = abs(values).max(), -abs(values).max()
        np.testing.assert_allclose(heights, 100 * (high - values) / (high - low), atol=0.5)
    flow = browser.find_element("css selector", ".flow + p").text
    assert f"unit {units[17]}" in flow


def test_a_step_is_pointed_at_wherever_it_stands(page, open_page, found):
    from selenium.webdriver.common.action_chains import ActionChains

    browser = open_page(page)
    places = {
        "a word of the evidence": '.tokens:not(.flow) [data-step="2"]',
        "a frame": 'figure[data-step="5"]',
        "a word that is coloured by the unit": '.flow [data-step="4"]',
    }
    for place, selector in places.items():
        element = browser.find_element("css selector", selector)
        browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
        ActionChains(browser).move_to_element(element).perform()
        step = int(element.get_attribute("data-step"))
        assert read(browser, found)[0] == step, place
        lit = browser.find_elements("css selector", ".lit[data-step]")
        assert {int(each.get_attribute("data-step")) for each in lit} == {step}


def test_the_pointer_on_a_heat_map_shows_the_number_there(page, open_page, found):
    browser = open_page(page)
    click_map(browser, "candidate", 5, 6)
    near = browser.find_element("css selector", ".pointer").text
    unit, value = re.search(r"unit (\d+): (-?[\d.]+)", near).groups()
    exact = found["candidate"][6, int(unit) - 1]
    assert near.startswith("you ") and float(value) == pytest.approx(exact, abs=0.01)


def test_everything_works_with_the_keyboard(page, open_page, found):
    from selenium.webdriver.common.keys import Keys
    from selenium.webdriver.support.select import Select

    browser = open_page(page)
    slider = browser.find_element("css selector", '.bar input[type="range"]')
    before = browser.find_element("css selector", ".flow span").get_attribute("style")
    slider.send_keys(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    step, unit = read(browser, found)
    assert step == 2
    chooser = Select(browser.find_element("css selector", ".bar select"))
    other = 1 + (unit + 1) % 24
    (option,) = (each for each in chooser.options if each.text.split(",")[0] == f"unit {other}")
    chooser.select_by_visible_text(option.text)
    assert read(browser, found) == (2, other - 1)
    assert browser.find_element("css selector", ".flow span").get_attribute("style") != before


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_the_page_can_be_read(page, open_page, size):
    assert not complaints(open_page(page, size))


def test_the_page_is_there_without_javascript(page, open_page):
    browser = open_page(page)
    switch = "Emulation.setScriptExecutionDisabled"
    browser.execute_cdp_cmd(switch, {"value": True})
    try:
        browser.refresh()
        assert not browser.find_elements("css selector", ".bar"), "otherwise this tests nothing"
        maps = browser.find_elements("css selector", ".map .plot img")
        assert len(maps) == 6 and all(each.size["height"] > 50 for each in maps)
        assert len(browser.find_elements("css selector", ".telling polyline")) == 4
        assert "Forget gate f" in browser.find_element("tag name", "body").text
    finally:
        browser.execute_cdp_cmd(switch, {"value": False})


def test_a_cell_that_takes_one_step(tmp_path, open_page):
    found = traced(steps=1, units=24)
    browser = open_page(written(tmp_path, ("Inside", inside(found, ["1"], "step", flow=""))))
    assert "took a single step" in browser.page_source
    chooser = browser.find_element("css selector", ".bar select")
    unit = int(chooser.find_element("css selector", "option").text.split()[1].rstrip(","))
    value = browser.find_element("css selector", '.bar span[data-name="cell_state"]').text
    assert float(value.split()[-1]) == pytest.approx(found["cell_state"][0, unit - 1], abs=0.01)


def test_a_picture_that_is_read_in_steps_says_where_one_is(tmp_path, open_page):
    found = traced(steps=12, units=5)
    image = np.zeros((3, 4), "uint8")
    browser = open_page(
        written(
            tmp_path,
            ("Read", read_picture(image, columns=4)),
            ("Inside", inside(found, [str(i + 1) for i in range(12)], "pixel", flow="")),
        )
    )
    browser.execute_script(
        "const slider = document.querySelector('.bar input');"
        "slider.value = 7; slider.dispatchEvent(new Event('input'));"
    )
    mark = browser.find_element("css selector", ".read .mark").rect
    picture = browser.find_element("css selector", ".read img").rect
    middle = (mark["x"] + mark["width"] / 2, mark["y"] + mark["height"] / 2)
    assert (middle[0] - picture["x"]) / picture["width"] == pytest.approx(2.5 / 4, abs=0.02)
    assert (middle[1] - picture["y"]) / picture["height"] == pytest.approx(1.5 / 3, abs=0.02)
