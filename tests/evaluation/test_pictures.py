"""The pictures in the pages: what is embedded comes out again, and names are escaped."""

import base64
import io
import re

import numpy as np
import pytest
from PIL import Image

from shared.evaluation.pictures import confusion_matrix, frame_grid, picture_grid


def embedded(page):
    found = re.findall(r'src="data:image/png;base64,([^"]+)"', page)
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(each)))) for each in found]


@pytest.mark.parametrize("shape", [(5, 4), (5, 4, 1), (5, 4, 3)])
def test_images_are_embedded_as_they_are(shape):
    images = np.random.default_rng(1).integers(0, 256, (3, *shape), "uint8")
    page = picture_grid(images, ["a", "b", "c"])
    for found, image in zip(embedded(page), images, strict=True):
        np.testing.assert_array_equal(found, image.squeeze(-1) if shape[-1] == 1 else image)
    assert re.findall(r"<figcaption>(.*?)</figcaption>", page) == ["a", "b", "c"]


def test_captions_are_escaped_and_small_images_enlarged():
    page = picture_grid([np.zeros((28, 28), "uint8")], ["<b>A & B</b>"])
    assert "&lt;b&gt;A &amp; B" in page and "<b>" not in page
    assert 'width="84"' in page
    assert 'width="200"' in picture_grid([np.zeros((100, 200), "uint8")], [""])


def test_a_caption_for_each_image():
    with pytest.raises(ValueError):
        picture_grid(np.zeros((2, 4, 4), "uint8"), ["one"])


def test_of_a_long_clip_evenly_spread_frames_are_shown():
    frames = np.zeros((400, 4, 6, 1), "uint8")
    page = frame_grid(frames, [f"frame {i}" for i in range(400)])
    steps = [int(step) for step in re.findall(r"data-step=(\d+)", page)]
    assert steps == list(range(0, 400, 3)) and "Every 3th frame" not in page
    assert re.findall(r"<figcaption>(.*?)</figcaption>", page)[1] == "frame 3"
    assert "One frame of 3 is shown" in page
    large = frame_grid(np.zeros((40, 128, 128, 3), "uint8"), 40 * ["x"])
    assert large.count("<img") * 128 * 128 * 3 <= 1_500_000
    assert frame_grid(frames[:5], 5 * ["x"]).count("<img") == 5


def texts(svg):
    """The texts that matplotlib leaves beside its glyphs, as comments."""
    return [text.strip() for text in re.findall(r"<text[^>]*>(.*?)</text>", svg)]


def test_confusion_matrix_names_and_numbers():
    svg = confusion_matrix([[81, 0, 2], [0, 93, 0], [4, 0, 75]], ["cat", "dog", "$x_1$ <b>"])
    assert svg.startswith("<svg") and svg.rstrip().endswith("</svg>")
    found = texts(svg)
    assert {"81", "93", "75", "2", "4"} <= set(found) and "0" not in found
    assert {"cat", "dog", "answer", "label"} <= set(found)
    assert "<b>" not in svg


def test_confusion_matrix_of_a_class_without_examples():
    assert "5" in texts(confusion_matrix([[5, 0], [0, 0]], ["some", "none"]))
