"""The table of a user's own clips: which label each picture in a folder of folders has."""

import os
from pathlib import Path

from shared.data.splits import NAMES
from shared.data.tables import read_table
from shared.data.video import pictures_in
from shared.errors import UserError

TABLE = "labels.csv"


def read_clips(folder):
    """What the table says of the clips, where each of its lines has a picture and each picture one.

    Returns:
        clips: name -> list of (frame's file name, label), in order of the frames.
        splits: the name of each clip's split; None for a table without that column.
        lines: of the table, (clip, frame) -> number.

    Raises:
        UserError: where table and folders don't fit together, naming the first that doesn't.
    """
    table = folder / TABLE
    columns = read_table(table, ("clip", "frame", "label"), optional=("split",))
    lines, labels, splits = {}, {}, {}
    named = columns.get("split", [""] * len(columns.lines))
    rows = (columns[name] for name in ("clip", "frame", "label"))
    for line, clip, frame, label, split in zip(columns.lines, *rows, named, strict=True):
        clip, frame, label, split = (cell.strip() for cell in (clip, frame, label, split))
        where = f"{table}, line {line}"
        if Path(clip).name != clip or Path(frame).name != frame or ".." in (clip, frame):
            raise UserError(f"{where}: clip and frame must be plain names, without folders.")
        if clip not in labels and not os.path.isdir(folder / clip):
            raise UserError(f"{where}: there is no folder {folder / clip} for the clip {clip!r}.")
        if labels.setdefault(clip, {}).setdefault(frame, label) != label:
            raise UserError(
                f"{where}: the frame {frame} of the clip {clip} has another label in line "
                f"{lines[clip, frame]}."
            )
        split = NAMES.get(split.lower(), split)
        if splits.setdefault(clip, split) != split:
            raise UserError(
                f"{where}: the clip {clip} was of the split {splits[clip]!r} before, and is of "
                f"{split!r} here. All frames of a clip belong to one split."
            )
        lines.setdefault((clip, frame), line)
    clips = {}
    for clip, its_labels in labels.items():
        frames = [picture.name for picture in pictures_in(folder / clip)]
        for frame in frames:
            if frame not in its_labels:
                raise UserError(
                    f"{table} has no label for the frame {folder / clip / frame}. Add a line for "
                    "it, or take the picture away."
                )
        for frame in its_labels.keys() - set(frames):
            raise UserError(
                f"{table}, line {lines[clip, frame]}: there is no picture {folder / clip / frame}."
            )
        clips[clip] = [(frame, its_labels[frame]) for frame in frames]
    folders = {part.name for part in folder.iterdir() if part.is_dir() and part.name[0] != "."}
    for name in sorted(folders - set(clips)):
        raise UserError(
            f"{table} has no labels for the frames in {folder / name}. Add them, or take the "
            "folder away."
        )
    return clips, list(splits.values()) if "split" in columns else None, lines
