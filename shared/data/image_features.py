"""What a fixed encoder makes of images: computed once, then read from the disk.

An encoder that is not trained further sees the same in an image in every epoch and every run. So it
looks at each image once.
"""

import dataclasses
import hashlib

import numpy as np

from shared.data.examples import Stored, batches, hold, user_errors
from shared.data.fingerprints import fingerprint
from shared.errors import UserError
from shared.files import remove_temporaries, replacing, write_text
from shared.progress import progress

LARGEST = np.finfo("float16").max


def encoded(source, encoder, folder, batch_size=32):
    """The same source as an encoder sees it.

    Args:
        source: a `Source` of `captioned_images`.
        encoder: a Keras model from images `(batch, height, width, 3)`, values 0 to 255, to a grid
            `(batch, rows, columns, features)`.
        folder: the `Path` where the grids are kept.
        batch_size: images at once.

    Returns:
        A `Source` whose `read(split, limit, shape)` gives `Examples` of `grid`, float16
        `(rows, columns, features)`, in the place of `image`, and of `captions`.
    """
    seen_by = hashlib.sha256()
    for weight in encoder.get_weights():
        seen_by.update(np.ascontiguousarray(weight))

    def read(split, limit=None, shape=None):
        import tensorflow as tf

        described = source.reader(split, limit)
        if not shape:
            return described
        captions = described.columns["captions"]
        # All that the grids depend on, and captions as well, since a changed sample keeps its name.
        key = source.name, source.version, split, limit, shape, seen_by.digest(), captions.tolist()
        name = source.name.replace("/", "_")[:40]
        path = folder / f"{name}-{split}-{hashlib.sha256(repr(key).encode()).hexdigest()[:16]}.npy"
        if not _is_whole(path):
            _compute(source.reader(split, limit, shape), encoder, path, batch_size)
        grids, captions = np.load(path, mmap_mode="r"), tf.constant(captions)

        def example(place):
            grid = tf.numpy_function(lambda place: grids[place], [place], tf.float16)
            return {"grid": tf.ensure_shape(grid, grids.shape[1:]), "captions": captions[place]}

        return hold(Stored.of_places(len(grids), example))

    return dataclasses.replace(source, reader=read)


def _is_whole(path):
    """Whether grids are kept there, and are what was written."""
    try:
        return _checksum(path).read_text() == _fingerprint(path)
    except (OSError, UnicodeDecodeError, UserError):
        return False


def _compute(examples, encoder, path, batch_size):
    """Write the grids of all images, then their checksum; each file whole or not at all."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"Can't write the features to {path}: {error.strerror}.") from error
    remove_temporaries(path.parent, spared=lambda name: True)  # another run may be at the same
    images = batches(examples, batch_size, lambda batch, seed: batch["image"])
    with replacing(path) as temporary, open(temporary, "wb") as file, user_errors():
        for batch in progress(images, doing="encoding", unit="batch"):
            grid = encoder.predict_on_batch(batch.numpy().astype("float32"))
            if not file.tell():
                shape = (examples.count, *grid.shape[1:])
                header = {"descr": "<f2", "fortran_order": False, "shape": shape}
                np.lib.format.write_array_header_1_0(file, header)
            file.write(np.clip(grid, -LARGEST, LARGEST).astype("<f2").tobytes())
    write_text(_checksum(path), _fingerprint(path))


def _fingerprint(path):
    """Of the grids and of their name, so that those of other images aren't taken for them."""
    return fingerprint([path], below=path.parent)


def _checksum(path):
    return path.with_suffix(".checksum")
