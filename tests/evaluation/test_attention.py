"""Where a network looked: a picture of the weights, and tokens that light up what was read."""

import re
from types import SimpleNamespace

import numpy as np
import pytest

from shared.evaluation.attention import attention_matrix, looking_back
from shared.evaluation.inside import inside
from shared.evaluation.inspection import how_sure, write_inspection

SOURCE, TARGET = ["ein", "<Hund>", "$x_1$"], ["a", "dog"]
WEIGHTS = np.array([[0.9, 0.1, 0.0], [0.25, 0.5, 0.25]])


def test_the_picture_shows_the_weights_that_can_be_seen():
    svg = attention_matrix(WEIGHTS, SOURCE, TARGET)
    shown = [float(each) for each in re.findall(r'fill-opacity="([\d.]+)"', svg)]
    assert shown == [0.9, 0.1, 0.25, 0.5, 0.25]
    assert "dog, &lt;Hund&gt;: 0.500" in svg and "<Hund>" not in svg
    assert svg.startswith("<svg") and "<title>Attention" in svg


def test_how_sure_is_a_geometric_mean():
    said = how_sure(["a", "dog", "runs"], np.array([0.5, 0.25, 1.0]), "word")
    assert f"{(0.5 * 0.25) ** (1 / 3):.3f} as a geometric mean" in said and "0.250" in said
    assert "“dog”" in said


def test_a_token_that_is_pointed_at_lights_what_was_read(tmp_path, open_page):
    run = SimpleNamespace(
        recipe="translation", config={}, notice="", path=lambda name: tmp_path / name
    )
    traced = {"hidden_state": np.random.default_rng(1).normal(size=(2, 4)).astype("float32")}
    sections = [
        ("Where it looked", looking_back(WEIGHTS, SOURCE, TARGET, of="written")),
        ("Decoder", inside(traced, TARGET, of="written")),
        ("Encoder", inside({"hidden_state": np.eye(3)}, SOURCE, of="read")),
    ]
    browser = open_page(write_inspection(run, "given", sections))

    def strengths():
        read = browser.find_elements("css selector", ".looked p:nth-of-type(2) span")
        styles = [each.get_attribute("style") for each in read]
        return [float(re.search(r"([\d.]+)%", style)[1]) / 55 for style in styles]

    for step in (1, 0):
        token = browser.find_element("css selector", f'.looked [data-step="{step}"]')
        token.click()
        assert strengths() == pytest.approx(WEIGHTS[step], abs=0.02)
    shown = [each.text for each in browser.find_elements("css selector", ".bar b")]
    assert shown == ["word 1", "word 1"], "the encoder's steps are others"
