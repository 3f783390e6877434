"""Run the test files that ship inside Keras, with other layers in the place of Keras's own.

Two halves of one thing: a pytest plugin that substitutes the layers before the tests are
collected, counts how often each substitute is constructed and writes down every outcome; and
`run_suite`, which starts pytest with that plugin in a process of its own, so that Keras stays
untouched in ours.
"""

import importlib
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
TEST_FILES = (
    "lstm_test.py",
    "gru_test.py",
    "simple_rnn_test.py",
    "bidirectional_test.py",
    "stacked_rnn_cells_test.py",
    "time_distributed_test.py",
)
SUBSTITUTED = ("SimpleRNN", "SimpleRNNCell", "LSTM", "LSTMCell", "GRU", "GRUCell")
SUBSTITUTED_WHERE_WE_HAVE_IT = ("Bidirectional", "StackedRNNCells", "TimeDistributed")

_MODULE = "KERAS_SUITE_LAYERS_FROM"  # the module whose layers take the place of Keras's
_REPORT = "KERAS_SUITE_REPORT"  # the file that outcomes and counts are written to
_outcomes = {}
_constructed = Counter()


def run_suite(tests, layers_from="keras.layers", extra_path=""):
    """Run some of Keras's tests on the current `KERAS_BACKEND`.

    Args:
        tests: file names out of `TEST_FILES`, or `"lstm_test.py::LSTMTest::test_masking"`.
        layers_from: name of the module whose layers are substituted. With `"keras.layers"`
            nothing changes: that run says which tests Keras itself passes.
        extra_path: a folder to import `layers_from` from.

    Returns:
        `(outcomes, constructed)`: a dictionary from test to `"passed"`, `"failed"` or `"skipped"`
        and one from the name of a substituted class to the number of its constructions.

    Raises:
        RuntimeError: if pytest did not get as far as running the tests, with what it printed.
    """
    import keras

    site_packages = Path(keras.__file__).parents[1]
    folder = "keras/src/layers/rnn/"
    with tempfile.TemporaryDirectory() as scratch:
        report = Path(scratch) / "report.json"
        path = [str(REPOSITORY), str(Path(__file__).parent), str(extra_path)]
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(filter(None, [*path, os.environ.get("PYTHONPATH")])),
            _MODULE: layers_from,
            _REPORT: str(report),
        }
        command = [sys.executable, "-m", "pytest", "-q", "-c", os.devnull, "-W", "ignore"]
        command += ["-p", "keras_suite", "-p", "no:cacheprovider", f"--rootdir={site_packages}"]
        command += ["--continue-on-collection-errors"]
        command += [str(site_packages / folder / test) for test in tests]
        ended = subprocess.run(
            command, cwd=scratch, env=environment, capture_output=True, text=True, check=False
        )
        written = json.loads(report.read_text()) if report.exists() else {"outcomes": {}}
    if not written["outcomes"]:
        raise RuntimeError(f"None of Keras's tests ran:\n{ended.stdout}{ended.stderr}")
    outcomes = {test.removeprefix(folder): how for test, how in written["outcomes"].items()}
    return outcomes, written["constructed"]


def lost_tests(outcomes):
    """The tests that pass with Keras's layers but did not pass in a run with others.

    Only the tests that did not pass need a second run, with Keras's layers this time. A file that
    could not even be collected counts as all of its tests.
    """
    suspects = [test for test, outcome in outcomes.items() if outcome != "passed"]
    if not suspects:
        return []
    with_keras, _ = run_suite(suspects)
    return sorted(test for test, outcome in with_keras.items() if outcome == "passed")


def pytest_configure(config):
    """Substitute the layers where Keras's test files look for them."""
    import keras
    import keras.src.layers

    ours = importlib.import_module(os.environ[_MODULE])
    for name in SUBSTITUTED + SUBSTITUTED_WHERE_WE_HAVE_IT:
        if name in SUBSTITUTED_WHERE_WE_HAVE_IT and not hasattr(ours, name):
            continue
        substitute = getattr(ours, name)
        _count_constructions(substitute, name)
        setattr(keras.layers, name, substitute)
        setattr(keras.src.layers, name, substitute)


def _count_constructions(layer_class, name):
    # In __new__, because Keras reads the signature of __init__ to find a layer's configuration.
    construct = layer_class.__new__

    def count_and_construct(cls, *args, **kwargs):
        _constructed[name] += 1
        return construct(cls, *args, **kwargs)

    layer_class.__new__ = staticmethod(count_and_construct)


def pytest_runtest_logreport(report):
    # A test reports its setup, its call, its teardown and its subtests: the worst one counts.
    severity = ("passed", "skipped", "failed")
    before = _outcomes.get(report.nodeid, "passed")
    _outcomes[report.nodeid] = max(before, report.outcome, key=severity.index)


def pytest_collectreport(report):
    if report.failed:
        _outcomes[report.nodeid] = "failed"


def pytest_sessionfinish(session):
    written = {"outcomes": _outcomes, "constructed": _constructed}
    Path(os.environ[_REPORT]).write_text(json.dumps(written))
