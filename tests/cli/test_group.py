"""Where output can't go: one line at most, also at Python's very end."""

import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT

PROGRAM = """
import click
from shared import cli
group = cli.recipe_group(__file__, help="A test.")

@group.command()
def count():
    for number in range(30_000):
        click.echo(number)

@group.command()
def quiet():
    from shared.quiet import quiet_import
    with quiet_import(), open("said", "w") as file:
        assert file.fileno() > 2
    click.echo("answered")

@group.command()
def another():
    raise OSError(28, "No space left on device")

group()
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    path = tmp_path_factory.mktemp("group") / "program.py"
    path.write_text(PROGRAM)
    return path


def ended(program, words, unbuffered=""):
    """Exit code, standard output and standard error of the program, called in a shell."""
    line = f'set -o pipefail; "{sys.executable}" "{program}" {words}'
    environment = {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": unbuffered}
    result = subprocess.run(
        ["bash", "-c", line], env=os.environ | environment, capture_output=True, text=True
    )
    return result.returncode, result.stdout, result.stderr


def test_a_reader_that_has_seen_enough_ends_it_quietly(program):
    _, output, errors = ended(program, "count | head -n 2")
    assert (output, errors) == ("0\n1\n", "")


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("words", ["count", "count --help", "--help"])
def test_a_full_disk_is_one_line(program, words, unbuffered):
    code, _, errors = ended(program, f"{words} > /dev/full", unbuffered)
    assert (code, errors) == (1, "Error: Can't print the answer: No space left on device.\n")


def test_a_closed_output_is_one_line(program):
    code, _, errors = ended(program, "count >&-")
    assert code == 1 and errors.startswith("Error: Standard output is closed.")
    assert errors.count("\n") == 1


def test_a_closed_standard_error_costs_no_answer(program, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert ended(program, "quiet 2>&-") == (0, "answered\n", "")


def test_the_error_of_another_file_is_not_taken_for_one_of_the_output(program):
    code, _, errors = ended(program, "another")
    assert code == 1 and "Traceback" in errors and "Can't print" not in errors
