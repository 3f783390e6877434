"""Colours that stand side by side are told apart, also by people who see fewer of them."""

import itertools
import re

import numpy as np
import pytest

from shared.evaluation.colours import DARK, LIGHT, PALE, dark, themed

# What is seen together: drawn over each other in one figure.
TOGETHER = {
    "the pattern": ("input", "state", "output"),
    "an LSTM": ("forget-gate", "input-gate", "candidate", "cell-state", "output-gate"),
    "a GRU": ("update-gate", "reset-gate", "candidate", "state"),
    "cells": ("rnn", "lstm", "gru", "mingru"),
    "signs": ("state", "below"),
}
# Machado, Oliveira and Fernandes 2009, severity 1: linear RGB as seen without one kind of cone.
SEEN = {
    "all": np.eye(3),
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
# Linear sRGB -> CIE XYZ with the white D65 as 1.
TO_XYZ = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)


def linear(colour):
    """`#rrggbb` -> linear RGB from 0 to 1."""
    value = np.array([int(colour[place : place + 2], 16) for place in (1, 3, 5)]) / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def lab(rgb):
    """CIE L*a*b* of linear RGB: distances in it are about as large as they look."""
    xyz = TO_XYZ @ rgb.clip(0, 1) / TO_XYZ.sum(axis=1)
    x, y, z = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def contrast(one, other):
    """The ratio of WCAG 2.1."""
    low, high = sorted(TO_XYZ[1] @ linear(colour) for colour in (one, other))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("kind", SEEN)
@pytest.mark.parametrize("names", TOGETHER.values(), ids=TOGETHER)
def test_colours_of_a_figure_are_told_apart(theme, kind, names):
    """A distance of 2.3 is just seen where two areas touch; lines and labels want far more."""
    seen = {name: lab(np.array(SEEN[kind]) @ linear(theme[name])) for name in names}
    for one, other in itertools.combinations(names, 2):
        distance = np.linalg.norm(seen[one] - seen[other])
        assert distance >= 15, f"{one} and {other} are {distance:.1f} apart"


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_text_and_lines_stand_out(theme):
    for name in ("ink", "faint", "link"):
        for ground in ("paper", "panel"):
            assert contrast(theme[name], theme[ground]) >= 4.5, (name, ground)
    for name in {name for names in TOGETHER.values() for name in names}:
        assert contrast(theme[name], theme["paper"]) >= 3, name


def test_a_distance_and_a_contrast_by_hand():
    """Black and white are 100 and 21 apart; red has the L*a*b* of the tables."""
    np.testing.assert_allclose(np.linalg.norm(lab(linear("#000000")) - lab(linear("#ffffff"))), 100)
    np.testing.assert_allclose(contrast("#000000", "#ffffff"), 21)
    np.testing.assert_allclose(lab(linear("#ff0000")), [53.24, 80.09, 67.2], atol=0.02)


def test_both_themes_have_the_same_names():
    assert set(LIGHT) - set(DARK) <= {"notice-line"} and set(DARK) <= set(LIGHT)


def test_a_picture_takes_the_colours_of_its_page():
    pale = next(iter(PALE))
    picture = f'<path fill="{LIGHT["state"]}"/><path fill="{pale}"/><path fill="#123456"/>'
    on_page = themed(picture)
    assert "var(--state)" in on_page and f"var(--{PALE[pale]})" in on_page
    assert "#123456" in on_page and LIGHT["state"] not in on_page
    assert re.findall("#[0-9a-f]{6}", dark(picture))[0] == DARK["state"]
