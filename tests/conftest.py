"""What the tests of all recipes share: the recipes found, and commands run as a user runs them."""

import gc
import importlib
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

pytest_plugins = ["tests.browser"]

ROOT = Path(__file__).parents[1]
RECIPES = sorted(path.parent.name for path in ROOT.glob("recipes/*/__main__.py"))

# No test reaches for the network: an unreachable proxy refuses at once what would have left here.
os.environ.update(
    http_proxy="http://127.0.0.1:9",
    https_proxy="http://127.0.0.1:9",
    no_proxy="localhost,127.0.0.1",
    TF_CPP_MIN_LOG_LEVEL="2",
)
os.environ.pop("TFDS_DATA_DIR", None)

# Building TensorFlow graphs makes hundreds of thousands of objects that live on; looking through
# all of them again and again for garbage is a tenth of the tests' time.
gc.set_threshold(50_000, 20, 50)


@pytest.fixture(scope="module", autouse=True)
def forget_what_was_compiled():
    """Let go of JAX's programs after each file of tests.

    Each takes some of the regions of memory that a process may have (65,530 by default on Linux);
    when there are none left, LLVM crashes.
    """
    yield
    if "jax" in sys.modules and os.environ.get("KERAS_BACKEND") == "jax":
        sys.modules["jax"].clear_caches()
        gc.collect()


def pytest_addoption(parser):
    parser.addoption("--recipe", help="test only the recipe in this folder under recipes/")
    parser.addoption(
        "--copies", action="store_true", help="train every recipe beside a copy of itself"
    )
    parser.addoption(
        "--readmes", action="store_true", help="run the commands of every recipe's README as well"
    )
    parser.addoption(
        "--faults", action="store_true", help="kill trainings and damage files for some minutes"
    )
    parser.addoption(
        "--memory", action="store_true", help="train on texts of 300 MB, for half an hour"
    )
    parser.addoption(
        "--workers", action="store_true", help="train recipes in several processes, with JAX"
    )


def pytest_generate_tests(metafunc):
    """Run every test that asks for a `recipe` once for each folder under recipes/."""
    if "recipe" in metafunc.fixturenames:
        chosen = metafunc.config.getoption("recipe")
        if chosen and chosen not in RECIPES:
            raise pytest.UsageError(f"no recipe {chosen!r}; there are {', '.join(RECIPES)}")
        metafunc.parametrize("recipe", [chosen] if chosen else RECIPES, scope="session")


def pytest_collection_modifyitems(items):
    """Begin with the files that take longest, so that no core is left waiting at the end."""
    longest = (
        "test_killed",
        "test_leaks",
        "test_readme",
        "test_smoke",
        "test_copies",
        "test_keras_suite",
        "test_loops",
        "test_circumstances",
    )
    items.sort(key=lambda item: not item.path.stem.startswith(longest))


@pytest.fixture(scope="session")
def command(tmp_path_factory):
    """Function (recipe, *arguments) that runs a recipe's command as a process of its own.

    All run in one scratch folder, so that `runs/` there is shared, and nothing is written here.
    """
    folder = tmp_path_factory.mktemp("commands")

    def run(recipe, *arguments, check=True, **more):
        result = subprocess.run(
            command_line(recipe, *arguments),
            cwd=folder,
            env={**environment(), "TFDS_DATA_DIR": str(folder / "no-data")},
            capture_output=True,
            timeout=300,
            **more,
        )
        if check:
            assert result.returncode == 0, result.stderr.decode(errors="replace")
        return result

    run.folder = folder
    return run


def inputs_of(recipe, folder):
    """What the recipe's smoke test asks about: texts, or files that the sample writes to `folder`.

    Returns:
        List of strings, one for each of `SMOKE["answers"]`.
    """
    sample = importlib.import_module(f"recipes.{recipe}.sample")
    if not hasattr(sample, "write_inputs"):
        return sample.SMOKE["inputs"]
    return [str(path) for path in sample.write_inputs(folder)]


def small(recipe, *options):
    """Arguments of `train` for the sample and a single network, after which `options` stand."""
    sample = importlib.import_module(f"recipes.{recipe}.sample")
    return ["--dataset", "sample", *sample.SMOKE.get("small", []), *options]


def environment():
    """That of a process which finds this project from any folder."""
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def command_line(recipe, *arguments):
    return [sys.executable, "-m", f"recipes.{recipe}", *map(str, arguments)]


def call(recipe, *arguments, stdin=None):
    """Run a recipe's command in this process."""
    module = importlib.import_module(f"recipes.{recipe}.__main__")
    return CliRunner().invoke(module.recipe, list(map(str, arguments)), input=stdin)


def refused(recipe, *arguments, stdin=None):
    """Call, and return the one line that was printed in refusal."""
    result = call(recipe, *arguments, stdin=stdin)
    assert result.exit_code != 0, result.output
    assert isinstance(result.exception, SystemExit), result.exception
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1 and lines[0].startswith("Error: "), result.stderr
    return lines[0]


def reconfigure(folder, **options):
    """Let a trained run have other options, as if it had been trained with them."""
    from shared.files import write_json
    from shared.training.run import BELONGING, MODEL, Run, hash_of

    run = Run("", folder)
    config = run.config
    config["options"].update(options)
    config["sha256"] = hash_of(config)
    write_json(run.path("config.json"), config)
    with zipfile.ZipFile(run.path(MODEL)) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    entries[BELONGING] = json.dumps(
        json.loads(entries[BELONGING]) | {"config.json": config["sha256"]}
    )
    with zipfile.ZipFile(run.path(MODEL), "w") as archive:
        for name, content in entries.items():
            archive.writestr(name, content)


def find_builder(name, data_dir):
    """The TFDS builder of a data set that `sources.find` finds and prepares."""
    from shared.data import sources

    return sources.find(
        SimpleNamespace(dataset=name, data_dir=data_dir),
        default=None,
        suggestions=(),
        needs="anything",
        fits=lambda features: True,
        of_prepared=lambda name, builder: builder,
        of_sample=None,
        of_files=None,
    )
