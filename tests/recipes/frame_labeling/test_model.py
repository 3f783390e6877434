"""The frame labelling recipe's network."""

import keras
import numpy as np
import pytest

from recipes.frame_labeling import model
from shared.cli import CELLS

SHAPE = (16, 24, 1)


def clips(count=3, timesteps=7, shape=SHAPE):
    return np.random.default_rng(1).integers(0, 255, (count, timesteps, *shape), "uint8")


def build(cell="lstm", direction="both", layers=1, **more):
    keras.utils.set_random_seed(1)
    return model.build_model(
        shape=SHAPE,
        classes=4,
        cell=cell,
        units=6,
        layers=layers,
        direction=direction,
        filters=(8, 8),
        **more,
    )


def logits(network, frames, lengths=None):
    lengths = lengths or [frames.shape[1]] * len(frames)
    present = np.arange(frames.shape[1]) < np.array(lengths)[:, None]
    return network.predict_on_batch({"frames": frames, "present": present})


@pytest.mark.parametrize(
    "cell, direction", [("lstm", "forward"), ("gru", "both"), ("rnn", "both"), ("none", "both")]
)
def test_padding_changes_nothing(cell, direction):
    network = build(cell, direction, layers=2)
    network.compile(
        "sgd",
        keras.losses.SparseCategoricalCrossentropy(
            from_logits=True, reduction="mean_with_sample_weight"
        ),
        weighted_metrics=["accuracy"],
    )
    frames, lengths = clips(), [7, 4, 1]
    padded = np.concatenate([frames, clips(timesteps=5)[:, ::-1]], axis=1)
    first, second = logits(network, frames, lengths), logits(network, padded, lengths)
    for i, length in enumerate(lengths):
        np.testing.assert_allclose(second[i, :length], first[i, :length], atol=1e-5)
    alone = logits(network, frames[1:2, :4])
    np.testing.assert_allclose(alone[0], first[1, :4], atol=1e-5)

    def measured(batch):
        present = np.arange(batch.shape[1]) < np.array(lengths)[:, None]
        labels = np.where(present, np.arange(batch.shape[1]) % 4, 0)
        inputs = {"frames": batch, "present": present}
        return network.evaluate(inputs, labels, 3, 0, present.astype("float32"))

    np.testing.assert_allclose(measured(padded), measured(frames), atol=1e-5)


@pytest.mark.parametrize("cell", ["lstm", "none"])
def test_one_step_changes_every_weight(cell):
    network = build(cell, layers=2, dropout=0.0)
    network.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    before = network.get_weights()
    inputs = {"frames": clips(), "present": np.ones((3, 7), bool)}
    network.train_on_batch(inputs, np.arange(21).reshape(3, 7) % 4)
    for weight, old, new in zip(network.weights, before, network.get_weights(), strict=True):
        assert (old != new).any(), weight.path


@pytest.mark.parametrize(
    "cell, direction, reach",
    [("lstm", "forward", range(3, 7)), ("gru", "both", range(7)), ("none", "both", range(3, 5))],
)
def test_how_far_a_frame_is_seen(cell, direction, reach):
    """A frame changes the labels after it, all labels, or its own and (by its change) the next."""
    network = build(cell, direction)
    frames = clips(1)
    other = frames.copy()
    other[:, 3] = 255 - other[:, 3] // 2
    differ = abs(logits(network, frames) - logits(network, other))[0].max(axis=-1) > 1e-7
    assert np.flatnonzero(differ).tolist() == list(reach)


def test_brightness_and_contrast_say_nothing():
    network = build()
    frames = clips() // 2
    lighter = (frames.astype("float32") * 1.5 + 40).astype("uint8")
    np.testing.assert_allclose(logits(network, lighter), logits(network, frames), atol=0.02)
    assert np.isfinite(logits(network, np.zeros((1, 4, *SHAPE), "uint8"))).all(), "black frames"


def test_two_of_one_dropped_frame_have_no_change():
    seen = model.WithChange()(clips(1)[:, [0, 1, 1, 2]])
    change = keras.ops.convert_to_numpy(seen)[0, ..., 1]
    assert (change[0] == 0).all() and (change[2] == 0).all() and (change[[1, 3]] != 0).any()


@pytest.mark.parametrize("cell", [*CELLS, "none"])
def test_stream_gets_the_labels_of_the_whole_clip(cell):
    network = build(cell, "forward", layers=2)
    frames = clips(1, 30)
    whole = logits(network, frames)[0]
    expected = np.exp(whole) / np.exp(whole).sum(axis=-1, keepdims=True)
    asked = []

    def camera():
        for t, frame in enumerate(frames[0]):
            asked.append(t)
            yield frame

    for t, found in enumerate(model.label_stream(network, camera())):
        np.testing.assert_allclose(found, expected[t], atol=1e-5)
        assert asked[-1] == t, "labelled before the next frame is there"
    assert t == 29


@pytest.mark.parametrize("direction", ["forward", "both"])
def test_long_clips_are_read_in_pieces(direction, monkeypatch):
    network = build(direction=direction)
    frames = clips(1, 23)[0]
    expected = logits(network, frames[None])[0]
    expected = np.exp(expected) / np.exp(expected).sum(axis=-1, keepdims=True)
    monkeypatch.setattr(model, "PIECE", 5)
    label_clip = model.clip_labeller(network)
    np.testing.assert_allclose(label_clip(frames), expected, atol=1e-5)
    np.testing.assert_allclose(label_clip(frames[:1]).sum(), 1, atol=1e-5)


@pytest.mark.parametrize(
    "cell, direction", [("gru", "both"), ("lstm", "forward"), ("none", "both")]
)
def test_saved_network_is_the_same_in_safe_mode(cell, direction, tmp_path):
    network = build(cell, direction)
    network.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", compile=False, safe_mode=True)
    frames = clips()
    np.testing.assert_array_equal(logits(loaded, frames), logits(network, frames))
    first, second = (model.clip_labeller(each)(frames[0]) for each in (network, loaded))
    np.testing.assert_array_equal(first, second)


def test_explanation_is_of_the_states_that_the_network_has():
    network = build("lstm")
    frames = clips(1)[0]
    inside = model.explain(network, frames)
    assert list(inside)[:2] == ["hidden_state", "cell_state"]
    assert all(values.shape == (7, 6) for values in inside.values())
    both = next(layer for layer in network.layers if layer.name.startswith("bidirectional"))
    states = keras.Model(network.input, both.output).predict_on_batch(
        {"frames": frames[None], "present": np.ones((1, 7), bool)}
    )
    np.testing.assert_allclose(inside["hidden_state"], states[0, :, :6], atol=1e-5)
    assert model.explain(build("none"), frames) == {}
