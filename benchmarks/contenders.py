"""What is measured: the same work done by our layers, Keras's, a naive cell, PyTorch's, and bare.

Every contender has `forward()`, one forward pass over a batch, and `train(steps)`, which returns
the seconds of each of that many training steps. Both return only when the numbers are there.
"""

import importlib
import importlib.util
import time
from dataclasses import dataclass, replace

import keras
import numpy as np

import shared.layers

from .naive import CELLS

GATES = {"SimpleRNN": 1, "LSTM": 4, "GRU": 3}


@dataclass(frozen=True)
class Case:
    """One piece of work: sequences (batch, timesteps, features) -> (batch, 1)."""

    layer: str
    units: int
    timesteps: int = 100
    features: int = 128
    batch: int = 64
    bidirectional: bool = False
    stacked: int = 1
    masked: bool = False

    @property
    def name(self):
        extras = ["bidirectional"] * self.bidirectional
        extras += [f"{self.stacked} stacked"] * (self.stacked > 1) + ["masked"] * self.masked
        return ", ".join(
            [
                self.layer,
                f"{self.units} units",
                f"{self.timesteps} steps",
                f"batch {self.batch}",
                *extras,
            ]
        )

    def examples(self, batches=1, seed=0):
        """Sequences, the mask of right-padded sequences from half to full length, and targets."""
        random = np.random.default_rng(seed)
        examples = batches * self.batch
        x = random.normal(size=(examples, self.timesteps, self.features)).astype("float32")
        lengths = random.integers(self.timesteps // 2, self.timesteps + 1, size=(examples, 1))
        mask = np.arange(self.timesteps) < lengths
        y = random.normal(size=(examples, 1)).astype("float32")
        return x, mask, y


class KerasContender:
    """A model of recurrent layers and one Dense, made by `make(return_sequences)`."""

    def __init__(self, case, make):
        sequences = keras.Input((case.timesteps, case.features))
        mask = keras.Input((case.timesteps,), dtype="bool")
        hidden = sequences
        for depth in range(case.stacked):
            layer = make(return_sequences=depth + 1 < case.stacked)
            hidden = layer(hidden, mask=mask if case.masked else None)
        inputs = [sequences, mask] if case.masked else sequences
        self.model = keras.Model(inputs, keras.layers.Dense(1)(hidden))
        self.model.compile("adam", "mse")
        self.case = case
        self.batch = self._of_case(1)[0]
        self.batch = keras.tree.map_structure(keras.ops.convert_to_tensor, self.batch)

    def _of_case(self, batches):
        x, mask, y = self.case.examples(batches)
        return ([x, mask] if self.case.masked else x), y

    def forward(self):
        self.model.predict_on_batch(self.batch)

    def train(self, steps):
        x, y = self._of_case(steps)
        seconds = SecondsPerStep()
        self.model.fit(
            x, y, batch_size=self.case.batch, shuffle=False, verbose=0, callbacks=[seconds]
        )
        return seconds.of_steps


class SecondsPerStep(keras.callbacks.Callback):
    """The seconds from the beginning of each training step until its loss is known."""

    def __init__(self):
        super().__init__()
        self.of_steps = []

    def on_train_batch_begin(self, batch, logs=None):
        self.begun = time.perf_counter()

    def on_train_batch_end(self, batch, logs=None):
        float(logs["loss"])  # waits for it, on backends that run ahead
        self.of_steps.append(time.perf_counter() - self.begun)


def torch_kind(case):
    """The class of torch.nn that does the case's work."""
    import torch

    return {"SimpleRNN": torch.nn.RNN, "LSTM": torch.nn.LSTM, "GRU": torch.nn.GRU}[case.layer]


class TorchContender:
    """torch.nn.LSTM and its like as they are, with the same Dense, loss and optimizer."""

    def __init__(self, case):
        import torch

        self.torch, self.case = torch, case
        self.layer = torch_kind(case)(
            case.features,
            case.units,
            num_layers=case.stacked,
            bidirectional=case.bidirectional,
            batch_first=True,
        )
        self.dense = torch.nn.Linear(case.units * (2 if case.bidirectional else 1), 1)
        self.optimizer = torch.optim.Adam([*self.layer.parameters(), *self.dense.parameters()])
        x, _, y = case.examples()
        self.x, self.y = torch.from_numpy(x), torch.from_numpy(y)

    def _predict(self):
        _, last = self.layer(self.x)
        last = last[0] if self.case.layer == "LSTM" else last  # h of each layer and direction
        directions = 2 if self.case.bidirectional else 1
        return self.dense(self.torch.cat(list(last[-directions:]), dim=-1))

    def forward(self):
        with self.torch.no_grad():
            self._predict().numpy()

    def train(self, steps):
        seconds = []
        for _ in range(steps):
            begun = time.perf_counter()
            self.optimizer.zero_grad()
            loss = self.torch.nn.functional.mse_loss(self._predict(), self.y)
            loss.backward()
            self.optimizer.step()
            loss.item()
            seconds.append(time.perf_counter() - begun)
        return seconds


class Floor:
    """The matrix products of a recurrent layer and nothing else, by TensorFlow on all cores.

    Forward: the inputs with U, for all timesteps at once, and the state with W, one timestep after
    the other. Training: also the gradient of each state, one timestep after the other, and those
    of U and W, for all timesteps at once. The gradient of the inputs, which nobody needs here,
    falls away.
    """

    def __init__(self, case):
        import tensorflow as tf

        gates = GATES[case.layer] * case.units
        random = np.random.default_rng(0)

        def normal(*shape):
            return tf.constant(random.normal(size=shape).astype("float32") / 16)

        self.x = normal(case.timesteps * case.batch, case.features)
        self.u, self.w = normal(case.features, gates), normal(case.units, gates)
        self.h = normal(case.timesteps * case.batch, case.units)
        self.dz = normal(case.timesteps * case.batch, gates)

        # A product whose result nobody uses would not be computed: each one waits for the last.
        def wait(tensor, product):
            with tf.control_dependencies([product]):
                return tf.identity(tensor)

        def one_after_the_other(of_timesteps, weights, transpose, product):
            for operand in tf.split(of_timesteps, case.timesteps):
                product = tf.matmul(wait(operand, product), weights, transpose_b=transpose)
            return product

        def forward():
            product = tf.matmul(self.x, self.u)
            return one_after_the_other(self.h, self.w, False, product)

        def both_ways():
            product = one_after_the_other(self.dz, self.w, True, forward())
            dz = wait(self.dz, product)
            return [tf.matmul(left, dz, transpose_a=True) for left in (self.x, self.h)]

        self.forward = tf.function(forward, autograph=False)
        self.both_ways = tf.function(both_ways, autograph=False)

    def train(self, steps):
        seconds = []
        for _ in range(steps):
            begun = time.perf_counter()
            self.both_ways()
            seconds.append(time.perf_counter() - begun)
        return seconds


def make_layer(case, source, **arguments):
    """A function from `return_sequences` to the case's layer, from "ours", "keras", "naive" or a
    package of that name; `arguments`: further ones of the layer, but of a naive one."""
    module = {"ours": shared.layers, "keras": keras.layers, "naive": keras.layers}.get(source)
    module = module or importlib.import_module(source)
    bidirectional = getattr(module, "Bidirectional", keras.layers.Bidirectional)

    def make(return_sequences):
        if source == "naive":
            cell = CELLS[case.layer](case.units)
            return keras.layers.RNN(cell, return_sequences=return_sequences)
        kind = getattr(module, case.layer)
        layer = kind(case.units, return_sequences=return_sequences, **arguments)
        return bidirectional(layer) if case.bidirectional else layer

    return make


def contenders_of(case, beside=None):
    """The contenders that can do the case's work, by name.

    `beside`: a package with layers of the same names, such as a copy of ours as they were.
    """
    found = {"ours": lambda: KerasContender(case, make_layer(case, "ours"))}
    if beside:
        found["beside"] = lambda: KerasContender(case, make_layer(case, beside))
    if not hasattr(keras.layers, case.layer):
        lstm = replace(case, layer="LSTM")
        found["our LSTM"] = lambda: KerasContender(lstm, make_layer(lstm, "ours"))
        return found
    found["keras"] = lambda: KerasContender(case, make_layer(case, "keras"))
    single = not case.bidirectional and case.stacked == 1 and not case.masked
    if single:
        if case.timesteps <= 100:  # its ratio doesn't change with length, only the wait for it
            found["naive"] = lambda: KerasContender(case, make_layer(case, "naive"))
        if importlib.util.find_spec("tensorflow"):
            found["floor"] = lambda: Floor(case)
    if importlib.util.find_spec("torch") and not case.masked:
        found["torch"] = lambda: TorchContender(case)
    if case.masked:
        bare = replace(case, masked=False)
        found["ours without mask"] = lambda: KerasContender(bare, make_layer(bare, "ours"))
    return found
