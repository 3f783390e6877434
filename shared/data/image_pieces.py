"""Images made a little different in every epoch: pieces of them, mirrored, in other colours."""

from shared.data import shares


def piece_side(side, smallest):
    """The side that pieces of images are resized to: what they have on average.

    So things look as large in a piece as in a whole image.
    """
    return round(side * (1 + smallest) / 2)


def vary(images, seed, smallest, side, mirror):
    """A piece of each image, some mirrored, in slightly other colours.

    Args:
        images: uint8 tensor `(batch, height, width, 3)`.
        seed: int32 tensor `(2,)`, or a `SeedOfRows`; decides all that is drawn.
        smallest: the smallest share of the height, and of the width, that a piece has.
        side: what the pieces are resized to, in pixels.
        mirror: boolean tensor `(batch,)`: of which images half are mirrored.

    Returns:
        float32 tensor `(batch, side, side, 3)`, values 0 to 255.
    """
    import tensorflow as tf

    count = tf.shape(images)[0]

    def draw(seed, count):
        return tf.random.stateless_uniform((7, count), seed)

    drawn = tf.unstack(shares.drawn(draw, seed, count, axis=1))
    height, width = (smallest + (1 - smallest) * each for each in drawn[:2])
    top, left = drawn[2] * (1 - height), drawn[3] * (1 - width)
    mirrored = (drawn[4] < 0.5) & mirror
    # A box whose left edge is right of its right edge gives a mirrored piece.
    edges = tf.where(mirrored, left + width, left), tf.where(mirrored, left, left + width)
    boxes = tf.stack([top, edges[0], top + height, edges[1]], axis=1)
    pieces = tf.image.crop_and_resize(images, boxes, tf.range(count), (side, side))
    brightness, saturation = (0.8 + 0.4 * each[:, None, None, None] for each in drawn[5:])
    grey = tf.reduce_mean(pieces, axis=-1, keepdims=True)
    return tf.clip_by_value(brightness * (grey + saturation * (pieces - grey)), 0.0, 255.0)
