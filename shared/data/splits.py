"""Training, validation and test split of a user's own examples."""

import numpy as np

from shared.data.loading import VALIDATION_FRACTION, VALIDATION_SEED
from shared.errors import UserError

MOST = 2000  # examples for validation, and as many for the test
NAMES = {name: name for name in ("train", "validation", "test")}
NAMES |= {"training": "train", "val": "validation", "valid": "validation", "dev": "validation"}


def split_places(groups, named=None, where="the examples"):
    """Which examples each split is made of.

    Args:
        groups: for each example what it belongs to, such as the image of a caption: all examples of
            one group come into one split, so that nothing of the test is seen in training.
        named: for each example the name of its split, as the user has it; None draws the splits.
            Where no example is named validation, a part of the training split becomes it.
        where: what to call the examples in an error.

    Returns:
        Dictionary split -> int array of places, ascending. Without `test` where the user names
        splits and none of them so.

    Raises:
        UserError: for an unknown name, or too few examples.
    """
    if named is None:
        everywhere = np.arange(len(groups))
        return _drawn(groups, everywhere, ("validation", "test"), where)
    splits = {}
    for place, name in enumerate(named):
        known = NAMES.get(str(name).strip().lower())
        if known is None:
            raise UserError(
                f"{where}: there is no split {name!r}. Name each example's train, validation or "
                "test."
            )
        splits.setdefault(known, []).append(place)
    if "train" not in splits:
        raise UserError(f"{where}: no example is of the split train.")
    found = {split: np.array(places) for split, places in splits.items()}
    if "validation" not in found:
        found |= _drawn(groups, found["train"], ("validation",), where)
    return found


def _drawn(groups, places, parts, where):
    """Whole groups for each of the parts, drawn by a fixed seed; what is left is for training."""
    members = {}
    for place in places:
        members.setdefault(groups[place], []).append(place)
    if len(members) <= len(parts):
        raise UserError(
            f"{where}: {len(members)} different examples can't be parted into train and "
            f"{' and '.join(parts)}; give at least {len(parts) + 1}."
        )
    size = min(MOST, max(1, round(VALIDATION_FRACTION * len(places))))
    order = [*members.values()]
    order = [order[i] for i in np.random.default_rng(VALIDATION_SEED).permutation(len(order))]
    found = {}
    for remaining, part in zip(range(len(parts), 0, -1), parts, strict=True):
        taken = []
        while len(taken) < size and len(order) > remaining:
            taken += order.pop()
        found[part] = np.sort(taken)
    return {"train": np.sort([place for group in order for place in group]), **found}
