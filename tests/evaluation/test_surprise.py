"""The passages of a text by how surprising they are."""

import numpy as np

from shared.evaluation.surprise import passages, surprise_sections


def test_passages_are_equally_long_and_the_least_surprising_comes_first():
    surprise = np.array([3.0, 5.0, 0.0, 1.0, 2.0, 2.0, 9.0])
    assert passages(surprise, 2) == [(0.5, 2), (2.0, 4), (4.0, 0)]
    assert passages(surprise, 7) == [(22 / 7, 0)]
    assert passages(surprise[:2], 3) == [(4.0, 0)], "a text shorter than a passage is one"


def test_sections_show_the_best_and_the_worst_passages():
    tokens = ["a"] * 1400 + ["<"] * 200 + ["b"] * 200
    surprise = np.repeat(np.arange(9.0), 200)
    surprise[1400:1600] = 10.0
    sections = dict(surprise_sections(tokens, surprise))
    least, most = sections["Least surprising passages"], sections["Most surprising passages"]
    assert least.index("0.0000") < least.index("4.0000") and "5.0000" not in least
    assert most.index("10.0000") < most.index("8.0000") < most.index("4.0000")
    assert "3.0000" not in most and "&lt;" * 200 in most
    worst = sections["Where it was surprised"]
    assert worst.count("&lt;</span>") == worst.count("b</span>") == 200 and "a</span>" not in worst
