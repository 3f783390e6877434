"""The benchmark of the layers on a GPU, as far as it goes without one."""

import keras
import pytest
from click.testing import CliRunner

from benchmarks import gpu, report
from benchmarks.contenders import Case
from shared.layers.loops import on_gpu

SMALL = {"units": 4, "timesteps": 6, "features": 3, "batch": 2}


@pytest.mark.skipif(on_gpu(), reason="there is a GPU here")
def test_without_a_gpu_it_says_so(tmp_path):
    result = CliRunner().invoke(gpu.main, ["--output", tmp_path])
    assert result.exit_code != 0 and "sees no GPU" in result.output
    assert not list(tmp_path.iterdir())


def test_contenders_and_table(monkeypatch):
    monkeypatch.setattr(gpu, "SECONDS_PER_CASE", 0)
    cases = [gpu.measure_case(Case("LSTM", **SMALL, masked=True), "mixed_bfloat16", rounds=3)]
    assert keras.config.dtype_policy().name == "float32"
    forward = cases[0]["forward"]
    assert set(forward) == {"ours", "keras", "ours without mask"} and not cases[0]["failed"]
    assert all(len(turns) == 3 and min(turns) > 0 for turns in forward.values())
    cases[0]["forward"] = {name: [0.002] * 3 for name in forward}
    cases[0]["training"] = {**dict.fromkeys(forward, [0.006] * 3), "ours": [0.003] * 3}
    results = {"machine": report.describe_machine(), "cases": cases, "seconds": 1}
    assert report.gpu_rows([results])[-2].endswith(
        "masked | mixed_bfloat16 | 1.00 (1.00-1.00) / 2.00 (2.00-2.00) |  | "
        "1.00 (1.00-1.00) / 2.00 (2.00-2.00) | 2.00 / 3.00 |"
    )


def test_others_may_fail_and_ours_may_not(monkeypatch):
    def broken():
        raise TypeError("no such dtype\nand more")

    case, found = Case("LSTM", **SMALL), gpu.contenders_of
    monkeypatch.setattr(gpu, "SECONDS_PER_CASE", 0)
    monkeypatch.setattr(gpu, "contenders_of", lambda *of: {**found(*of), "keras": broken})
    assert gpu.measure_case(case, "float32", 3)["failed"] == {"keras": "TypeError: no such dtype"}
    monkeypatch.setattr(gpu, "contenders_of", lambda *of: {"ours": broken})
    with pytest.raises(TypeError):
        gpu.measure_case(case, "float32", 3)
