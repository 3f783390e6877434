"""Training, validation and test split of a user's own examples."""

import numpy as np

from shared.errors import UserError

# Splits that we make ourselves are the same in every run, whatever the run's seed, so that runs
# with different seeds are measured on the same examples.
VALIDATION_SEED = 20150521
VALIDATION_FRACTION = 0.1
MOST = 2000  # examples for validation, and as many for the test
NAMES = {name: name for name in ("train", "validation", "test")}
NAMES |= {"training": "train", "val": "validation", "valid": "validation", "dev": "validation"}


def split_places(groups, named=None, whole=False, where="the examples", lines=None):
    """Which examples each split is made of.

    Args:
        groups: for each example what it belongs to, such as the image of a caption, or its own
            text: all examples of one group come into one split, so that nothing of the test is seen
            in training. It is gone through once, and only hashes are kept in memory.
        named: for each example the name of its split, as the user has it; None draws a tenth of the
            examples for validation and a tenth for the test, at most `MOST` each. Where no example
            is named validation, a tenth of those named train becomes it.
        whole: whether the examples are only measured on: then nothing is drawn, and where no splits
            are named all examples are the test split.
        where: what to call the examples in an error, such as their file.
        lines: the line of that file in which each example stands, for the same.

    Returns:
        Dictionary split -> int array of places, ascending. Without `test` where the user names
        splits and none of them so.

    Raises:
        UserError: for an unknown name, or too few examples.
    """
    if named is None:
        everywhere = np.arange(len(groups), dtype="int32")
        if whole:
            return {"test": everywhere}
        return _drawn(groups, everywhere, ("validation", "test"), where)
    found = _named(named, where, lines)
    if whole:
        return found
    if "train" not in found:
        raise UserError(f"{where}: no example is of the split train. Name some so.")
    if "validation" not in found:
        found |= _drawn(groups, found["train"], ("validation",), where)
    return found


def check_trained(labels, named, where, of="rows", lines=None):
    """Refuse labels that no example of the split train has, by a misspelt name, say.

    Args:
        labels: for each example its label.
        named, where, lines: see `split_places`; splits must be named.
        of: what the examples are called.
    """
    splits = [NAMES[name.strip().lower()] for name in named]
    trained = {label for label, split in zip(labels, splits, strict=True) if split == "train"}
    unknown = sorted(set(labels) - trained)
    if unknown:
        line = "" if lines is None else f", line {lines[list(labels).index(unknown[0])]}"
        raise UserError(
            f"{where}{line}: the class {unknown[0]!r} has no {of} to train on. Put some into the "
            "split train, or take the class away."
        )


def _named(named, where, lines):
    """Which examples each split is made of, as the user names them."""
    kinds = {}
    numbers = np.empty(len(named), "int8")
    for place, name in enumerate(named):
        known = NAMES.get(str(name).strip().lower())
        if known is None:
            line = "" if lines is None else f", line {lines[place]}"
            raise UserError(
                f"{where}{line}: there is no split {name!r}. Name each example's train, validation "
                "or test."
            )
        numbers[place] = kinds.setdefault(known, len(kinds))
    return {
        split: np.flatnonzero(numbers == number).astype("int32") for split, number in kinds.items()
    }


def _drawn(groups, places, parts, where):
    """Whole groups for each of the parts, drawn by a fixed seed; what is left is for training."""
    hashes = np.fromiter(map(hash, groups), "int64", len(groups))[places]
    _, first, found, sizes = np.unique(
        hashes, return_index=True, return_inverse=True, return_counts=True
    )
    if len(first) <= len(parts):
        raise UserError(
            f"{where}: {len(first)} different examples can't be parted into train and "
            f"{' and '.join(parts)}; give at least {len(parts) + 1}."
        )
    size = min(MOST, max(1, round(VALIDATION_FRACTION * len(places))))
    # Groups in the order in which they come, then shuffled; they are drawn from the end.
    order = np.argsort(first)[np.random.default_rng(VALIDATION_SEED).permutation(len(first))]
    part_of, end = np.zeros(len(order), "int8"), len(order)
    for number, remaining in enumerate(range(len(parts), 0, -1), start=1):
        taken = 0
        while taken < size and end > remaining:
            end -= 1
            taken += sizes[order[end]]
            part_of[order[end]] = number
    part_of = part_of[found]
    return {name: places[part_of == number] for number, name in enumerate(("train", *parts))}
