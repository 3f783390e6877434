"""A Keras backend that isn't there: one line that says what to do, before anything is read."""

import importlib
import json
import shlex
import subprocess
import sys

import pytest

from shared import backend
from shared.errors import UserError
from tests.conftest import ROOT, environment, refused


def test_the_backend_is_found_as_keras_finds_it(monkeypatch, tmp_path):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    assert backend.backend() == "tensorflow"
    (tmp_path / "keras.json").write_text(json.dumps({"backend": "torch"}))
    assert backend.backend() == "torch"
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    assert backend.backend() == "jax"
    monkeypatch.setenv("KERAS_BACKEND", "")
    assert backend.backend() == "torch"


def test_one_that_is_not_installed_names_the_command_that_installs_it(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    monkeypatch.setattr(backend.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match="'torch' isn't installed") as refusal:
        backend.check_backend()
    command = shlex.split(str(refusal.value).partition("Install it: ")[2])
    assert command[:4] == [sys.executable, "-m", "pip", "install"] and command[-1] == "torch"
    assert backend.VERSIONS.is_file() and command[4] == "-c"


def test_every_command_of_a_recipe_refuses_one_that_does_not_exist(recipe, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "theano")
    commands = importlib.import_module(f"recipes.{recipe}.__main__").recipe.commands
    assert len(commands) >= 5
    for name, command in commands.items():
        arguments = ["x" for each in command.params if each.param_type_name == "argument"]
        line = refused(recipe, name, *arguments)
        assert "'theano' does not exist. Set KERAS_BACKEND to one of tensorflow, jax" in line


@pytest.mark.parametrize(
    "module", ["recipes.sentiment train", "lessons", "lessons.pictures", "benchmarks.layers"]
)
def test_no_traceback_in_a_new_process(module, tmp_path):
    """Where a library imports Keras before a command does, its own error would come first."""
    result = subprocess.run(
        [sys.executable, "-m", *module.split()],
        cwd=tmp_path,
        env={**environment(), "KERAS_BACKEND": "theano"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.returncode == 1 and not list(tmp_path.iterdir())
    (line,) = result.stderr.splitlines()
    assert line.startswith("Error: The Keras backend 'theano' does not exist.")


def test_help_is_there_without_one(monkeypatch):
    result = subprocess.run(
        [sys.executable, "-m", "recipes.sentiment", "train", "--help"],
        cwd=ROOT,
        env={**environment(), "KERAS_BACKEND": "theano"},
        capture_output=True,
        timeout=60,
    )
    assert result.returncode == 0 and b"--resume" in result.stdout
