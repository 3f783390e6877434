"""The captioning recipe with networks of `keras.applications` as its encoder."""

import time
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from PIL import Image

from recipes.captioning import data, features, sample
from shared.data import examples
from shared.training.run import Run
from tests.recipes.test_captioning_commands import SMALL, answers
from tests.recipes.test_commands import call, refused


@pytest.fixture
def picture(tmp_path):
    """A scene of the sample as a file, without its colours."""
    Image.open(sample.write_inputs(tmp_path)[0]).convert("L").save(tmp_path / "grey.png")
    return tmp_path / "grey.png"


def tiny_application(name="MobileNetV2", build=None):
    """In the place of a downloaded network: fixed, and small."""
    image = keras.Input((None, None, 3))
    x = keras.layers.Conv2D(3, 8, 8)(image)
    return keras.Model(image, x, name="tiny", trainable=False)


def test_imagenet_weights_without_a_network_are_given_up_at_once(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    started = time.monotonic()
    line = refused(
        "captioning", "train", "--dataset", "sample", "--encoder", "mobilenetv2", "--run", "run"
    )
    assert "ImageNet weights of MobileNetV2 can't be had: storage.googleapis.com" in line
    assert "--weights none" in line and time.monotonic() - started < 60
    assert not (tmp_path / "run").exists()


def test_weights_that_keras_has_kept_need_no_network(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    (tmp_path / "models").mkdir()
    assert not features.is_kept("MobileNetV2")
    name = "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5"
    (tmp_path / "models" / name).touch()
    assert features.is_kept("MobileNetV2")
    assert not features.is_kept("MobileNet") and not features.is_kept("MobileNetV3Small")


def test_a_fixed_encoder_looks_at_each_image_once(tmp_path, monkeypatch, picture):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(features, "pretrained", tiny_application)
    computed = []
    compute = features._compute
    monkeypatch.setattr(
        features,
        "_compute",
        lambda *arguments: (computed.append(arguments[2]), compute(*arguments)),
    )
    train = ["train", "--dataset", "sample", "--limit", 8, "--encoder", "mobilenetv2", *SMALL]
    result = call("captioning", *train, "--run", "one")
    assert result.exit_code == 0, result.output
    assert len(computed) == 2, "training and validation images"
    kept = sorted(path.name for path in (tmp_path / "runs/captioning/features").iterdir())
    assert len(kept) == 4 and not [name for name in kept if name.startswith(".")]
    assert np.load(computed[0]).shape == (8, 4, 4, 3)

    result = call("captioning", *train, "--run", "two")
    assert result.exit_code == 0 and len(computed) == 2, "what is on disk is not computed again"
    # What was read from disk is what the encoder makes of the same images, captions and all.
    (grids, captions), source = (
        [np.load(path) for path in (computed[0], features._captions(computed[0]))],
        data.find("sample"),
    )
    held = data.examples(source, "train", 8, 32)
    encoder = keras.saving.load_model("one/encoder.keras")
    expected = encoder.predict_on_batch(held.columns["image"].astype("float32"))
    np.testing.assert_array_equal(captions, held.columns["captions"].astype("S"))
    assert grids.shape == expected.shape

    for arguments in (["evaluate", "--limit", 4], ["train", "--resume", "--epochs", 2]):
        result = call("captioning", *arguments, "--run", "one")
        assert result.exit_code == 0, result.output
    assert answers("one", str(picture))
    assert call("captioning", "inspect", "--run", "one", picture).exit_code == 0


def test_interrupted_encoding_leaves_nothing_half_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    images = np.zeros((4, 16, 16, 3), "uint8")
    held = examples.Examples.of({"image": images, "captions": np.full((4, 5), b"a dog", object)})
    calls = []

    def predict_on_batch(batch):
        calls.append(len(batch))
        if len(calls) == 2:
            raise KeyboardInterrupt
        return np.ones((len(batch), 2, 2, 3), "float32")

    encoder = SimpleNamespace(predict_on_batch=predict_on_batch)
    with pytest.raises(KeyboardInterrupt):
        features.hold(lambda: held, encoder, "key", batch_size=2)
    assert not list(features.FOLDER.iterdir())
    found = features.hold(lambda: held, encoder, "key", batch_size=2)
    assert found.count == 4 and calls == [2, 2, 2, 2]
    (batch,) = examples.batches(found, 4, lambda batch, seed: batch)
    assert batch["grid"].shape == (4, 2, 2, 3)
    assert batch["captions"].numpy().tolist() == [[b"a dog"] * 5] * 4


def test_an_application_without_weights_is_trained_and_saved(tmp_path, monkeypatch, picture):
    monkeypatch.chdir(tmp_path)
    arguments = ["--dataset", "sample", "--limit", 4, "--encoder", "MobileNet", *SMALL]
    # MobileNet needs 32 pixels at least, and a piece of such an image has fewer.
    arguments += ["--smallest-crop", 1]
    result = call("captioning", "train", *arguments, "--weights", "none", "--run", "run")
    assert result.exit_code == 0, result.output
    assert not (tmp_path / "run/encoder.keras").exists()
    weights = Run("captioning", tmp_path / "run").load_model().trainable_weights
    assert [w for w in weights if "conv_dw" in w.path], "they are trained with the rest"
    assert answers("run", str(picture))
