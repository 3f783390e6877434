"""Segments of frame labels, and their F1 against a count by hand and by exhaustive matching."""

import itertools

import numpy as np
import pytest

from shared.evaluation.segments import (
    comparison,
    frame_accuracy,
    label_strips,
    segment_f1,
    segments_of,
    timed_segments,
)


def test_segments_are_the_runs():
    assert segments_of(np.array([3, 3, 0, 0, 0, 3])) == [(0, 2, 3), (2, 5, 0), (5, 6, 3)]
    assert segments_of(np.array([1])) == [(0, 1, 1)]
    assert segments_of(np.array([], int)) == []


def test_times_and_names_of_segments():
    first, second = timed_segments(np.array([1, 1, 1, 0]), ("dark", "light"), rate=30)
    assert first == {"start": 0, "end": 3, "start_seconds": 0, "end_seconds": 0.1, "label": "light"}
    assert second == {
        "start": 3,
        "end": 4,
        "start_seconds": 0.1,
        "end_seconds": 0.133,
        "label": "dark",
    }


def test_every_frame_counts_as_much():
    predicted = [np.array([0, 1]), np.array([1, 1, 1, 1, 0, 0])]
    true = [np.array([0, 0]), np.array([1, 1, 1, 1, 1, 1])]
    assert frame_accuracy(predicted, true) == 5 / 8


@pytest.mark.parametrize(
    "predicted, true, expected",
    [
        ("aabbb", "aabbb", 1.0),
        ("bbaaa", "aabbb", 0.0),
        # a: 2 of 4 frames shared, b: 4 of 6; both found.
        ("aabbbbbb", "aaaabbbb", 1.0),
        # b: 3 of 7 frames shared, which is too few.
        ("abbbbbbb", "aaaabbbb", 2 * 1 / 4),  # a: 1 of 4; b: 4 of 7
        # Two halves of one segment: only one of them may be right.
        ("aabaa", "aaaaa", 0.0),
        ("aaab", "aaaa", 2 * 1 / 3),
        ("aabcaa", "aabbaa", 2 * 3 / 7),
    ],
)
def test_counted_by_hand(predicted, true, expected):
    rows = [np.array([ord(sign) for sign in text]) for text in (predicted, true)]
    assert segment_f1([rows[0]], [rows[1]]) == pytest.approx(expected)


def test_as_many_as_the_best_matching_finds():
    """At an overlap above one half the best matching is the only one: try them all."""
    draw = np.random.default_rng(3)
    pairs = [
        [np.repeat(draw.integers(0, 3, 4), draw.integers(1, 5, 4))[:8] for _ in range(2)]
        for _ in range(200)
    ]
    pairs = [(a[:n], b[:n]) for a, b in pairs for n in [min(len(a), len(b))]]

    def frames(segment):
        return set(range(segment[0], segment[1]))

    right = total = 0
    for predicted, true in pairs:
        found, wanted = segments_of(predicted), segments_of(true)
        total += len(found) + len(wanted)
        few, many = sorted([found, wanted], key=len)
        right += max(
            sum(
                a[2] == b[2] and len(frames(a) & frames(b)) >= 0.6 * len(frames(a) | frames(b))
                for a, b in zip(few, order, strict=True)
            )
            for order in itertools.permutations(many, len(few))
        )
    found = segment_f1(*zip(*pairs, strict=True), overlap=0.6)
    assert 0.1 < found < 0.9
    assert found == pytest.approx(2 * right / total)


def test_strips_name_clips_and_classes():
    clip = ("lbbk2p (0.75)", {"predicted": np.array([0, 0, 1, 1]), "true": np.array([0, 1, 1, 1])})
    page = label_strips([clip, clip], ["silence", "<word>"])
    assert page.startswith("<svg") and page.count("<svg") == 1
    for text in ("lbbk2p (0.75)", "predicted", "true", "silence", "word"):
        assert text in page
    assert "<word>" not in page


def test_comparison_begins_with_the_worst_and_counts_what_was_taken_for_what():
    true = [np.array([0, 0, 1, 1])] * 8
    predicted = [np.array([0, 0, 1, 1])] * 7 + [np.array([1, 1, 1, 1])]
    names = [f"clip {i}" for i in range(8)]
    worst, best, matrix = comparison(names, predicted, true, ["dark", "light"])
    assert "clip 7 (0.500)" in worst[1] and "clip 7" not in best[1]
    assert "clip 5" not in worst[1], "only some of them"
    assert matrix[0] == "Frame by frame" and "light" in matrix[1]
