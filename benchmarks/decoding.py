"""Measure decoding with states kept between steps against feeding the whole prefix again.

    python -m benchmarks.decoding       in under two minutes on two cores

The network is a small language model: embedding, one LSTM, one Dense. Ours steps through it with
`shared.decoding`. The other loop is that of most example code: `model.predict` on everything
written so far, for every token; its model is made of `keras.layers` with the same weights, gives
the logits of the last timestep only, and gets all its rows in one batch. Both search with the same
code, so nothing but the reading differs; they must write the same.

Writes `decoding.md` and `decoding.json` into benchmarks/results/.
"""

import json
import os
import statistics
import time
from pathlib import Path

import click
from tqdm import tqdm

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

RESULTS = Path(__file__).parent / "results"
VOCABULARY, UNITS = 100, 256
CASES = [(1, 1), (1, 5), (64, 1), (64, 5)]  # batch, beam width
ROUNDS = 3


@click.command()
@click.option("--length", default=64, type=click.IntRange(2), show_default=True)
@click.option("--output", default=RESULTS, type=click.Path(path_type=Path), show_default=True)
def main(length, output):
    """Measure, side by side, and write a table and a JSON file."""
    begun = time.perf_counter()
    import keras

    from .report import describe_machine

    keras.utils.set_random_seed(0)
    network = LanguageModel()
    lengths = [length, 4 * length]
    results = {"machine": describe_machine(), "length": length, "cases": []}
    with tqdm(total=len(CASES) * (length + ROUNDS * sum(lengths)), unit="step") as bar:
        for batch, beam in CASES:
            bar.set_description(f"batch {batch}, beam {beam}")
            results["cases"].append(measure_case(network, batch, beam, lengths, bar.update))
    results["seconds"] = time.perf_counter() - begun
    output.mkdir(parents=True, exist_ok=True)
    (output / "decoding.json").write_text(json.dumps(results, indent=1) + "\n")
    (output / "decoding.md").write_text(as_markdown(results))
    print(f"{results['seconds']:.0f} seconds. Written: {output}/decoding.md and .json")


class LanguageModel:
    """The same network twice: to be stepped through, and as a model of whole prefixes."""

    def __init__(self):
        import keras

        from shared.decoding import compile_step
        from shared.layers import LSTM

        self.embedding = keras.layers.Embedding(VOCABULARY, UNITS)
        self.lstm = LSTM(UNITS)
        # An untrained network hardly prefers any token. Larger weights make a choice of it, so
        # that a different order of summation doesn't make a different text.
        self.dense = keras.layers.Dense(VOCABULARY, kernel_initializer="random_normal")
        tokens = keras.Input((None,), dtype="int32")
        embedded = self.embedding(tokens)
        stock = keras.layers.LSTM(UNITS)
        self.model = keras.Model(tokens, self.dense(stock(embedded)))
        for layer in (self.embedding, self.dense):
            kernel, *rest = layer.get_weights()
            layer.set_weights([20 * kernel, *rest])
        self.lstm.build(embedded.shape)
        self.lstm.set_weights(stock.get_weights())
        self.variables = [*self.model.variables, *self.lstm.variables]
        self.step = compile_step(self._step, self)

    def _step(self, tokens, states):
        hidden, states = self.lstm.cell(self.embedding(tokens), states)
        return self.dense(hidden), states

    def states(self, rows):
        return self.lstm.get_initial_state(rows)

    def predict_step(self, tokens, prefix):
        """A step whose state is all that was written before, (rows, length)."""
        import numpy as np

        prefix = np.concatenate([prefix, tokens[:, None]], axis=1)
        return self.model.predict(prefix, batch_size=len(prefix), verbose=0), prefix


def measure_case(network, batch, beam, lengths, advance):
    """Seconds of both loops, for one batch and beam width.

    Args:
        network: a `LanguageModel`.
        batch: sequences at once.
        beam: beam width; 1 is greedy.
        lengths: tokens to write with states; to the first of them also with whole prefixes.
        advance: called with the number of steps done.

    Returns:
        A dictionary with the medians over rounds by length, the seconds of the loop of
        `model.predict`, and the share of sequences on which the two agree.
    """
    import numpy as np

    prompts = [[1 + i % (VOCABULARY - 1)] for i in range(batch)]

    def with_states(length):
        return decode(network.step, prompts, network.states(batch), length, beam)

    def with_prefixes(length):
        nothing = np.zeros((batch, 0), "int32")
        return decode(network.predict_step, prompts, nothing, length, beam)

    with_states(3)  # compile
    with_prefixes(2)
    seconds = {length: [] for length in lengths}
    for _ in range(ROUNDS):
        for length in lengths:
            ours, elapsed = timed(with_states, length)
            seconds[length].append(elapsed)
            if length == lengths[0]:
                written = ours
            advance(length)
    others, predict_seconds = timed(with_prefixes, lengths[0])
    advance(lengths[0])
    agree = [np.array_equal(a, b) for a, b in zip(written, others, strict=True)]
    return {
        "batch": batch,
        "beam": beam,
        "seconds": {length: statistics.median(each) for length, each in seconds.items()},
        "predict_seconds": predict_seconds,
        "agree": float(np.mean(agree)),
    }


def decode(step, prompts, states, length, beam):
    """The tokens written, one array for each sequence."""
    from shared.decoding import beam_search, greedy

    if beam == 1:
        return [found.tokens for found in greedy(step, prompts, states, length)]
    return [found[0].tokens for found in beam_search(step, prompts, states, length, beam)]


def timed(call, *arguments):
    """`(result, seconds)`."""
    begun = time.perf_counter()
    result = call(*arguments)
    return result, time.perf_counter() - begun


def as_markdown(results):
    """The table, with a line on how to read it."""
    from .report import facts

    length = results["length"]
    lines = [
        "# Decoding, measured",
        "",
        facts(results, "benchmarks.decoding"),
        "",
        f"An LSTM language model of {UNITS} units over {VOCABULARY} tokens writes {length} tokens, "
        "with its states kept between steps (`shared.decoding`) and with `model.predict` on the "
        "whole prefix for every token. Growth is the time for four times as many tokens over four "
        "times the time: 1 is linear. The tokens of the hypotheses that lost don't count.",
        "",
        "| batch | beam | tokens per second | with `model.predict` | times faster | growth | "
        "ms per step | same text |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for case in results["cases"]:
        seconds, tokens = case["seconds"], case["batch"] * length
        growth = seconds[4 * length] / (4 * seconds[length])
        lines.append(
            f"| {case['batch']} | {case['beam']} | {tokens / seconds[length]:,.0f} | "
            f"{tokens / case['predict_seconds']:,.0f} | "
            f"{case['predict_seconds'] / seconds[length]:.0f} | {growth:.2f} | "
            f"{1000 * seconds[length] / length:.2f} | {case['agree']:.0%} |"
        )
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    main()
