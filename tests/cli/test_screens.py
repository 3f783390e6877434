"""What the commands print: nothing that a terminal would obey, and commands that can be pasted."""

import json
import shlex
from pathlib import Path
from types import SimpleNamespace

from shared import cli
from shared.cli import screens
from shared.errors import UserError

NASTY = "a\x1b[2Jb\rc\nd\te\x9bf\u202eg\u2028h\x00i\udcff"


def test_control_characters_are_shown_as_python_writes_them():
    shown = cli.shown(NASTY)
    assert shown == r"a\x1b[2Jb\rc\nd\te\x9bf\u202eg\u2028h\x00i\udcff"
    assert cli.shown("naïve 猫 👩‍🔬") == "naïve 猫 👩‍🔬"
    assert cli.shown("a\n\tb\r", but="\n\t") == "a\n\tb\\r"


def test_an_answer_stays_on_its_own_lines(capsys):
    cli.print_prediction(False, {}, f"label {NASTY}", "second\nline")
    first, second = capsys.readouterr().out.splitlines()
    assert first == f"label {cli.shown(NASTY)}" and second == r"second\nline"


def test_json_is_the_exact_text(capsys):
    cli.print_prediction(True, {"input": NASTY + "ü"}, "not this")
    line = capsys.readouterr().out
    assert json.loads(line) == {"input": NASTY + "ü"}
    assert "ü" in line and not screens.CONTROL.search(line.rstrip("\n"))


def test_an_error_is_one_line_without_control_characters():
    assert screens.in_one_line(UserError("no\n file \x1b[1m x")) == r"no file \x1b[1m x"


def test_the_name_of_a_file_is_shown_too(capsys):
    measured = {"dataset": "a\x1b.csv", "split": "test", "examples": 2, "metrics": {"accuracy": 1}}
    screens._print_metrics(measured)
    assert capsys.readouterr().out.startswith("\na\\x1b.csv, test split, 2 examples\n")


def test_the_next_command_can_be_pasted(capsys):
    run = SimpleNamespace(recipe="sentiment", folder=Path("my runs/it's $HOME"))
    cli.next_step(run, "evaluate")
    line = capsys.readouterr().out.splitlines()[-1]
    words = ["Next:", "python", "-m", "recipes.sentiment", "evaluate", "--run", str(run.folder)]
    assert shlex.split(line) == words and line == line.rstrip()
