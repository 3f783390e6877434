"""A copied recipe shares nothing with its original: each works when the other is gone.

One recipe is tried every time, the others, a quarter of a minute each, with `--copies`
(make test-copies) and where a recipe is named.
"""

import shutil
import subprocess
import sys

import pytest

from tests.conftest import ROOT

ALWAYS = "frame_labeling"  # which registers layers of its own

# In one process, where registered names would meet.
SCRIPT = """
import importlib, shutil, sys
from pathlib import Path

def call(recipe, *arguments):
    group = importlib.import_module(f"recipes.{recipe}.__main__").recipe
    group.main([*arguments], recipe, standalone_mode=False)

original, copy = sys.argv[1:]
sample = importlib.import_module(f"recipes.{original}.sample")
small = ["--dataset", "sample", "--limit", "24", "--epochs", "1", "--units", "8"]
small += sample.SMOKE.get("small", [])
call(original, "train", *small)
call(copy, "train", *small)
call(original, "evaluate")
shutil.rmtree(f"runs/{original}")
shutil.rmtree(f"recipes/{original}")
call(copy, "evaluate")
assert [path.name for path in Path("runs").iterdir()] == [copy]
from keras.saving import get_custom_objects
registered = {name for name in get_custom_objects() if name.startswith("recipes.")}
own = {name for name in registered if name.startswith(f"recipes.{copy}>")}
assert registered - own == {name.replace(copy, original, 1) for name in own}
"""


def test_a_copy_beside_its_original(recipe, tmp_path, pytestconfig):
    every = pytestconfig.getoption("--copies") or pytestconfig.getoption("--recipe")
    if recipe != ALWAYS and not every:
        pytest.skip("run with --copies")
    shutil.copytree(ROOT / "shared", tmp_path / "shared")
    (tmp_path / "recipes").mkdir()
    for name in (recipe, "copied"):
        shutil.copytree(ROOT / "recipes" / recipe, tmp_path / "recipes" / name)
    result = subprocess.run(
        [sys.executable, "-c", SCRIPT, recipe, "copied"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=400,
    )
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr[-2000:]
