"""The commands of the READMEs and ARCHITECTURE.md, run as they stand, in a copy of the project.

The two at the top are run every time. Those of the recipes, which take a minute each, are run with
`--readmes` (make test-readmes); without it their commands are only parsed, by the recipe's own
command line, so that an option that is not there is found at once. What the commands do is tested
for every recipe elsewhere.
"""

import importlib
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest

from tests.conftest import ROOT

TOP = [ROOT / "README.md", ROOT / "ARCHITECTURE.md"]
READMES = [*TOP, *sorted(ROOT.glob("recipes/*/README.md"))]

# What is not run here, and why.
LEFT_OUT = {
    "make test": "is what runs this test",
    "KERAS_BACKEND=jax make recipe-sentiment": "installs JAX; make test-backends runs it there",
    "make lessons": "trains for minutes; the lessons have tests of their own",
    "make smoke-reviews": "the smoke tests are run for the recipe that was copied",
}


def blocks(readme):
    """The shell blocks of a README: lists of command lines, without what is run elsewhere."""
    elsewhere = set(LEFT_OUT)
    if readme not in TOP:
        # The project's README runs `make recipe-...`, the smoke tests train every recipe, and the
        # steps that it consists of follow in the recipe's README.
        elsewhere.add(f"make recipe-{readme.parent.name}")
        elsewhere |= {line for line in TOP[0].read_text().splitlines() if "make" in line}
    found = re.findall(r"^( *)```sh\n(.*?)^ *```$", readme.read_text(), re.M | re.S)
    lines = [[line.removeprefix(margin) for line in block.splitlines()] for margin, block in found]
    return [[line for line in block if line not in elsewhere] for block in lines]


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """A copy of the project with this interpreter's environment as its .venv."""
    folder = tmp_path_factory.mktemp("readme") / "project"
    shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(".*", "runs", "__pycache__"))
    environment = Path(sys.prefix)
    if not (environment / ".ready").exists():
        pytest.skip("the commands want the environment that `make test` makes")
    (folder / ".venv").symlink_to(environment)
    return folder


@pytest.mark.parametrize("readme", READMES[2:], ids=lambda path: path.parent.name)
def test_commands_are_understood(readme, monkeypatch):
    monkeypatch.setattr(click.Path, "convert", lambda self, value, *_: value)  # written before it
    parsed = 0
    lines = [line for block in blocks(readme) for line in block]
    for call in [call for line in lines for call in line.split(" | ")]:
        match = re.match(r"python -m recipes\.(\w+) (.+)", call)
        if match:
            group = importlib.import_module(f"recipes.{match[1]}.__main__").recipe
            name, *arguments = shlex.split(match[2])
            context = group.context_class(group, info_name=match[1])
            group.commands[name].make_context(name, arguments, parent=context)
            parsed += 1
    assert parsed >= 3, "a README that calls hardly any command"


@pytest.mark.parametrize("readme", READMES, ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_of_readme(readme, copy, pytestconfig):
    if readme not in TOP and not pytestconfig.getoption("--readmes"):
        pytest.skip("run with --readmes")
    found = blocks(readme)
    assert found, "a README without commands"
    for block in found:
        result = subprocess.run(
            ["bash", "-euc", "\n".join(block)],
            cwd=copy,
            env={
                **os.environ,
                "TFDS_DATA_DIR": str(copy / "no-data"),
                "PATH": f"{copy}/.venv/bin:{os.environ['PATH']}",  # a block above activated it
                "ARGS": "--limit 256 --epochs 1",  # for `make recipe-...` without ARGS of its own
            },
            capture_output=True,
            text=True,
            timeout=400,
        )
        assert result.returncode == 0, f"{block}\n{result.stdout[-2000:]}{result.stderr[-2000:]}"
