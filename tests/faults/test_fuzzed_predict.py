"""Whatever `predict` is asked about: an answer or an error for each, in order, and no traceback."""

import json
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import call, inputs_of
from tests.training.trainings import train_tiny

from .test_fuzzed_files import SECONDS, edited

INPUTS, TOGETHER = 300, 30
TEXTS = ("language_modeling", "sentiment", "translation")
LINES = (
    st.binary(max_size=200)
    | st.text(max_size=200).map(lambda text: text.encode(errors="surrogatepass"))
    | st.sampled_from([b"", b" ", b"\0", b"<b>a</b>", b"\x1b[2J", b"x" * 100_000, b"a " * 5000])
)
CHANGES = st.lists(st.tuples(st.integers(0, 2**16), st.integers(0, 40), st.binary(max_size=8)))


@pytest.fixture(scope="module")
def trained(recipe, tmp_path_factory, asked_for):
    return train_tiny(recipe, tmp_path_factory.mktemp(recipe))


def asked(recipe, run, lines):
    """Ask about lines of standard input; the answers, an object for each that isn't empty."""
    begun = time.monotonic()
    result = call(recipe, "predict", "--json", "--run", run, "-", stdin=b"\n".join(lines) + b"\n")
    assert time.monotonic() - begun < SECONDS * len(lines)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    answers = [json.loads(line) for line in result.stdout.splitlines()]
    refused = [answer for answer in answers if "error" in answer]
    errors = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
    if answers:
        assert len(errors) == len(refused) and result.exit_code == bool(refused), result.stderr
    return answers


def fuzzed(drawn):
    """A decorator: call with `INPUTS` of what is drawn, `TOGETHER` at a time."""
    together = st.lists(drawn, min_size=TOGETHER, max_size=TOGETHER)

    def decorate(check):
        limits = {"deadline": None, "suppress_health_check": list(HealthCheck), "database": None}
        limits |= {"max_examples": INPUTS // TOGETHER, "derandomize": True}
        return settings(**limits)(given(together)(check))

    return decorate


def test_predict_answers_or_refuses_each_input(recipe, trained, tmp_path, injected):
    if recipe in TEXTS:

        @fuzzed(LINES.map(lambda line: line.replace(b"\n", b"")))
        def check(lines):
            assert len(asked(recipe, trained, lines)) == len(lines)

    else:
        paths = inputs_of(recipe, tmp_path)
        wholes = [Path(path).read_bytes() for path in paths]
        kind = paths[0].rsplit(".", 1)[-1]

        @fuzzed(st.tuples(st.integers(0, len(wholes) - 1), CHANGES))
        def check(plans):
            files = [tmp_path / f"{number}.{kind}" for number in range(len(plans))]
            for file, (number, changes) in zip(files, plans, strict=True):
                file.write_bytes(edited(wholes[number], changes))
            answers = asked(recipe, trained, [str(file).encode() for file in files])
            assert [answer["input"] for answer in answers] == list(map(str, files))

    check()
    injected(f"fuzzed inputs of predict, {recipe}", INPUTS)
