"""Pictures from files of any format, as arrays of one size."""

import warnings
from pathlib import Path

import numpy as np

from shared.errors import UserError

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
    from PIL import Image, ImageOps

    path = Path(path)
    try:
        if path.is_dir():
            raise UserError(f"{path} is a folder; name the picture files in it.")
        if path.stat().st_size == 0:
            raise UserError(f"{path} is empty (0 bytes); name a picture.")
        # Pillow warns of large pictures and of metadata that it can't read; we have our own limit.
        with warnings.catch_warnings(), Image.open(path) as picture:
            warnings.simplefilter("ignore")
            pixels = picture.width * picture.height
            if pixels > LARGEST:
                raise UserError(
                    f"{path} is too large: {picture.width} x {picture.height} pixels. Make it "
                    f"smaller than {LARGEST // 10**6} million pixels."
                )
            # A JPEG of many pixels is unpacked at a fraction of its size, still larger than asked.
            picture.draft(None, (2 * max(height, width),) * 2)
            return fitted(ImageOps.exif_transpose(picture), height, width, channels)
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


def read_images(paths, height, width, channels):
    """Read pictures with `read_image`, showing progress where that takes long.

    Returns:
        uint8 array `(len(paths), height, width, channels)`.
    """
    from tqdm import tqdm

    pictures = np.empty((len(paths), height, width, channels), "uint8")
    for i, path in enumerate(tqdm(paths, desc="reading", unit="picture", delay=2)):
        pictures[i] = read_image(path, height, width, channels)
    return pictures


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
