"""A table of what was injected and what came of it, at the end of the tests' output."""

import collections

import pytest


@pytest.fixture(scope="session")
def asked_for(pytestconfig):
    """For what takes minutes: skip it where nobody has asked for it."""
    if not pytestconfig.getoption("--faults"):
        pytest.skip("takes minutes: make test-faults")


@pytest.fixture
def injected(record_property):
    """Function (fault, times=1, lost="nothing") that notes what a test injects.

    The fault counts as survived where the test passes.
    """

    def note(fault, times=1, lost="nothing"):
        record_property("fault", [fault, times, lost])

    return note


def pytest_terminal_summary(terminalreporter):
    rows = collections.defaultdict(lambda: [0, 0, []])
    for outcome in ("passed", "failed"):
        for report in terminalreporter.stats.get(outcome, []):
            if report.when != "call":
                continue
            for name, value in report.user_properties:
                if name != "fault":
                    continue
                fault, times, lost = value
                row = rows[fault]
                row[0] += times
                row[1] += times * (outcome == "passed")
                if lost not in row[2]:
                    row[2].append(lost)
    if not rows:
        return
    terminalreporter.section("faults")
    width = max(map(len, rows))
    terminalreporter.line(f"{'fault':{width}}  injected  survived  lost")
    for fault, (times, survived, lost) in sorted(rows.items()):
        line = f"{fault:{width}}  {times:8}  {survived:8}  {', '.join(lost)}"
        terminalreporter.line(line)
