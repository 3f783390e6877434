"""The recipe with networks of `keras.applications` as its encoder."""

import importlib

import keras
import numpy as np
import pytest
from PIL import Image

from recipes.captioning import sample
from shared.data import image_features
from shared.errors import UserError
from shared.training import pretrained
from shared.training.run import Run
from tests.conftest import call
from tests.recipes.captioning.test_commands import SMALL, answers


@pytest.fixture
def picture(tmp_path):
    """A scene of the sample as a file, without its colours."""
    Image.open(sample.write_inputs(tmp_path)[0]).convert("L").save(tmp_path / "grey.png")
    return tmp_path / "grey.png"


def tiny_application(name="MobileNetV2", build=None):
    """In the place of a downloaded network: fixed, and small."""
    image = keras.Input((None, None, 3))
    x = keras.layers.Conv2D(3, 8, 8, kernel_initializer=keras.initializers.GlorotUniform(1))(image)
    return keras.Model(image, x, name="tiny", trainable=False)


def test_a_fixed_encoder_looks_at_each_image_once(tmp_path, monkeypatch, picture):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(pretrained, "pretrained", tiny_application)
    computed, compute = [], image_features._compute

    def counted(examples, encoder, path, batch_size):
        computed.append(path)
        compute(examples, encoder, path, batch_size)

    monkeypatch.setattr(image_features, "_compute", counted)
    train = ["train", "--dataset", "sample", "--limit", 8, "--encoder", "mobilenetv2", *SMALL]
    for name in ("one", "two"):
        result = call("captioning", *train, "--run", name)
        assert result.exit_code == 0, result.output
        assert len(computed) == 2, "training and validation images, once"
    assert {path.parent.as_posix() for path in computed} == {"runs/captioning/features"}
    assert np.load(computed[0]).shape == (8, 4, 4, 3)

    for arguments in (["evaluate", "--limit", 4], ["train", "--resume", "--epochs", 2]):
        result = call("captioning", *arguments, "--run", "one")
        assert result.exit_code == 0, result.output
    assert len(computed) == 2
    assert answers("one", str(picture))
    assert call("captioning", "inspect", "--run", "one", picture).exit_code == 0
    result = call("captioning", "gradients", "--run", "one")
    assert result.exit_code == 0, result.output


def test_a_copy_of_the_recipe_keeps_features_of_its_own(tmp_path, monkeypatch):
    def refused(examples, encoder, path, batch_size):
        raise UserError(f"to {path.parent}")  # before anything is trained

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(pretrained, "pretrained", tiny_application)
    monkeypatch.setattr(image_features, "_compute", refused)
    monkeypatch.setattr(importlib.import_module("recipes.captioning.__main__").recipe, "name", "my")
    train = ["train", "--dataset", "sample", "--limit", 8, "--encoder", "mobilenetv2", *SMALL]
    result = call("captioning", *train)
    assert result.stderr.splitlines()[-1] == "Error: to runs/my/features", result.stderr


def test_an_application_without_weights_is_trained_and_saved(tmp_path, monkeypatch, picture):
    monkeypatch.chdir(tmp_path)
    arguments = ["--dataset", "sample", "--limit", 4, "--encoder", "MobileNet", *SMALL]
    result = call("captioning", "train", *arguments, "--weights", "none", "--run", "run")
    assert result.exit_code == 0, result.output
    assert not (tmp_path / "run/encoder.keras").exists()
    weights = Run("captioning", tmp_path / "run").load_model().trainable_weights
    assert [w for w in weights if "conv_dw" in w.path], "they are trained with the rest"
    assert answers("run", str(picture))
