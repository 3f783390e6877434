"""A user's own images and captions, named in a CSV file with the columns `image` and `caption`.

    image,caption
    beach/1.jpg,A dog runs into the sea.
    beach/1.jpg,A wet dog at the beach.
    garden.png,Three children under an apple tree.

Images are named relative to the file's folder; those with several captions have several rows.
"""

import csv
import hashlib
from pathlib import Path

from tqdm import tqdm

from shared.data import examples, loading
from shared.data.images import read_image, read_images
from shared.errors import UserError

HELD_OUT = 0.1  # this share of the images for validation, and as much for the test
MOST_HELD_OUT = 1000
COLUMNS = ("image", "caption")


def find(name, captions_file):
    """The `Source` of a captions file."""
    path = Path(captions_file)
    if name not in (None, path.name):
        raise UserError(
            f"--dataset {name} and --captions-file exclude each other: give one of them."
        )
    return loading.Source(path.name, "files", files=(str(path),))


def read(source, split, limit=None):
    """The images of a split and their captions; a fixed share of the images, drawn by a fixed seed.

    Returns:
        paths: list of image files.
        captions: a list of strings for each of them.

    Raises:
        UserError: for a file that can't be read, lacks a column, an image or a caption, or has too
            few of them, and for an unknown split.
    """
    captions = read_table(source.files[0])
    if len(captions) < 3:
        raise UserError(
            f"{source.name} names {len(captions)} images; three splits need at least 3."
        )
    places = loading.own_split(source.name, split, len(captions), HELD_OUT, MOST_HELD_OUT)
    paths = list(captions)
    chosen = [paths[place] for place in places[:limit]]
    return chosen, [captions[path] for path in chosen]


def read_table(file):
    """The captions of each image named in a captions file, in the order of the rows.

    Returns:
        Dictionary image's `Path` -> list of strings.
    """
    captions = {}
    try:
        with open(file, newline="", encoding="utf-8-sig") as lines:
            rows = csv.DictReader(lines)
            missing = [name for name in COLUMNS if name not in (rows.fieldnames or ())]
            if missing:
                raise UserError(
                    f"{file} has no column {missing[0]!r}: its first line must name the columns "
                    f"{' and '.join(COLUMNS)}, separated by a comma."
                )
            for row in rows:
                image, caption = ((row[name] or "").strip() for name in COLUMNS)
                where = f"{file}, line {rows.line_num}"
                if not image or not caption:
                    raise UserError(f"{where}: the {'caption' if image else 'image'} is missing.")
                path = Path(file).parent / image
                if path not in captions and not path.is_file():
                    raise UserError(f"{where}: there is no image file {path}.")
                captions.setdefault(path, []).append(caption)
    except OSError as error:
        raise UserError(f"Can't read {file}: {error.strerror}.") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{file} is not a CSV file in UTF-8 ({error}).") from error
    if not captions:
        raise UserError(f"{file} has no rows; give one image and caption per line.")
    return captions


def fingerprint(source):
    """A few letters that change where the captions file or one of its images does."""
    file = Path(source.files[0])
    paths = [file, *read_table(file)]
    states = [(str(path.resolve()), path.stat().st_size, path.stat().st_mtime_ns) for path in paths]
    return hashlib.sha256(repr(states).encode()).hexdigest()[:16]


def hold(paths, captions, side):
    """`Examples` of the images and captions, in memory where they take little, else from the files.

    Args:
        paths: list of image files.
        captions: array `(images, captions)` of strings.
        side: images are resized to this square.
    """
    import tensorflow as tf

    def read_one(place):
        return read_image(paths[place], side, side, 3)

    def example(place):
        image = tf.numpy_function(read_one, [place], tf.uint8)
        image = tf.ensure_shape(image, (side, side, 3))
        return {"image": image, "captions": tf.gather(tf.constant(captions), place)}

    if len(paths) * side * side * 3 <= examples.MEMORY:
        images = read_images(paths, side, side, 3)
        return examples.Examples.of({"image": images, "captions": captions})
    # A damaged file shows now, not in the middle of the training.
    for path in tqdm(paths, desc="checking", unit="picture", delay=2):
        read_image(path, side, side, 3)
    return examples.Examples.one_by_one(len(paths), example)
