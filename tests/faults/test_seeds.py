"""The seed decides a training; how examples are batched and padded decides nothing measured."""

import importlib
import json

import numpy as np
import pytest

from tests.conftest import call, small
from tests.training.trainings import assert_same, left_in

OPTIONS = ["--limit", 64, "--epochs", 1, "--units", 8, "--batch-size", 16]
MORE = {
    "captioning": ["--image-size", 32],
    "language_modeling": ["--limit", 400, "--timesteps", 8],  # of tokens
}
# In which function the rows of a batch are chosen when a recipe measures.
BATCHES = {
    "captioning": ("shared.evaluation.captions", "in_order"),
    "frame_labeling": ("shared.evaluation.segments", "label_all"),
    "sentiment": ("shared.evaluation.prediction", "predict_sequences"),
    "translation": ("recipes.translation.model", "translate"),
}
# In which module sequences are padded then.
PADDING = {"sentiment": "shared.evaluation.prediction", "translation": "recipes.translation.model"}


@pytest.fixture(scope="module")
def trained(recipe, tmp_path_factory, asked_for):
    """A folder with two runs of the same seed, and one of another."""
    folder = tmp_path_factory.mktemp(recipe)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for name, seed in [("one", 1), ("again", 1), ("other", 2)]:
            arguments = [
                *small(recipe, *OPTIONS),
                "--run",
                name,
                "--seed",
                seed,
                *MORE.get(recipe, []),
            ]
            result = call(recipe, "train", *arguments)
            assert result.exit_code == 0, result.output
    return folder


def test_the_same_seed_gives_the_same_bits_and_another_does_not(trained, injected):
    assert_same(trained / "again", trained / "one")
    (one, _), (other, _) = left_in(trained / "one"), left_in(trained / "other")
    weights = [name for name in one if name.startswith("network") and one[name].ndim > 1]
    assert weights and not any(np.array_equal(one[name], other[name]) for name in weights)
    injected("the same seed again")


def measured(recipe, folder):
    result = call(recipe, "evaluate", "--run", folder)
    assert result.exit_code == 0, result.output
    return json.loads((folder / "metrics.json").read_text())["metrics"]


def test_other_batches_and_more_padding_change_no_metric(recipe, trained, monkeypatch, injected):
    if recipe not in BATCHES:
        pytest.skip("it measures one text, or pictures that need no padding")
    expected = measured(recipe, trained / "one")
    module, name = BATCHES[recipe]
    monkeypatch.setattr(getattr(importlib.import_module(module), name), "__defaults__", (7,))
    if recipe in PADDING:
        module = importlib.import_module(PADDING[recipe])
        pad = module.pad
        monkeypatch.setattr(module, "pad", lambda rows, multiple=1: pad(rows, 4 * multiple))
    assert measured(recipe, trained / "one") == pytest.approx(expected, abs=1e-6)
    injected("other batches and more padding")
