"""Properties of a text, and the units that tell them: found, and never by chance."""

import numpy as np
import pytest

from shared.evaluation import units


def test_properties_of_a_text():
    found = units.properties(list('a "Bc"\nd'))
    assert found["inside quotation marks"].tolist() == [0, 0, 1, 1, 1, 0, 0, 0]
    assert found["capital letter"].tolist() == [0, 0, 0, 1, 0, 0, 0, 0]
    assert found["position in the line"].tolist() == [1, 2, 3, 4, 5, 6, 0, 1]
    assert found["end of the line next"].tolist() == [0, 0, 0, 0, 0, 1, 0, 0]
    forgotten = units.properties(list('"a\nb\n\nc'))["inside quotation marks"]
    assert forgotten.tolist() == [1, 1, 1, 1, 1, 0, 0], "a mark is open until the paragraph ends"
    curved = units.properties([" “Oh", " no", "”"])["inside quotation marks"]
    assert curved.tolist() == [1, 1, 0]
    indented = units.properties(list("a b\n  c d\n\te\nf"))["indented line"]
    assert indented.tolist() == [0, 0, 0, 0, *(1, 1, 1, 1, 1), 0, *(1, 1), 0, 0]


def test_the_unit_that_tells_is_found_and_chance_is_not_taken_for_it():
    tokens = list('He said "Yes" and\nshe said "No" or\nmaybe not.\n' * 60)
    truth = units.properties(tokens)["inside quotation marks"]
    draw = np.random.default_rng(1)
    hidden = draw.normal(size=(len(tokens), 2, 40))
    hidden[:, 1, 6] -= 9 * truth  # negative there: it tells as well as a positive one
    found = units.find_units(hidden, tokens)
    (layer, unit, score), *others = found["inside quotation marks"]
    assert (layer, unit) == (2, 7) and score > 0.99
    assert len(others) == 4 and max(abs(score) for _, _, score in others) < 0.15
    by_chance = [score for *unit, score in found["position in the line"] if unit != [2, 7]]
    assert len(by_chance) >= 4 and max(map(abs, by_chance)) < 0.15


def test_every_unit_is_measured_on_both_halves():
    draw = np.random.default_rng(2)
    tokens = list('  one "two"\nThree\n' * 20)
    hidden = draw.normal(size=(len(tokens), 2, 3))
    half = len(tokens) // 2
    properties = units.properties(tokens)
    for name, (at_first, then) in units.measure_units(hidden, tokens).items():
        first, second = (
            np.array([units.score(hidden[part, layer], properties[name][part]) for layer in (0, 1)])
            for part in (slice(half), slice(half, None))
        )
        np.testing.assert_allclose(at_first, first)
        np.testing.assert_allclose(then, np.sign(first) * second)


def test_no_unit_is_named_for_what_does_not_occur():
    hidden = np.random.default_rng(1).normal(size=(60, 1, 4))
    found = units.find_units(hidden, list("no such marks. " * 4))
    assert found["inside quotation marks"] == found["capital letter"] == []
    assert len(found["position in the line"]) == 4
    for length in (0, 1, 2):
        assert not any(units.find_units(hidden[:length], ["a"] * length).values())


def test_scores_against_their_definitions():
    draw = np.random.default_rng(1)
    hidden, truth = draw.integers(0, 4, (50, 3)).astype(float), draw.random(50) < 0.3
    for unit, score in enumerate(units.score(hidden, truth)):
        pairs = hidden[truth, unit][:, None] - hidden[~truth, unit]
        area = (pairs > 0).mean() + (pairs == 0).mean() / 2
        assert score == pytest.approx(2 * area - 1)
    numbers = draw.integers(0, 30, 50)
    expected = [np.corrcoef(column, numbers)[0, 1] for column in hidden.T]
    np.testing.assert_allclose(units.score(hidden, numbers), expected)


def test_sections_name_the_units_and_colour_the_text():
    tokens, hidden = list('a <b> "C"'), np.linspace(-1, 1, 9 * 2 * 3).reshape(9, 2, 3)
    found = {name: [] for name in units.NAMES} | {"capital letter": [(2, 3, 0.5), (1, 1, 0.4)]}
    sections = dict(units.unit_sections(found, "a text", tokens, hidden, asked=(1, 2)))
    table = sections["Units that tell something"]
    assert "the first half of a text" in table and "0.5000" in table
    assert table.count("not there, or everywhere") == len(units.NAMES) - 1
    assert "0.4000" in table
    assert list(sections)[2:] == [
        "Layer 2, unit 3: capital letter",
        "Layer 1, unit 2: as asked for",
    ]
    picture = sections["Layer 1, unit 2: as asked for"]
    assert "&lt;" in picture and f"{hidden[4, 0, 1]:+.3f}" in picture
