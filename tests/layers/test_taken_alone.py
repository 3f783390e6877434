"""`shared/layers` copied into an empty folder, under another name, in a plain Keras script.

No backend but the one in use can be imported there, as where no other is installed.
"""

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import keras

from shared import layers

SCRIPT = """
import os, sys
for name in {"tensorflow", "jax", "torch"} - {os.environ["KERAS_BACKEND"]}:
    sys.modules[name] = None  # as if it were not installed: its import fails
import numpy as np
import keras

before = set(sys.modules)
from borrowed import GRU, LSTM, Bidirectional, LuongAttention, MinGRU, SimpleRNN, recurrent

x = np.random.default_rng(0).normal(size=(64, 12, 3)).astype("float32")
y = x[:, 2, :1]  # what stood at the beginning
inputs = keras.Input((None, 3))
hidden = Bidirectional(LSTM(8, return_sequences=True))(inputs)
hidden = MinGRU(8, return_sequences=True)(GRU(8, return_sequences=True)(hidden))
model = keras.Model(inputs, keras.layers.Dense(1)(recurrent("rnn", 8)(hidden)))
model.compile(keras.optimizers.Adam(0.01), "mse")
losses = model.fit(x, y, epochs=30, verbose=0).history["loss"]
assert losses[-1] < 0.3 * losses[0], losses

model.save("model.keras")
again = keras.saving.load_model("model.keras", safe_mode=True)
np.testing.assert_allclose(again.predict(x, verbose=0), model.predict(x, verbose=0), atol=1e-6)
assert type(again.layers[-2]).__module__ == "borrowed.simple_rnn"
print(*{name.split(".")[0] for name in set(sys.modules) - before})
"""


def test_a_copy_works_in_a_script_of_its_own(tmp_path):
    shutil.copytree(
        Path(layers.__file__).parent,
        tmp_path / "borrowed",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    (tmp_path / "script.py").write_text(SCRIPT)
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    environment["KERAS_BACKEND"] = keras.backend.backend()
    ended = subprocess.run(
        [sys.executable, "script.py"], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stderr
    imported = set(ended.stdout.split())
    assert "borrowed" in imported
    assert not imported & {"shared", "recipes", "click", "tqdm", "tensorflow_datasets"}


def test_nothing_but_keras_is_imported_before_a_loop_is_chosen():
    """Every import at the top of a file is of our own, Python's, NumPy or Keras."""
    files = [*Path(layers.__file__).parent.rglob("*.py")]
    assert len(files) > 15
    for file in files:
        allowed = {"keras", "numpy", *sys.stdlib_module_names}
        if file.parts[-2:] == ("loops", "torch.py"):  # which PyTorch's backend alone loads
            allowed.add("torch")
        for node in ast.parse(file.read_text()).body:
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module]
            assert {name.split(".")[0] for name in names} <= allowed, file
