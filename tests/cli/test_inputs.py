"""What `predict` reads: as it comes, in order, and with nothing cancelled by its neighbour."""

import io
import json
import os
import subprocess
import sys
from types import SimpleNamespace

import click
import pytest
from click.testing import CliRunner

from shared import cli
from shared.cli import inputs
from shared.errors import UserError
from tests.conftest import ROOT


def group_of(read):
    """A group with a command `predict` that prints each input in capitals, list by list."""
    group = cli.recipe_group(__file__, help="A test.")

    @group.command()
    @click.option("--json", "as_json", is_flag=True)
    @click.argument("inputs", nargs=-1)
    def predict(**options):
        for some in read(SimpleNamespace(**options)):
            for text in some:
                record = {"input": text, "output": text.upper()}
                cli.print_prediction(options["as_json"], record, text.upper())

    return group


def predict(*arguments, stdin=None, read=cli.read_texts):
    return CliRunner().invoke(group_of(read), ["predict", *arguments], input=stdin)


def opened(path):
    """A real file as `sys.stdin` is one."""
    return io.TextIOWrapper(io.BufferedReader(io.FileIO(path)))


def from_stdin(**more):
    return cli.read_texts(SimpleNamespace(inputs=("-",), as_json=False), **more)


@pytest.fixture
def pipe(monkeypatch):
    """The end of a pipe to write to; the other end is standard input."""
    read_end, write_end = os.pipe()
    monkeypatch.setattr(sys, "stdin", opened(read_end))
    with open(write_end, "wb", buffering=0) as file:
        yield file


def test_a_line_is_there_before_the_next_one_is_written(pipe):
    lists = from_stdin()
    for line in ("first", "second"):
        pipe.write(f"{line}\n".encode())
        assert next(lists) == [line]
    pipe.write(b"without its end")
    pipe.close()
    assert list(lists) == [["without its end"]]


def test_what_has_come_is_answered_together(tmp_path, monkeypatch):
    lines = [f"{number} {'word ' * 20}".strip() for number in range(30_000)]
    (tmp_path / "lines.txt").write_text("\n".join(lines))
    monkeypatch.setattr(sys, "stdin", opened(tmp_path / "lines.txt"))
    lists = from_stdin(at_most=100)
    some = next(lists)
    read = os.lseek(sys.stdin.fileno(), 0, os.SEEK_CUR)
    assert read <= (inputs.AHEAD + 3) * inputs.CHUNK < sum(map(len, lines)), "of all there is"
    lists = [some, *lists]
    assert [line for some in lists for line in some] == lines
    assert max(map(len, lists)) == 100 and len(lists) < 30_000 / 10


def test_long_lines_make_short_lists(monkeypatch):
    monkeypatch.setattr(inputs, "TOGETHER", 1000)
    given = SimpleNamespace(inputs=["x" * 400] * 7, as_json=False)
    assert [len(some) for some in cli.read_texts(given)] == [3, 3, 1]


def test_a_line_that_is_too_long_is_refused_before_it_ends(monkeypatch):
    monkeypatch.setattr(inputs, "LONGEST", 100)
    lines = inputs._lines(iter([b"one\n", b"x" * 60, b"x" * 60, None, b"xx\ntwo"]))
    assert next(lines) == (b"one", False)
    assert next(lines) == (b"x" * 80, True)
    assert list(lines) == [(None, False), (b"two", False)]
    result = predict("-", stdin="one\n" + "x" * 101 + "\n" + "y" * 100 + "\n")
    assert (result.exit_code, result.stdout) == (1, "ONE\n" + "Y" * 100 + "\n")
    words = "Error: More than 100 bytes stand in line 2 of standard input."
    assert result.stderr.startswith(words) and result.stderr.count("\n") == 1


def test_one_bad_text_cancels_no_other():
    result = predict("good", " ", "-", "last", stdin="a\n\nb\n")
    assert (result.exit_code, result.stdout) == (1, "GOOD\nA\nB\nLAST\n")
    assert result.stderr.splitlines() == [
        "Error: The text of input 2 is empty; give at least one word.",
        "Error: The text of line 2 of standard input is empty; give at least one word.",
    ]
    found = predict("--json", "-", stdin="a\n\nb\n").stdout.splitlines()
    assert [json.loads(line).get("output") for line in found] == ["A", None, "B"]
    assert json.loads(found[1])["input"] == "" and "line 2" in json.loads(found[1])["error"]


def decoded(path):
    if "bad" in path:
        raise UserError(f"{path} is damaged.")
    return len(path)


def test_a_file_that_can_not_be_decoded_cancels_no_other():
    def read(options):
        for some in cli.read_paths(options, decoded):
            assert all(length == len(path) for path, length in some)
            yield [path for path, _ in some]

    result = predict("--json", "a.png", "-", "", "z.png", stdin="\nbad.png\r\n\nb.png\n", read=read)
    assert result.exit_code == 1
    found = [json.loads(line) for line in result.stdout.splitlines()]
    assert [each["input"] for each in found] == ["a.png", "bad.png", "b.png", "", "z.png"]
    assert found[1] == {"input": "bad.png", "error": "bad.png is damaged."}
    assert result.stderr.count("Error: ") == 2


@pytest.mark.parametrize("stdin", ["", "\n\n"])
def test_nothing_at_all_is_refused(stdin):
    def read(options):
        return cli.read_paths(options, decoded)

    result = predict("-", stdin=stdin, read=read)
    assert result.exit_code == 1
    assert result.stderr == "Error: Standard input is empty; give one file name per line.\n"


class Stdin:
    """Standard input that gives these pieces, and raises those that are errors."""

    def __init__(self, *pieces):
        self.buffer, self._pieces = self, list(pieces)

    def read(self, size=-1):
        piece = self._pieces.pop(0) if self._pieces else b""
        if isinstance(piece, Exception):
            raise piece
        return piece


@pytest.mark.parametrize(
    "stdin, words", [(None, "is closed"), (Stdin(OSError(5, "I/O error")), "read .*: I/O error")]
)
def test_standard_input_that_can_not_be_read_is_one_line(monkeypatch, stdin, words):
    monkeypatch.setattr(sys, "stdin", stdin)
    with pytest.raises(UserError, match=f"tandard input {words}|{words}"):
        list(from_stdin())
    if stdin is None:
        with pytest.raises(UserError, match=words):
            cli.read_all()


def test_standard_input_that_does_not_wait(monkeypatch):
    monkeypatch.setattr(sys, "stdin", Stdin(b"a\nb", None, b"c\n"))
    assert [line for some in from_stdin() for line in some] == ["a", "bc"]


def test_inspect_takes_one_line(monkeypatch):
    assert cli.read_text(" a text ") == "a text" and cli.read_path("a.png") == "a.png"
    monkeypatch.setattr(sys, "stdin", Stdin(b"\na.png\n"))
    assert cli.read_path("-") == "a.png"
    monkeypatch.setattr(sys, "stdin", Stdin(b"one\ntwo\n"))
    with pytest.raises(UserError, match="has 2 lines; give one text"):
        cli.read_text("-")


def test_python_ends_while_a_line_is_waited_for():
    """A thread that holds the lock of `sys.stdin` would make its end a fatal error."""
    program = """
from types import SimpleNamespace
from shared import cli
print(next(cli.read_texts(SimpleNamespace(inputs=["-"], as_json=False))))
"""
    with subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        process.stdin.write(b"a line\n")
        process.stdin.flush()
        assert process.stdout.read() == b"['a line']\n"
        assert (process.wait(timeout=60), process.stderr.read()) == (0, b"")
