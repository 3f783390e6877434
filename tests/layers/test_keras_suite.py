"""Keras's own tests of its recurrent layers, run with ours in the place of theirs.

Every test that passes with Keras's layers has to pass with ours, on whichever backend
`KERAS_BACKEND` names. The files are run where Keras is installed; nothing is copied from them.
"""

import pytest

from tests.layers import keras_suite


@pytest.fixture(scope="module")
def with_ours():
    return keras_suite.run_suite(keras_suite.TEST_FILES, layers_from="shared.layers")


@pytest.fixture(scope="module")
def lost(with_ours):
    outcomes, _ = with_ours
    return keras_suite.lost_tests(outcomes)


@pytest.mark.parametrize("test_file", keras_suite.TEST_FILES)
def test_what_passes_with_keras_passes_with_ours(test_file, with_ours, lost):
    outcomes, _ = with_ours
    passed = [
        test
        for test, outcome in outcomes.items()
        if test.startswith(test_file) and outcome == "passed"
    ]
    assert [test for test in lost if test.startswith(test_file)] == []
    assert len(passed) >= 3, f"only {passed} ran at all"


@pytest.mark.parametrize("name", keras_suite.SUBSTITUTED)
def test_ours_is_what_was_tested(name, with_ours):
    _, constructed = with_ours
    assert constructed.get(name, 0) >= 2


def test_a_wrong_layer_is_caught(tmp_path):
    (tmp_path / "slightly_wrong.py").write_text(
        "from shared.layers import *\n"
        "from shared.layers import LSTM as RightLSTM\n"
        "class LSTM(RightLSTM):\n"
        "    def call(self, *args, **kwargs):\n"
        "        return super().call(*args, **kwargs) + 1e-4\n"
    )
    test = "lstm_test.py::LSTMTest::test_masking"
    outcomes, constructed = keras_suite.run_suite([test], "slightly_wrong", extra_path=tmp_path)
    assert constructed["LSTM"] > 0
    assert keras_suite.lost_tests(outcomes) == [test]
