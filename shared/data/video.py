"""Videos from files, and from folders with a picture for each frame, as arrays of one size.

Animated GIF, PNG and WebP are read with Pillow. Any other video needs PyAV, which brings FFmpeg
and is not among the requirements: `pip install av`.
"""

import contextlib
import re
import warnings
from pathlib import Path

import numpy as np

from shared.data.images import LARGEST, PICTURES, check_size, fitted, read_image
from shared.errors import UserError

ANIMATIONS = ("GIF", "PNG", "WEBP", "JPEG")  # what Pillow is to read; it takes MPEG for a picture
LARGEST_FRAME = LARGEST // 10  # pixels; a file of a few bytes can hold many large frames


def read_video(path, height, width, channels):
    """Read all frames of a video and fit them to a size.

    Args:
        path: a video file, an animated picture, or a folder with a picture for each frame.
        height, width: of the result, in pixels; proportions are not kept.
        channels: 1 for grey, 3 for colour.

    Returns:
        uint8 array `(timesteps, height, width, channels)`, one timestep or more.

    Raises:
        UserError: for a file that is missing, empty, damaged or no video, for frames of more than
            `LARGEST_FRAME` pixels, for a folder without pictures, and where reading it needs PyAV,
            which is not installed.
    """
    return np.stack(list(frames_of(path, height, width, channels)))


def frames_of(path, height, width, channels):
    """The frames of a video one after the other, each read when it is asked for.

    Arguments and errors are those of `read_video`.

    Yields:
        uint8 arrays `(height, width, channels)`.
    """
    path = Path(path)
    if path.is_dir():
        for picture in pictures_in(path):
            yield read_image(picture, height, width, channels)
        return
    count = 0
    with _opened(path) as (kind, video):
        for picture in _pictures(kind, video):
            yield fitted(picture, height, width, channels)
            count += 1
    if not count:
        raise UserError(f"{path} holds no frames; name a video.")


def frame_rate(path):
    """Frames per second as the file tells them, or None where it doesn't; a folder doesn't."""
    path = Path(path)
    if path.is_dir():
        return None
    with _opened(path) as (kind, video):
        if kind == "animation":
            milliseconds = video.info.get("duration", 0)
            return 1000 / milliseconds if milliseconds else None
        rate = video.streams.video[0].average_rate
        return float(rate) if rate else None


def pictures_in(folder):
    """The picture files of a folder in the order of their names, numbers by their value.

    Raises:
        UserError: where it can't be read or holds none.
    """
    try:
        found = [path for path in Path(folder).iterdir() if path.suffix.lower() in PICTURES]
    except OSError as error:
        raise UserError(f"Can't read the folder {folder}: {error.strerror}.") from error
    if not found:
        endings = ", ".join(PICTURES)
        raise UserError(f"The folder {folder} holds no pictures ({endings}); name one that does.")
    return sorted(found, key=lambda path: _in_order(path.name))


def decode_grey(file, name):
    """The frames of a video in its own size, in grey.

    Args:
        file: the video, as a binary file object.
        name: what errors call it.

    Returns:
        uint8 array `(timesteps, height, width)`.

    Raises:
        UserError: where it is damaged, or PyAV is not installed.
    """
    av = import_av(name)
    with _readable(name), av.open(file) as container:
        frames = [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]
        return np.stack(frames)


def import_av(name="The data set"):
    """PyAV, which is not among the requirements, to read what is called `name`.

    Raises:
        UserError: where it isn't installed.
    """
    try:
        import av
    except ImportError as error:
        raise UserError(
            f"To read {name} PyAV is needed (only animated GIF, PNG and WebP do without): "
            "pip install av"
        ) from error
    return av


def _in_order(name):
    """A key that puts frame2 before frame10."""
    parts = re.split(r"(\d+)", name)
    return [(int(part), part) if part.isdecimal() else (-1, part) for part in parts]


def _pictures(kind, video):
    """The frames of an open file as Pillow images."""
    if kind == "animation":
        from PIL import ImageSequence

        for frame in ImageSequence.Iterator(video):
            frame.load()  # where it is damaged, this is what fails
            yield frame
    else:
        for frame in video.decode(video=0):
            yield frame.to_image()


@contextlib.contextmanager
def _opened(path):
    """Open a file: ("animation", Pillow image) or ("video", PyAV container)."""
    from PIL import Image, UnidentifiedImageError

    try:
        if path.stat().st_size == 0:
            raise UserError(f"{path} is empty (0 bytes); name a video.")
    except OSError as error:
        raise UserError(f"Can't read {path}: {error.strerror}. Name a video.") from error
    with _readable(path), contextlib.ExitStack() as stack:
        try:
            with warnings.catch_warnings(action="ignore"):  # of a large picture
                picture = stack.enter_context(Image.open(path, formats=ANIMATIONS))
            moving = getattr(picture, "is_animated", False)
            check_size(path, picture, LARGEST_FRAME if moving else LARGEST)
            opened = "animation", picture
        except UnidentifiedImageError as error:
            if path.suffix.lower() in PICTURES:
                raise UserError(
                    f"{path} is not a picture, though its name says so; name a video."
                ) from error
            opened = "video", stack.enter_context(_open_video(path))
        yield opened


def _open_video(path):
    container = import_av(path).open(str(path))
    if not container.streams.video:
        container.close()
        raise UserError(f"{path} holds no pictures, only sound or the like; name a video.")
    return container


@contextlib.contextmanager
def _readable(path):
    """Turn what a decoder says of a damaged file into one line."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:  # Pillow and FFmpeg raise of every kind; PyAV's are OSErrors, too
        said = getattr(error, "strerror", None) or str(error) or type(error).__name__
        said = said.splitlines()[0][:120]
        raise UserError(f"{path} is not a video, or damaged ({said}).") from error
