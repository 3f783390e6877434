"""Lips that speak, frame by frame: the GRID corpus, speaker s1, which TFDS lacks.

>>> import shared.data.grid_frames                     # so that TFDS knows it
>>> tfds.load("grid_frames")

A thousand films of one speaker, three seconds each, who says a sentence of six words such as "bin
blue at f two now": a command, a color, a preposition, a letter, a digit and an adverb. Of each
frame the part around the mouth is kept, and labelled with the kind of word that is being said.

M. Cooke, J. Barker, S. Cunningham and X. Shao, "An audio-visual corpus for speech perception and
automatic speech recognition", Journal of the Acoustical Society of America 120, 2006; CC BY 4.0.

Preparing it decodes video, for which PyAV must be installed: `pip install av`.
"""

import hashlib
import io
import tarfile
import zipfile

import numpy as np
import tensorflow_datasets as tfds

from shared.data.video import decode_grey, import_av
from shared.errors import UserError
from shared.progress import progress

# No checksums of these two files have been published.
FILES = "https://spandh.dcs.shef.ac.uk/gridcorpus/s1/"
VIDEOS, ALIGNMENTS = "video/s1.mpg_vcd.zip", "align/s1.tar"

LABELS = ("silence", "command", "color", "preposition", "letter", "digit", "adverb")
SILENT = ("sil", "sp")  # how the alignments write silence and a short pause
FRAMES = 75
UNITS_PER_FRAME = 1000  # of the alignments: 25,000 a second, at 25 frames a second

SIZE = (288, 360)  # height and width of a film
# The speaker's head is nearly still, and in the middle of this box is the mouth. (The box of other
# prepared copies is not known; this one was chosen to show about the same.)
TOP, LEFT, HEIGHT, WIDTH = 164, 86, 96, 128
REDUCED = 2  # each pixel kept is the mean of 2 x 2

TRAIN, VALIDATION = 0.8, 0.1  # shares of the clips; the others are the test split


class GridFrames(tfds.core.GeneratorBasedBuilder):
    """Films of a mouth, each frame labelled; 796 to train with, 99 to validate, 100 to test."""

    VERSION = tfds.core.Version("1.0.0")
    addresses = (FILES + VIDEOS, FILES + ALIGNMENTS)  # where TFDS's own builders have checksums

    def _info(self):
        shape = (FRAMES, HEIGHT // REDUCED, WIDTH // REDUCED, 1)
        label = tfds.features.ClassLabel(names=LABELS)
        return self.dataset_info_from_configs(
            description=__doc__,
            features=tfds.features.FeaturesDict(
                {
                    "id": tfds.features.Text(),
                    "sentence": tfds.features.Text(),
                    "frames": tfds.features.Video(shape=shape, encoding_format="jpeg"),
                    "labels": tfds.features.Sequence(label, length=FRAMES),
                }
            ),
            homepage="https://spandh.dcs.shef.ac.uk/gridcorpus/",
        )

    def _split_generators(self, dl_manager):
        import_av("GRID")  # before 400 MB are downloaded in vain
        paths = dl_manager.download({name: FILES + name for name in (VIDEOS, ALIGNMENTS)})
        clips = read_clips(paths[VIDEOS], read_alignments(paths[ALIGNMENTS]))
        return {
            split: ((name, clips[name]) for name in names)
            for split, names in split_names(clips).items()
        }

    def _generate_examples(self, clips):
        yield from clips


def split_names(names):
    """The clips of each split, in the order of their names' SHA-256, which says nothing of them.

    Args:
        names: of all clips.

    Returns:
        Dictionary split -> list of names: 80 %, 10 %, and what is left.
    """
    order = sorted(names, key=lambda name: hashlib.sha256(name.encode()).hexdigest())
    first, second = int(TRAIN * len(order)), int(VALIDATION * len(order))
    return {
        "train": order[:first],
        "validation": order[first : first + second],
        "test": order[first + second :],
    }


def read_clips(path, alignments):
    """Decode the clips that have an alignment and `FRAMES` frames; the few others are left out.

    Cropped, a thousand of them take 230 MB.

    Args:
        path: the zip archive of films.
        alignments: as from `read_alignments`.

    Returns:
        Dictionary name -> example.
    """
    clips = {}
    with path.open("rb") as file, zipfile.ZipFile(file) as archive:
        films = {_name(member): member for member in archive.namelist() if member.endswith(".mpg")}
        for name in progress(
            sorted(films.keys() & alignments.keys()), doing="decoding", unit="film"
        ):
            film = decode_grey(io.BytesIO(archive.read(films[name])), films[name])
            if film.shape[1:] != SIZE:
                raise UserError(f"{films[name]} in {path} has frames of {film.shape[1:]} pixels.")
            if len(film) == FRAMES:
                words = alignments[name]
                clips[name] = {
                    "id": name,
                    "sentence": " ".join(word for _, _, word in words if word not in SILENT),
                    "frames": mouth(film),
                    "labels": labels_of(words),
                }
    if not clips:
        raise UserError(f"{path} holds no film of {FRAMES} frames that has an alignment.")
    return clips


def read_alignments(path):
    """Name of a clip -> what is said when: list of (start, end, word), in order."""
    with path.open("rb") as file, tarfile.open(fileobj=file) as archive:
        found = {}
        for member in archive:
            if member.isfile() and member.name.endswith(".align"):
                text = archive.extractfile(member).read().decode("ascii")
                found[_name(member.name)] = _alignment(text, member.name)
        return found


def _alignment(text, name):
    try:
        rows = [line.split() for line in text.splitlines() if line.strip()]
        words = [(int(start), int(end), word) for start, end, word in rows]
    except ValueError as error:
        raise UserError(f"{name} in {ALIGNMENTS} is no alignment ({error}).") from error
    spoken = sum(word not in SILENT for _, _, word in words)
    if spoken != len(LABELS) - 1:
        raise UserError(f"{name} in {ALIGNMENTS} has {spoken} words, not {len(LABELS) - 1}.")
    return words


def labels_of(words):
    """The label of each frame: the kind of the word that is being said in its middle.

    Args:
        words: as from `read_alignments`; the first one spoken is a command, and so on.

    Returns:
        List of `FRAMES` class numbers.
    """
    labels, kind = np.zeros(FRAMES, int), 0
    middles = UNITS_PER_FRAME * (np.arange(FRAMES) + 0.5)
    for start, end, word in words:
        if word not in SILENT:
            kind += 1
            labels[(start <= middles) & (middles < end)] = kind
    return labels.tolist()


def mouth(film):
    """The box around the mouth, smaller: (75, 288, 360) -> (75, 48, 64, 1), uint8."""
    box = film[:, TOP : TOP + HEIGHT, LEFT : LEFT + WIDTH]
    parts = box.reshape(len(box), HEIGHT // REDUCED, REDUCED, WIDTH // REDUCED, REDUCED)
    return parts.mean(axis=(2, 4)).round().astype("uint8")[..., None]


def _name(member):
    return member.rsplit("/", 1)[-1].rsplit(".", 1)[0]
