"""Images varied: what is drawn is decided by the seed, and is still the same image."""

import numpy as np
import tensorflow as tf

from shared.data.image_pieces import piece_side, vary


def test_variation_is_decided_by_its_seed():
    images = np.random.default_rng(0).integers(0, 255, (3, 32, 32, 3), "uint8")
    mirror = tf.fill([3], True)
    one, again, other = (
        vary(images, seed, 0.7, 28, mirror).numpy() for seed in [(1, 2), (1, 2), (1, 3)]
    )
    assert one.shape == (3, 28, 28, 3) and one.min() >= 0 and one.max() <= 255
    np.testing.assert_array_equal(one, again)
    assert (one != other).any(axis=(1, 2, 3)).all()


def test_whole_images_change_their_colours_and_half_are_mirrored():
    ramp = np.broadcast_to(np.arange(32)[None, :, None] * 4 + 50, (64, 32, 32, 3)).astype("uint8")
    may = np.arange(64) < 48
    pieces = vary(ramp, (5, 6), 1.0, 32, tf.constant(may)).numpy()
    falls = pieces[:, 0, 0, 0] > pieces[:, 0, -1, 0]
    assert 12 < falls.sum() < 36 and not falls[~may].any()
    straight = np.where(falls[:, None, None, None], pieces[:, :, ::-1], pieces)
    ratio = straight / ramp
    np.testing.assert_allclose(ratio, ratio.mean(axis=(1, 2, 3), keepdims=True) + 0 * ratio, 5e-3)


def test_things_look_as_large_in_a_piece_as_in_the_image():
    assert piece_side(128, 1.0) == 128 and piece_side(128, 0.75) == 112
