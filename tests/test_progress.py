"""Progress is for eyes: nothing of it in a log file."""

import sys

import pytest

from shared import progress


@pytest.mark.parametrize("terminal", [True, False])
def test_a_bar_on_a_terminal_alone(terminal, monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal, raising=False)
    bar = progress.progress(total=10, doing="counting", unit="sheep")
    if terminal:
        bar.delay, bar.start_t = 0, bar.start_t - 10  # as if ten seconds had passed
    with bar:
        bar.update(10)
    assert ("counting" in capsys.readouterr().err) == terminal


def test_what_is_gone_through_comes_as_it_is():
    assert list(progress.progress("abc", doing="spelling", unit="letter")) == ["a", "b", "c"]
