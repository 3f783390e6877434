"""Measure our recurrent layers on a GPU, against Keras's and PyTorch's.

    KERAS_BACKEND=torch python -m benchmarks.gpu      or jax, or tensorflow

The layer alone, without `fit`, whose own work would hide the difference; and several calls handed
over before the first is waited for, as in training. Writes `gpu-BACKEND.json` into
benchmarks/results/, and the rows into `layers.md` there.
"""

import json
import os
import time
from pathlib import Path

import click
import keras
import numpy as np
from tqdm import tqdm

from . import report
from .contenders import Case, make_layer, torch_kind
from .layers import RESULTS
from .timing import measure_in_turns

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

CALLS = 5  # handed over at once
ROUNDS = 9
SECONDS_PER_CASE = 4
DTYPES = ("float32", "mixed_bfloat16")  # mixed: float32 weights, all else in bfloat16


@click.command()
@click.option("--only", default="", help="Measure the cases whose name contains this.")
@click.option("--rounds", default=ROUNDS, type=click.IntRange(3), show_default=True)
@click.option("--output", default=RESULTS, type=click.Path(path_type=Path), show_default=True)
def main(only, rounds, output):
    """Measure, side by side, and write the rows."""
    begun = time.perf_counter()
    results = {"machine": report.describe_machine(), "cases": []}
    if results["machine"]["device"].startswith("CPU"):
        raise click.ClickException(
            f"the {keras.backend.backend()} backend sees no GPU here; without one, run "
            "`python -m benchmarks.layers`."
        )
    cases = [(case, dtype) for case in all_cases() for dtype in DTYPES if only in case.name]
    output.mkdir(parents=True, exist_ok=True)
    path = output / f"gpu-{keras.backend.backend()}.json"
    for case, dtype in tqdm(cases, unit="case", dynamic_ncols=True):
        results["cases"].append(measure_case(case, dtype, rounds))
        # After each case: time on a lent GPU may end before the last.
        results["seconds"] = time.perf_counter() - begun
        path.write_text(json.dumps(results, indent=1) + "\n")
    if (output / "layers.json").exists():
        report.write(json.loads((output / "layers.json").read_text()), output)
    print("\n".join(report.gpu_rows([results])))
    print(f"{results['seconds']:.0f} seconds. Written: {path}")


def all_cases():
    """Small and large states of each layer, and one with sequences padded on the right."""
    cases = [Case(layer, units) for layer in ("LSTM", "GRU", "SimpleRNN") for units in (256, 1024)]
    return [*cases, Case("LSTM", 256, masked=True)]


def measure_case(case, dtype, rounds):
    """All contenders of a case in turns; those of others that fail are named, with the reason."""
    keras.utils.set_random_seed(0)
    contenders, failed = {}, {}
    for name, make in contenders_of(case, dtype).items():
        try:
            contender = make()
            contender.forward()
            contender.train(1)
        except Exception as error:  # theirs may not know the backend or dtype
            if name.startswith("ours"):
                raise
            failed[name] = f"{type(error).__name__}: {str(error).splitlines()[0][:200]}"
            continue
        contenders[name] = contender
    measured = measure_in_turns(contenders, rounds, SECONDS_PER_CASE)
    del measured["first"]  # those were above, to see who fails
    measured["forward"] = {
        name: [seconds / CALLS for seconds in turns] for name, turns in measured["forward"].items()
    }
    return {"name": case.name, "dtype": dtype, "failed": failed, **measured}


def contenders_of(case, dtype):
    """The contenders that the backend has for the case, by name."""

    def contender(source, masked=case.masked):
        x, mask, _ = case.examples()
        layer = make_layer(case, source, dtype=dtype)(return_sequences=False)
        layer.build(x.shape)
        x = keras.ops.convert_to_tensor(x, layer.compute_dtype)
        mask = keras.ops.convert_to_tensor(mask) if masked else None
        on_backend = {"jax": OnJax, "torch": on_torch, "tensorflow": OnTensorFlow}
        return on_backend[keras.backend.backend()](layer, x, mask)

    found = {"ours": lambda: contender("ours"), "keras": lambda: contender("keras")}
    if case.masked:
        found["ours without mask"] = lambda: contender("ours", masked=False)
    elif keras.backend.backend() == "torch":
        found["torch"] = lambda: torch_layer(case, dtype)
    return found


class _Contender:
    """Runs `_forward()`, a forward pass, and `_gradients()`, the gradients of the mean square of
    the layer's last output for its weights, `CALLS` times before it waits for the last."""

    def forward(self):
        for _ in range(CALLS):
            result = self._forward()
        self._wait(result)

    def train(self, steps):
        seconds = []
        for _ in range(steps):
            begun = time.perf_counter()
            for _ in range(CALLS):
                result = self._gradients()
            self._wait(result)
            seconds.append((time.perf_counter() - begun) / CALLS)
        return seconds


class OnTorch(_Contender):
    """`last_output()`, a function of the weights (tensors, or parameters that aren't trained)."""

    def __init__(self, last_output, weights):
        import torch

        self.torch, self.last_output = torch, last_output
        self.weights = [weight for weight in weights if weight.requires_grad]

    def _forward(self):
        with self.torch.no_grad():
            return self.last_output()

    def _gradients(self):
        return self.torch.autograd.grad(self.last_output().square().mean(), self.weights)

    def _wait(self, result):
        if self.weights[0].is_cuda:
            self.torch.cuda.synchronize()


def on_torch(layer, x, mask=None):
    """A layer of Keras's or ours."""
    return OnTorch(lambda: layer(x, mask=mask), layer.parameters())


def torch_layer(case, dtype):
    """torch.nn.LSTM and its like. All in bfloat16 where ours mixes: what PyTorch's autocast hands
    to cuDNN is float16, whatever it was asked for."""
    x = keras.ops.convert_to_tensor(case.examples()[0], keras.DTypePolicy(dtype).compute_dtype)
    layer = torch_kind(case)(case.features, case.units, batch_first=True).to(x.device, x.dtype)
    return OnTorch(lambda: layer(x)[0][:, -1], layer.parameters())


class OnJax(_Contender):
    def __init__(self, layer, x, mask=None):
        import jax

        rest = [variable.value for variable in layer.non_trainable_variables]

        def last_output(weights):
            return layer.stateless_call(weights, rest, x, mask=mask)[0]

        self.weights = [variable.value for variable in layer.trainable_variables]
        self.last_output = jax.jit(last_output)
        self.gradients = jax.jit(jax.grad(lambda weights: (last_output(weights) ** 2).mean()))
        self._wait = jax.block_until_ready

    def _forward(self):
        return self.last_output(self.weights)

    def _gradients(self):
        return self.gradients(self.weights)


class OnTensorFlow(_Contender):
    def __init__(self, layer, x, mask=None):
        import tensorflow as tf

        def forward():
            return layer(x, mask=mask)

        def gradients():
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean(forward() ** 2)
            return tape.gradient(loss, [variable.value for variable in layer.trainable_variables])

        self._forward = tf.function(forward, autograph=False)
        self._gradients = tf.function(gradients, autograph=False)

    def _wait(self, result):
        np.asarray(keras.tree.flatten(result)[-1])


if __name__ == "__main__":
    main()
