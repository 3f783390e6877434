"""What augmentation does to frames and labels."""

import numpy as np
import tensorflow as tf

from shared.data import augmentation


def marked_clips(count=40, timesteps=20):
    """Clips with a bright square in the middle; frame and label t of each is t, brightness 8 t."""
    labels = np.tile(np.arange(timesteps, dtype="int32"), (count, 1))
    frames = np.zeros((count, timesteps, 24, 32, 1), "uint8")
    frames[:, :, 8:16, 12:20] = (8 * np.arange(timesteps, dtype="uint8") + 40)[:, None, None, None]
    labels[1, 12:] = augmentation.ABSENT
    frames[1, 12:] = 0
    return frames, labels


def augmented(strength, seed=(1, 2)):
    frames, labels = marked_clips()
    changed = augmentation.augment(tf.constant(frames), tf.constant(labels), seed, strength)
    return [part.numpy() for part in changed]


def test_labels_go_with_their_frames():
    frames, labels = augmented(1.0)
    assert frames.dtype == np.uint8 and frames.shape == (40, 20, 24, 32, 1)
    present = labels != augmentation.ABSENT
    assert present.sum(axis=1).tolist() == [20, 12] + [20] * 38, "no clip gets longer or shorter"
    brightness = frames.max(axis=(2, 3, 4)).astype(int)
    assert abs(brightness - (8 * labels + 40))[present].max() <= 1
    assert (np.diff(labels, axis=1)[present[:, 1:]] >= 0).all(), "time never runs backward"
    started = labels[:, 0]
    assert len(set(started.tolist())) > 2 and started.max() <= 6


def test_every_clip_is_moved_and_zoomed_in_its_own_way_but_all_its_frames_alike():
    frames, _ = (np.delete(part, 1, axis=0) for part in augmented(1.0))  # not the padded one
    bright = frames[..., 0] > frames[..., 0].max(axis=(2, 3), keepdims=True) / 2
    rows = (bright.any(axis=3) * np.arange(24)).sum(axis=2) / bright.any(axis=3).sum(axis=2)
    columns = (bright.any(axis=2) * np.arange(32)).sum(axis=2) / bright.any(axis=2).sum(axis=2)
    for places, middle, size in ((rows, 11.5, 24), (columns, 15.5, 32)):
        assert np.ptp(places, axis=1).max() <= 0.5
        moved = places[:, 0] - middle
        assert moved.min() < -1 and moved.max() > 1
        assert abs(moved).max() <= augmentation.SHIFT * size * 1.1 + 1
    area = bright[:, 0].sum(axis=(1, 2))
    assert area.min() < 64 < area.max()


def test_decided_by_the_seed_and_none_at_strength_zero():
    for first, again in zip(augmented(1.0), augmented(1.0), strict=True):
        np.testing.assert_array_equal(first, again)
    assert (augmented(1.0)[0] != augmented(1.0, (1, 3))[0]).any()
    for found, expected in zip(augmented(0.0), marked_clips(), strict=True):
        np.testing.assert_array_equal(found, expected)
