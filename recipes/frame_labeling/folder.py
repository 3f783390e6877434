"""A user's own clips: a folder of frames for each, and a table with the label of every frame.

    DIR/labels.csv            columns clip, frame, label
    DIR/monday/0001.png       named in the table: monday, 0001.png, and a label
    DIR/monday/0002.png
    DIR/tuesday/...

The order of the frames is that of their names, numbers by their value.
"""

import csv
import hashlib
from pathlib import Path

import numpy as np

from shared.data import loading
from shared.data.examples import MEMORY, Examples
from shared.data.images import read_images
from shared.data.video import pictures_in
from shared.errors import UserError

from .augmentation import ABSENT

TABLE = "labels.csv"
COLUMNS = ("clip", "frame", "label")
HELD_OUT = 0.1  # of the clips, for validation, and as many for the test


def find(folder, name=None):
    """The `Source` of such a folder.

    Raises:
        UserError: where `name` is another data set's, or the folder, its table and its frames
            don't fit together.
    """
    folder = str(Path(folder).resolve())
    if name not in (None, folder):
        raise UserError(f"Give --dataset {name} or --frames-folder {folder}, not both.")
    clips = _clips(folder)
    if len(clips) < 3:
        raise UserError(
            f"{folder} has {len(clips)} clips; give three or more, so that one can validate and "
            "one test."
        )
    if len(class_names_of(clips)) < 2:
        raise UserError(f"{Path(folder, TABLE)} has only one label; give two or more.")
    described = repr([(clip, frames) for clip, frames in clips.items()])
    version = hashlib.sha256(described.encode()).hexdigest()[:16]
    return loading.Source(folder, version, files=(folder,))


def class_names(source):
    """The labels in the table, sorted."""
    return class_names_of(_clips(source.files[0]))


def class_names_of(clips):
    return sorted({label for frames in clips.values() for _, label in frames})


def read(source, split, limit, shape):
    """The clips of a split as `Examples`; see `data.read`.

    A tenth of the clips, drawn by a fixed seed, is for validation, and as many for the test. They
    are in memory where they take at most `MEMORY` bytes, else read anew in each epoch.
    """
    loading.check_split(source.name, split, ("train", "validation", "test"))
    clips = _clips(source.files[0])
    number = {label: i for i, label in enumerate(class_names_of(clips))}
    longest = max(map(len, clips.values()))
    names = _split(sorted(clips), split)[:limit]

    def read_clip(name):
        paths = [Path(source.files[0], name, frame) for frame, _ in clips[name]]
        frames = np.zeros((longest, *shape), "uint8")
        frames[: len(paths)] = read_images(paths, *shape)
        labels = np.full(longest, ABSENT, "int32")
        labels[: len(paths)] = [number[label] for _, label in clips[name]]
        return {"frames": frames, "labels": labels, "name": name}

    if len(names) * longest * np.prod(shape) > MEMORY:
        return _from_disk(names, read_clip, longest, shape)
    columns = [read_clip(name) for name in names]
    return Examples.of({key: np.stack([each[key] for each in columns]) for key in columns[0]})


def _from_disk(names, read_clip, longest, shape):
    """`Examples` of clips that are read anew in each epoch."""
    import tensorflow as tf

    def read_one(place):
        clip = read_clip(names[place])
        return clip["frames"], clip["labels"], clip["name"]

    def example(place):
        frames, labels, name = tf.numpy_function(read_one, [place], ("uint8", "int32", "string"))
        return {
            "frames": tf.ensure_shape(frames, (longest, *shape)),
            "labels": tf.ensure_shape(labels, (longest,)),
            "name": tf.ensure_shape(name, ()),
        }

    return Examples.one_by_one(len(names), example)


def _split(names, split):
    order = np.random.default_rng(loading.VALIDATION_SEED).permutation(len(names))
    held_out = max(1, round(HELD_OUT * len(names)))
    parts = {
        "test": order[:held_out],
        "validation": order[held_out : 2 * held_out],
        "train": order[2 * held_out :],
    }
    return [names[i] for i in parts[split]]


def _clips(folder):
    """Clip's name -> list of (frame's file name, label), in order of the frames.

    Raises:
        UserError: where table and folders don't fit together, naming the first that doesn't.
    """
    path = Path(folder, TABLE)
    labels = _table(path)
    clips = {}
    for name, its_labels in labels.items():
        if not Path(folder, name).is_dir():
            raise UserError(f"{path} names the clip {name!r}, but {folder} has no such folder.")
        frames = [picture.name for picture in pictures_in(Path(folder, name))]
        for frame in frames:
            if frame not in its_labels:
                raise UserError(
                    f"{path} has no label for the frame {frame} of the clip {name}: "
                    f"{len(frames)} frames, {len(its_labels)} labels. Add it, or take the frame "
                    "away."
                )
        for frame in its_labels.keys() - set(frames):
            raise UserError(
                f"{path} has a label for the frame {frame} of the clip {name}, but "
                f"{Path(folder, name)} has no such picture."
            )
        clips[name] = [(frame, its_labels[frame]) for frame in frames]
    unknown = {part.name for part in Path(folder).iterdir() if part.is_dir()} - set(clips)
    for name in sorted(unknown):
        if not name.startswith("."):
            raise UserError(f"{path} has no labels for the clip {name}; add them, or remove it.")
    return clips


def _table(path):
    """Clip's name -> frame's name -> label."""
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            rows = csv.DictReader(file)
            if missing := [name for name in COLUMNS if name not in (rows.fieldnames or ())]:
                raise UserError(
                    f"{path} lacks the column {missing[0]!r}; its first line must be "
                    f"{','.join(COLUMNS)}."
                )
            labels = {}
            for row in rows:
                clip, frame, label = ((row[name] or "").strip() for name in COLUMNS)
                where = f"Line {rows.line_num} of {path}"
                if not (clip and frame and label):
                    raise UserError(f"{where} has an empty field; give clip, frame and label.")
                if Path(clip).name != clip or Path(frame).name != frame:
                    raise UserError(f"{where}: clip and frame are plain names, without folders.")
                if labels.setdefault(clip, {}).setdefault(frame, label) != label:
                    raise UserError(f"{where} gives the frame {frame} of {clip} a second label.")
    except OSError as error:
        raise UserError(
            f"Can't read {path}: {error.strerror}. The folder needs a {TABLE} with the columns "
            f"{', '.join(COLUMNS)}."
        ) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path} is not a table in UTF-8 ({error}). Save it as CSV.") from error
    if not labels:
        raise UserError(f"{path} has no lines below its first; give a label for each frame.")
    return labels
