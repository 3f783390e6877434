"""Pictures from files of any format, as arrays of one size."""

import contextlib
import os
import warnings
from pathlib import Path

import numpy as np

from shared.errors import UserError

ORIENTATION = 0x0112  # of the camera, among what it noted in the file
PICTURES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
UNREAD = (".avif", ".heic", ".heif", ".jfif", ".jp2", ".pgm", ".ppm", ".svg", ".tga")
LARGEST = 100_000_000  # pixels; what is larger is refused rather than unpacked into memory


def read_image(path, height, width, channels):
    """Read a picture and fit it to a size.

    Any format that Pillow reads, in any colour mode. An animation gives its first frame, the
    rotation that a camera noted is applied, and what is transparent shows white. The picture is
    resized in both directions (its proportions are not kept), every new pixel the mean of those
    that it covers.

    Args:
        path: the file.
        height, width: of the result, in pixels.
        channels: 1 for grey, 3 for colour.

    Returns:
        uint8 array `(height, width, channels)`.

    Raises:
        UserError: for a file that is missing, a folder, empty, damaged, cut short, no picture, or
            of more than `LARGEST` pixels.
    """
    from PIL import ImageOps

    with opened(path) as picture:
        # A JPEG of many pixels is unpacked at a fraction of its size, still larger than asked.
        picture.draft(None, (2 * max(height, width),) * 2)
        return fitted(ImageOps.exif_transpose(picture), height, width, channels)


def shape_of(path):
    """Height, width and channels of a picture in its file: 1 channel for grey, 3 for colour.

    Little of the file is read; errors are those of `read_image`, as far as that tells.
    """
    with opened(path) as picture:
        width, height = picture.size
        if "exif" in picture.info and picture.getexif().get(ORIENTATION, 1) >= 5:  # lies on a side
            height, width = width, height
        grey = picture.mode.removesuffix("A") in ("1", "L", "F") or picture.mode.startswith("I")
        return height, width, 1 if grey else 3


@contextlib.contextmanager
def opened(path):
    """A picture file as a Pillow image, its pixels not read yet; errors as of `read_image`."""
    from PIL import Image

    path = Path(path)
    try:
        if path.is_dir():
            raise UserError(f"{path} is a folder; name the picture files in it.")
        if path.stat().st_size == 0:
            raise UserError(f"{path} is empty (0 bytes); name a picture.")
        # Pillow warns of large pictures and of metadata that it can't read; we have our own limit.
        with warnings.catch_warnings(action="ignore"), Image.open(path) as picture:
            check_size(path, picture, LARGEST)
            yield picture
    except UserError:
        raise
    except Image.DecompressionBombError as error:
        raise UserError(f"{path} is too large a picture to unpack. Make it smaller.") from error
    except Image.UnidentifiedImageError as error:
        raise UserError(
            f"{path} is not a picture, or of a format that Pillow can't read. Convert it to PNG."
        ) from error
    except OSError as error:
        if error.strerror:  # of the system: missing, not readable
            raise UserError(f"Can't read {path}: {error.strerror}. Name a picture.") from error
        raise UserError(f"{path} is damaged or cut short ({error}).") from error
    except Exception as error:  # a damaged file fails in zlib, struct or any decoder
        raise UserError(f"{path} is damaged ({type(error).__name__}: {error}).") from error


def check_size(path, picture, largest):
    """Refuse a Pillow image of more than `largest` pixels before any is unpacked."""
    if picture.width * picture.height > largest:
        raise UserError(
            f"{path} is too large: {picture.width} x {picture.height} pixels. Make it smaller than "
            f"{largest // 10**6} million pixels."
        )


def read_images(paths, height, width, channels):
    """Read pictures with `read_image`, showing progress where that takes long.

    Returns:
        uint8 array `(len(paths), height, width, channels)`.
    """
    from shared.progress import progress

    pictures = np.empty((len(paths), height, width, channels), "uint8")
    for i, path in enumerate(progress(paths, doing="reading", unit="picture")):
        pictures[i] = read_image(path, height, width, channels)
    return pictures


def read_in_pipeline(path, height, width, channels):
    """`read_image` inside tf.data, for a path that is a string tensor.

    What is wrong with a file comes out of the pipeline as `examples.user_errors` unpacks it.
    """
    import tensorflow as tf

    shape = height, width, channels
    picture = tf.numpy_function(
        lambda path: read_image(os.fsdecode(path), *shape), [path], "uint8", stateful=False
    )
    return tf.ensure_shape(picture, shape)


def fitted(picture, height, width, channels):
    """A Pillow image as `read_image` returns it: opaque, in grey or colour, and of the size."""
    from PIL import Image

    picture = _opaque(picture).convert("L" if channels == 1 else "RGB")
    picture = picture.resize((width, height), Image.Resampling.BOX)
    return np.asarray(picture, "uint8").reshape(height, width, channels)


def _opaque(picture):
    """The picture with white behind what is transparent, and 16-bit grey brought down to 8."""
    from PIL import Image

    if picture.mode.startswith("I"):  # 16 bits, which Pillow would cut off at 255
        values = np.asarray(picture, "float64")
        deep = values.max(initial=0) > 255
        return Image.fromarray((values / 257 if deep else values).clip(0, 255).astype("uint8"))
    if picture.mode == "F":
        return Image.fromarray(np.asarray(picture).clip(0, 255).astype("uint8"))
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        return Image.alpha_composite(white, picture)
    return picture
