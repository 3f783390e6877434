"""What a fixed encoder makes of images: computed once, and never taken for something else."""

import os
from types import SimpleNamespace

import numpy as np
import pytest

from shared.data.examples import Examples, batches
from shared.data.image_features import encoded
from shared.data.sources import Source
from shared.errors import UserError

SHAPE = (16, 16, 3)


def source_of(version="1", shade=0, caption=b"a dog"):
    """Four images of one shade each."""

    def read(split, limit=None, shape=None):
        columns = {"captions": np.array([[caption] * 5] * 4, object)[:limit]}
        if shape:
            shades = shade + np.arange(4, dtype="uint8")[:limit, None, None, None]
            columns["image"] = np.broadcast_to(shades, (len(shades), *shape))
        return Examples.of(columns)

    return Source("own/photos.csv", version, ("train", "test"), read)


class Encoder:
    """Gives each image's shade twice as large; counts the images that it sees."""

    def __init__(self, weight=1.0):
        self.seen, self.weight = 0, np.array([weight], "float32")

    def get_weights(self):
        return [self.weight]

    def predict_on_batch(self, images):
        self.seen += len(images)
        return np.full((len(images), 2, 3, 4), 2.0) * images[:, :1, :1, :1]


def shades(source, split="train", limit=None, shape=SHAPE):
    """The shades that the encoder saw, from its grids."""
    held = source.read(split, limit, shape)
    found = list(batches(held, 3, lambda batch, seed: batch).as_numpy_iterator())
    grids = np.concatenate([batch["grid"] for batch in found])
    assert grids.shape == (held.count, 2, 3, 4) and grids.dtype == "float16"
    assert all(len(batch["captions"]) == len(batch["grid"]) for batch in found)
    return (grids[:, 0, 0, 0] / 2).tolist()


def test_each_image_is_looked_at_once(tmp_path):
    encoder = Encoder()
    for _ in range(2):
        source = encoded(source_of(), encoder, tmp_path / "features", batch_size=3)
        assert shades(source) == [0, 1, 2, 3] and encoder.seen == 4
    assert source.read("train").columns["captions"].shape == (4, 5), "no image is needed for them"
    assert not list((tmp_path / "features").glob(".*")), "nothing half written"


@pytest.mark.parametrize(
    "other",
    [
        {"split": "test"},
        {"limit": 2},
        {"shape": (8, 8, 3)},
        {"source": source_of(version="2")},
        {"source": source_of(caption=b"a cat")},
        {"encoder": Encoder(weight=2.0)},
    ],
    ids=lambda other: next(iter(other)),
)
def test_other_images_or_another_encoder_are_computed_anew(tmp_path, other):
    shades(encoded(source_of(shade=100), Encoder(), tmp_path))
    encoder, source = other.pop("encoder", Encoder()), other.pop("source", source_of())
    found = shades(encoded(source, encoder, tmp_path), **other)
    assert found == [0, 1, 2, 3][: other.get("limit")] and encoder.seen == len(found)


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:-5],
        lambda content: content[:60],
        lambda content: b"",
        lambda content: b"rubbish",
        lambda content: content[:-8] + b"rubbish!",
        lambda content: content[:-1] + bytes([content[-1] ^ 1]),
    ],
    ids=["cut short", "cut in its head", "empty", "rubbish", "other numbers", "one bit"],
)
def test_damaged_grids_are_computed_anew(tmp_path, damage):
    encoder = Encoder()
    assert shades(encoded(source_of(), encoder, tmp_path)) == [0, 1, 2, 3]
    (path,) = tmp_path.glob("*.npy")
    path.write_bytes(damage(path.read_bytes()))
    assert shades(encoded(source_of(), encoder, tmp_path)) == [0, 1, 2, 3] and encoder.seen == 8


@pytest.mark.parametrize(
    "damage",
    [
        lambda checksum, other: checksum.unlink(),
        lambda checksum, other: checksum.write_bytes(b""),
        lambda checksum, other: checksum.write_bytes(b"\xff\xfe"),
        lambda checksum, other: checksum.write_bytes(other.read_bytes()),
        lambda checksum, other: [
            other.with_suffix(ending).replace(checksum.with_suffix(ending))
            for ending in (".npy", ".checksum")
        ],
    ],
    ids=["gone", "empty", "no text", "of another file", "of another file that came with it"],
)
def test_grids_without_their_own_checksum_are_computed_anew(tmp_path, damage):
    shades(encoded(source_of(), Encoder(), tmp_path))
    shades(encoded(source_of(shade=100), Encoder(), tmp_path), split="test")
    (checksum,), (other,) = tmp_path.glob("*train*.checksum"), tmp_path.glob("*test*.checksum")
    damage(checksum, other)
    encoder = Encoder()
    assert shades(encoded(source_of(), encoder, tmp_path)) == [0, 1, 2, 3] and encoder.seen == 4


def test_interrupted_encoding_leaves_nothing_half_written(tmp_path):
    encoder = Encoder()

    def interrupted(images):
        if encoder.seen:
            raise KeyboardInterrupt
        return Encoder.predict_on_batch(encoder, images)

    stopped = SimpleNamespace(get_weights=encoder.get_weights, predict_on_batch=interrupted)
    with pytest.raises(KeyboardInterrupt):
        shades(encoded(source_of(), stopped, tmp_path, batch_size=2))
    assert not list(tmp_path.iterdir())
    assert shades(encoded(source_of(), encoder, tmp_path, batch_size=2)) == [0, 1, 2, 3]


def test_what_a_killed_process_left_is_removed(tmp_path):
    old, young = tmp_path / ".0123abcd-old.npy", tmp_path / ".0123abcd-young.npy"
    for path in (old, young):
        path.touch()
    os.utime(old, (0, 0))
    shades(encoded(source_of(), Encoder(), tmp_path))
    assert not old.exists()
    assert young.exists(), "which may be of a process at work"


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="Can't write the features"):
        shades(encoded(source_of(), Encoder(), tmp_path / "file" / "features"))


def test_a_folder_that_cannot_be_written_to(tmp_path):
    shades(encoded(source_of(), Encoder(), tmp_path))
    (path,) = tmp_path.glob("*.npy")
    path.unlink()
    path.mkdir()  # refuses whatever the rights of whoever runs the test
    with pytest.raises(UserError, match="Can't write"):
        shades(encoded(source_of(), Encoder(), tmp_path))
    assert not list(tmp_path.glob(".*")), "nothing half written"


def test_a_long_name(tmp_path):
    source = Source("ä" * 200, "1", ("train",), source_of().reader)
    assert shades(encoded(source, Encoder(), tmp_path)) == [0, 1, 2, 3]
