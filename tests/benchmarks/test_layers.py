"""The benchmark of the layers: fair opponents, fair turns, and a table of what was measured."""

import json

import keras
import numpy as np
import pytest
from keras import ops

from benchmarks import compilations, report, timing
from benchmarks.contenders import GATES, Case, contenders_of, make_layer
from benchmarks.naive import CELLS

SMALL = {"units": 4, "timesteps": 6, "features": 3, "batch": 2}


@pytest.mark.parametrize("kind", CELLS)
def test_naive_cells_compute_what_keras_computes(kind):
    x = np.random.default_rng(0).normal(size=(2, 6, 3)).astype("float32")
    arguments = {"reset_after": False} if kind == "GRU" else {}
    theirs = getattr(keras.layers, kind)(4, **arguments)
    theirs.build(x.shape)
    random = np.random.default_rng(1)
    theirs.set_weights([random.normal(size=weight.shape) for weight in theirs.get_weights()])
    naive = keras.layers.RNN(CELLS[kind](4))
    naive.build(x.shape)
    parts = [np.split(weight, GATES[kind], axis=-1) for weight in theirs.get_weights()]
    naive.set_weights([part for of_gate in zip(*parts, strict=True) for part in of_gate])
    np.testing.assert_allclose(
        ops.convert_to_numpy(naive(x)), ops.convert_to_numpy(theirs(x)), atol=1e-6
    )


@pytest.mark.parametrize(
    "case",
    [
        Case("LSTM", **SMALL),
        Case("GRU", **SMALL, bidirectional=True),
        Case("MinGRU", **SMALL),
        Case("SimpleRNN", **SMALL, stacked=2),
        Case("LSTM", **SMALL, masked=True),
    ],
    ids=lambda case: case.name,
)
def test_every_contender_runs(case):
    found = contenders_of(case, beside="shared.layers")
    assert {"ours", "beside", "our LSTM" if case.layer == "MinGRU" else "keras"} <= set(found)
    for make in found.values():
        contender = make()
        contender.forward()
        seconds = contender.train(3)
        assert len(seconds) == 3 and all(second > 0 for second in seconds)


def test_ours_is_ours_and_keras_is_keras():
    case = Case("LSTM", **SMALL)
    modules = {
        source: type(make_layer(case, source)(return_sequences=False)).__module__.split(".")[0]
        for source in ("ours", "keras")
    }
    assert modules == {"ours": "shared", "keras": "keras"}


class Recorder:
    """A contender that writes down whose turn it is."""

    def __init__(self, turns, name):
        self.turns, self.name = turns, name

    def forward(self):
        pass

    def train(self, steps):
        self.turns.append(self.name)
        return [0.5] * steps


def test_contenders_take_turns():
    turns = []
    contenders = {name: Recorder(turns, name) for name in "ab"}
    measured = timing.measure_in_turns(contenders, rounds=4, budget=60)
    assert measured["training"] == {"a": [0.5] * 4, "b": [0.5] * 4}
    assert len(measured["forward"]["a"]) == 4
    assert "".join(turns) == "ab" + "abbaabba"  # first calls, then rounds that begin in turn


def test_ratio_is_taken_round_by_round():
    slowing_down = [1, 2, 4, 8]
    found = timing.ratio([2 * t for t in slowing_down], slowing_down)
    assert found == {"median": 2, "low": 2, "high": 2}


def test_compilations_are_read_from_the_log():
    line = (
        "I0000 00:00:17.6 8048 device_compilation_profiler.cc:113] Compiled __inference_f_9 1 "
        "times, compile time: 367569 us, cumulative: 367569 us (0 us / 368 ms)"
    )
    assert compilations._COMPILED.findall(f"noise\n{line}\nnoise: 5 us\n{line}") == ["367569"] * 2


def test_table_and_plot(tmp_path):
    rounds = {"ours": [1.0, 1.0, 1.0], "keras": [2.0, 2.0, 2.0], "floor": [0.8, 0.8, 0.8]}
    masked = {"ours": [1.1] * 3, "keras": [2.2] * 3, "ours without mask": [1.0] * 3}
    minimal = {"ours": [0.5] * 3, "our LSTM": [2.0] * 3, "beside": [0.4] * 3}
    grown = {"first_forward": 1.0, "first_training": 2.0, "training": 0.1, "peak_bytes": 2**27}
    results = {
        "machine": report.describe_machine(),
        "seconds": 90,
        "cases": [
            {"name": "LSTM, 4 units", "forward": rounds, "training": rounds},
            {"name": "LSTM, 4 units, masked", "forward": masked, "training": masked},
            {"name": "MinGRU, 4 units", "forward": minimal, "training": minimal},
        ],
        "growth": [{"source": "ours", "timesteps": 100, **grown}],
        "compilations": [
            {
                "dataset": "sample",
                "limit": 100,
                "compilations": 6,
                "compilation_seconds": 1.5,
                "epoch_seconds": 30.0,
            }
        ],
    }
    report.write(results, tmp_path)
    table = (tmp_path / "layers.md").read_text()
    assert "| LSTM, 4 units | 2.00 (2.00-2.00) / 2.00 (2.00-2.00) |" in table
    assert "against ours without a mask 0.91 (0.91-0.91)" in table
    assert "against our LSTM of that size 4.00 (4.00-4.00)" in table
    assert "MinGRU, 4 units: the layers beside ours against ours 0.80 (0.80-0.80)" in table
    assert "| 100 | ours | 100 | 128 | 1.00 | 2.00 |" in table
    assert "6 XLA compilations, 1.5 of 30.0 seconds (5%)" in table
    assert json.loads((tmp_path / "layers.json").read_text())["seconds"] == 90
    assert (tmp_path / "layers.svg").read_text().lstrip().startswith("<?xml")
