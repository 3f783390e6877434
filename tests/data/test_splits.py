"""Splits of a user's own examples: as they name them, else drawn, whole groups in one split."""

import numpy as np
import pytest

from shared.data.splits import split_places
from shared.errors import UserError


def together(splits):
    return sorted(place for places in splits.values() for place in places)


def test_drawn_splits_are_disjoint_complete_and_the_same_every_time():
    splits = split_places(range(200))
    assert {name: len(places) for name, places in splits.items()} == {
        "train": 160,
        "validation": 20,
        "test": 20,
    }
    assert together(splits) == list(range(200))
    again = split_places(range(200))
    assert all(np.array_equal(splits[name], again[name]) for name in splits)
    assert np.any(np.diff(splits["test"]) > 1), "drawn, not cut off"


def test_a_group_comes_into_one_split():
    groups = [place // 5 for place in range(500)]
    splits = split_places(groups)
    assert together(splits) == list(range(500))
    members = [{groups[place] for place in places} for places in splits.values()]
    assert sum(map(len, members)) == len(set(groups))
    assert len(splits["test"]) == len(splits["validation"]) == 50


@pytest.mark.parametrize("groups, count", [(300, 1000), (4, 1000), (30_000, 60_000)])
def test_groups_are_drawn_in_the_order_in_which_they_come(groups, count):
    """As when the published networks were trained: whole groups, from the end of a shuffle."""
    drawn = [f"text {number}" for number in np.random.default_rng(2).integers(groups, size=count)]
    members = {}
    for place, group in enumerate(drawn):
        members.setdefault(group, []).append(place)
    order = list(members.values())
    order = [order[i] for i in np.random.default_rng(20150521).permutation(len(order))]
    found = split_places(drawn)
    for left, part in ((2, "validation"), (1, "test")):
        taken = []
        while len(taken) < min(2000, count // 10) and len(order) > left:
            taken += order.pop()
        assert found[part].tolist() == sorted(taken)
    assert found["train"].tolist() == sorted(place for group in order for place in group)


def test_at_most_two_thousand_are_held_out():
    splits = split_places(range(50_000))
    assert len(splits["validation"]) == len(splits["test"]) == 2000


def test_three_examples_are_enough_and_two_are_not():
    assert all(len(places) == 1 for places in split_places("abc").values())
    with pytest.raises(UserError, match=r"t.csv: 2 different examples.*give at least 3"):
        split_places("aabb", where="t.csv")


def test_names_are_the_users_own():
    named = ["train", "Test", "val", " dev ", "training", "test"]
    splits = split_places(range(6), named)
    assert {name: places.tolist() for name, places in splits.items()} == {
        "train": [0, 4],
        "test": [1, 5],
        "validation": [2, 3],
    }


def test_validation_is_drawn_from_training_where_none_is_named():
    splits = split_places(range(100), ["train"] * 80 + ["test"] * 20)
    assert splits["test"].tolist() == list(range(80, 100))
    assert len(splits["validation"]) == 8 and together(splits) == list(range(100))


def test_wrong_names():
    with pytest.raises(UserError, match="no split 'exam'"):
        split_places("ab", ["train", "exam"])
    with pytest.raises(UserError, match=r"^a\.csv, line 7: there is no split 'exam'"):
        split_places("ab", ["train", "exam"], where="a.csv", lines=[2, 7])
    with pytest.raises(UserError, match="no example is of the split train"):
        split_places("ab", ["test", "test"])


def test_what_is_only_measured_on_is_the_test_split():
    assert {name: list(p) for name, p in split_places("ab", whole=True).items()} == {"test": [0, 1]}
    named = split_places("abc", ["test", "val", "test"], whole=True)
    assert {name: list(p) for name, p in named.items()} == {"test": [0, 2], "validation": [1]}
