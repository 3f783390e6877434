"""Encoders of `keras.applications`: found, refused, and asked for their weights once."""

from types import SimpleNamespace

import pytest

from shared.errors import UserError
from shared.training import pretrained


def options_of(encoder, weights=None, **options):
    usual = {"smallest_crop": 1.0, "recipe": "captioning", "run": None, "resume": False}
    return SimpleNamespace(**usual | {"encoder": encoder, "weights": weights} | options)


def test_names_in_any_capitals():
    assert pretrained.find("mobilenetv2") == "MobileNetV2"
    with pytest.raises(UserError, match=r"no encoder 'ResNet'.*ResNet50"):
        pretrained.find("ResNet")


@pytest.mark.parametrize(
    "encoder, weights, side, words",
    [
        ("scratch", "imagenet", 128, "needs an --encoder"),
        ("MobileNet", "none", 31, "at least 32 pixels, and would get 31"),
        ("Xception", None, 70, "at least 71 pixels, and would get 70"),
        ("nothing", None, 224, "no encoder 'nothing'"),
    ],
)
def test_what_cannot_be_had_is_refused(encoder, weights, side, words):
    with pytest.raises(UserError, match=words):
        pretrained.fixed_encoder(options_of(encoder, weights), (side, side, 3))


def test_a_trained_encoder_sees_pieces():
    with pytest.raises(UserError, match="would get 63"):
        options = options_of("Xception", "none", smallest_crop=0.75)
        pretrained.fixed_encoder(options, (72, 72, 3))
    assert pretrained.fixed_encoder(options_of("Xception", "none"), (72, 72, 3)) is None
    assert pretrained.fixed_encoder(options_of("scratch"), (32, 32, 3)) is None


def test_weights_without_a_network_are_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    with pytest.raises(UserError, match=r"of MobileNetV2 can't be had.*--weights none"):
        pretrained.fixed_encoder(options_of("mobilenetv2"), (224, 224, 3))


def test_weights_that_keras_has_kept_need_no_network(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    (tmp_path / "models").mkdir()
    assert not pretrained.is_kept("MobileNetV2")
    name = "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5"
    (tmp_path / "models" / name).touch()
    assert pretrained.is_kept("MobileNetV2")
    assert not pretrained.is_kept("MobileNet") and not pretrained.is_kept("MobileNetV3Small")
