"""Files made to do harm: nothing in them is run, and nothing is written outside of its folder."""

import ast
import json
import pickle
import zipfile

import keras
import numpy as np
import pytest

from shared.errors import UserError
from shared.training.run import BELONGING
from tests.conftest import ROOT
from tests.training.trainings import make_data, make_network, train


class Bomb:
    """What runs when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.fixture
def run(tmp_path):
    from shared.training.run import Run

    train(tmp_path / "a", make_network(), make_data(), 1)
    return Run("test", tmp_path / "a")


def test_a_pickle_in_a_checkpoint_is_refused(run, tmp_path, injected):
    with np.load(run.path("checkpoint/latest.npz")) as saved:
        arrays = {name: saved[name] for name in saved}
    bomb = np.empty(1, object)
    bomb[0] = Bomb(tmp_path / "harm")
    np.savez(run.path("checkpoint/latest.npz"), **arrays | {"network-00000": bomb})
    with pytest.raises(UserError, match=r"latest\.npz is damaged"):
        train(tmp_path / "a", make_network(), make_data(), 2, resume=True)
    run.path("checkpoint/latest.npz").write_bytes(pickle.dumps(Bomb(tmp_path / "harm")))
    with pytest.raises(UserError, match=r"latest\.npz is damaged"):
        train(tmp_path / "a", make_network(), make_data(), 2, resume=True)
    assert not (tmp_path / "harm").exists()
    injected("pickle in a checkpoint", 2)


def test_a_model_writes_nowhere_and_runs_nothing(run, tmp_path, injected):
    with zipfile.ZipFile(run.path("model.keras")) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    assert BELONGING in entries
    harm = str(tmp_path / "harm")
    call = {
        "module": "builtins",
        "class_name": "function",
        "config": "exec",
        "registered_name": "function",
    }
    layers = [
        None,  # the network as it was
        keras.saving.serialize_keras_object(keras.layers.Lambda(lambda x: x)),
        {
            "module": "keras.layers",
            "class_name": "Lambda",
            "config": {"name": "a", "function": call, "arguments": {"source": f"open({harm!r})"}},
        },
        {"module": "os", "class_name": "system", "config": f"touch {harm}"},
    ]
    config = json.loads(entries["config.json"])
    for layer in layers:
        if layer:
            config["config"]["layers"][1] = layer
        with zipfile.ZipFile(run.path("model.keras"), "w") as archive:
            for name, content in entries.items():
                archive.writestr(name, json.dumps(config) if name == "config.json" else content)
            archive.writestr("../../harm", "outside")
            archive.writestr("assets/../../../harm", "outside")
            archive.writestr(harm, "outside")
        if layer is None:
            assert run.load_model().count_params() == 57
        else:
            with pytest.raises(UserError, match=r"model\.keras is damaged or is not"):
                run.load_model()
        assert not list(tmp_path.rglob("harm"))
    injected("code or a path outside in model.keras", len(layers))


def test_no_shell_and_no_pickle_anywhere():
    """The modules and functions that could run what a user wrote are not used."""
    refused = {"pickle", "marshal", "shelve", "subprocess", "eval", "exec", "system", "popen"}
    watching = ROOT / "shared" / "training" / "workers.py"  # starts one command, always the same
    for path in [*ROOT.glob("shared/**/*.py"), *ROOT.glob("recipes/**/*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            elif isinstance(node, ast.Call):
                named = node.func
                names = [named.attr if isinstance(named, ast.Attribute) else ast.unparse(named)]
                allowing = [each for each in node.keywords if each.arg == "allow_pickle"]
                assert not allowing, path
            allowed = {"subprocess"} if path == watching else set()
            assert not (refused - allowed) & set(names), (path, names)
