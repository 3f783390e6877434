"""Clips made a little different in every epoch, so that few of them teach as much as many.

Everything runs inside tf.data and is decided by a seed.
"""

from shared.data import shares
from shared.data.labelled_videos import ABSENT

# What is done to a clip, at most, at strength 1.
SHIFT = 0.08  # of height or width, up, down, left or right
ZOOM = 0.08  # larger or smaller
SPEED = 0.12  # faster or slower
DELAY = 4  # frames, earlier or later


def augment(frames, labels, seed, strength):
    """Each clip a little different: moved, zoomed, timed. Its labels go with its frames.

    Light needs none of it: the network takes brightness and contrast out of each frame.

    A clip stays as long as it is; what lies beyond its borders or its ends is as at the edge.

    Args:
        frames: uint8 `(batch, timesteps, height, width, channels)`.
        labels: int32 `(batch, timesteps)`, `ABSENT` where padded.
        seed: int32 `(2,)`, or a `SeedOfRows`.
        strength: 1 for the constants above, less for less.

    Returns:
        Both, changed.
    """
    import tensorflow as tf

    batch, timesteps = tf.shape(labels)[0], tf.shape(labels)[1]
    height, width, channels = frames.shape[2:]

    def draw(seed, batch):
        return tf.random.stateless_uniform((batch, 5), seed, -strength, strength)

    down, right, zoom, speed, delay = tf.unstack(shares.drawn(draw, seed, batch), axis=1)

    # Time: which frame is shown at t.
    length = tf.reduce_sum(tf.cast(labels != ABSENT, "float32"), axis=1, keepdims=True)
    middle, t = (length - 1) / 2, tf.range(tf.cast(timesteps, "float32"))[None]
    shown = middle + (t - middle) * (1 + SPEED * speed[:, None]) + tf.round(DELAY * delay[:, None])
    shown = tf.where(t < length, tf.clip_by_value(tf.round(shown), 0, length - 1), t)
    shown = tf.cast(shown, "int32")
    frames = tf.gather(frames, shown, batch_dims=1)
    labels = tf.gather(labels, shown, batch_dims=1)

    # Space: all frames of a clip alike, as if they were the channels of one picture.
    one = tf.ones_like(zoom)
    size = 1 + ZOOM * zoom
    x = width / 2 * (1 - size) + SHIFT * width * right
    y = height / 2 * (1 - size) + SHIFT * height * down
    moves = tf.stack([size, 0 * one, x, 0 * one, size, y, 0 * one, 0 * one], axis=1)
    together = tf.transpose(frames, (0, 2, 3, 1, 4))
    together = tf.reshape(together, (batch, height, width, timesteps * channels))
    together = tf.raw_ops.ImageProjectiveTransformV3(
        images=together,
        transforms=moves,
        output_shape=(height, width),
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="NEAREST",
    )
    together = tf.reshape(together, (batch, height, width, timesteps, channels))
    return tf.transpose(together, (0, 3, 1, 2, 4)), labels
