"""The GRID builder, the TFDS way: on tiny archives made here, without the network.

What decodes a film is replaced, so that PyAV need not be there: a fake film is a text that says how
many frames it has and how bright they are.
"""

import io
import json
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
import tensorflow_datasets as tfds

from shared.data import grid_frames, prepared
from shared.errors import UserError
from tests.conftest import find_builder

NAMES = [f"bbaf{number}n" for number in range(20)]
SIZES = {"train": 16, "validation": 2, "test": 2}
# As in the corpus: units of 1/25,000 second, a pause between two words.
ALIGNMENT = """0 12250 sil
12250 19250 bin
19250 27500 blue
27500 28499 sp
28499 31000 at
31000 34000 f
34000 39000 two
39000 46000 now
46000 74500 sil
"""
SPOKEN = [(12, 7), (19, 8), (28, 3), (31, 3), (34, 5), (39, 7)]  # first frame, frames

KIND = "tensorflow_datasets.core.features."
TEXT = {"pythonClassName": f"{KIND}text_feature.Text", "text": {}}
FEATURES = {
    "pythonClassName": f"{KIND}features_dict.FeaturesDict",
    "featuresDict": {
        "features": {
            "id": TEXT,
            "sentence": TEXT,
            "frames": {
                "pythonClassName": f"{KIND}video_feature.Video",
                "video": {
                    "shape": {"dimensions": ["75", "48", "64", "1"]},
                    "dtype": "uint8",
                    "encodingFormat": "jpeg",
                },
            },
            "labels": {
                "pythonClassName": f"{KIND}sequence_feature.Sequence",
                "sequence": {
                    "feature": {
                        "pythonClassName": f"{KIND}class_label_feature.ClassLabel",
                        "classLabel": {"numClasses": "7"},
                    },
                    "length": "75",
                },
            },
        }
    },
}


def write_archives(folder, alignment=ALIGNMENT):
    """The two archives as they are packed at the public address, with some that don't fit."""
    for name in (grid_frames.VIDEOS, grid_frames.ALIGNMENTS):
        (folder / name).parent.mkdir(exist_ok=True)
    with zipfile.ZipFile(folder / grid_frames.VIDEOS, "w") as archive:
        for number, name in enumerate(NAMES):
            archive.writestr(f"s1/{name}.mpg", f"75 {10 * number}")
        archive.writestr("s1/brbk7n.mpg", "74 0")  # cut short
        archive.writestr("s1/bwbg8n.mpg", "75 0")  # without an alignment
    with tarfile.open(folder / grid_frames.ALIGNMENTS, "w") as archive:
        for name in [*NAMES, "brbk7n", "lgaf4n"]:
            member = tarfile.TarInfo(f"align/{name}.align")
            member.size = len(alignment)
            archive.addfile(member, io.BytesIO(alignment.encode()))


def decode_fake(file, name):
    """Frames that are 0, but in the box around the mouth as bright as the fake film says."""
    count, brightness = map(int, file.read().split())
    film = np.zeros((count, 288, 360), "uint8")
    film[:, 164:260, 86:214] = brightness
    film[:, 164:260:2, 86:214] += 4  # every other line: the mean of two is 2 more
    return film


def patch_decoder(patch):
    patch.setattr(grid_frames, "decode_grey", decode_fake)
    patch.setattr(grid_frames, "import_av", lambda name: None)


class TestGridFrames(tfds.testing.DatasetBuilderTestCase):
    """Registers, downloads (mocked), prepares and reads back, as TFDS tests its own builders."""

    DATASET_CLASS = grid_frames.GridFrames
    SPLITS = SIZES
    SKIP_CHECKSUMS = True  # none are published
    EXAMPLE_DIR = tempfile.mkdtemp(prefix="grid-")
    DL_DOWNLOAD_RESULT = {  # noqa: RUF012
        name: name for name in (grid_frames.VIDEOS, grid_frames.ALIGNMENTS)
    }

    @classmethod
    def setUpClass(cls):
        cls.patch = pytest.MonkeyPatch()
        patch_decoder(cls.patch)
        write_archives(Path(cls.EXAMPLE_DIR))
        super().setUpClass()

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        cls.patch.undo()


def patch_download(patch, folder):
    """The tiny archives in `folder` are what a download gives."""

    def download(manager, urls):
        assert all(url.startswith("https://spandh.dcs.shef.ac.uk/") for url in urls.values())
        return {name: Path(folder, name) for name in urls}

    write_archives(folder)
    patch.setattr(tfds.download.DownloadManager, "download", download)
    patch.setattr(prepared, "answers", lambda url: url.startswith(grid_frames.FILES))


@pytest.fixture(scope="module")
def builder(tmp_path_factory):
    """The data set, found by its name and prepared."""
    folder = tmp_path_factory.mktemp("grid")
    with pytest.MonkeyPatch.context() as patch:
        patch_decoder(patch)
        patch_download(patch, folder)
        return find_builder("grid_frames", folder / "tfds")


@pytest.fixture
def archives(tmp_path, monkeypatch):
    patch_download(monkeypatch, tmp_path)
    return tmp_path


def test_every_frame_has_the_label_of_the_word_in_its_middle(builder):
    assert builder.info.full_name == "grid_frames/1.0.0"
    expected = np.zeros(75, int)
    for kind, (start, length) in enumerate(SPOKEN, start=1):
        expected[start : start + length] = kind
    found = {}
    for split, size in SIZES.items():
        examples = list(tfds.as_numpy(builder.as_dataset(split=split)))
        assert len(examples) == size
        found |= {example["id"].decode(): example for example in examples}
    assert sorted(found) == sorted(NAMES), "each clip once, none that is cut short or unaligned"
    for number, name in enumerate(NAMES):
        assert found[name]["sentence"] == b"bin blue at f two now"
        np.testing.assert_array_equal(found[name]["labels"], expected)
        assert found[name]["frames"].shape == (75, 48, 64, 1)
        assert abs(found[name]["frames"].astype(float) - (10 * number + 2)).max() <= 2


def test_features_are_those_of_other_prepared_copies(builder):
    """Data prepared by this builder, and by others under this name, can be read by either."""
    assert json.loads(Path(builder.data_dir, "features.json").read_text()) == FEATURES
    names = "silence command color preposition letter digit adverb"
    assert builder.info.features["labels"].feature.names == names.split()


def test_split_is_that_of_other_prepared_copies():
    """Ten clips of the corpus; each is here in the split in which it is known to be there."""
    train = ["lrbe6n", "brag1a", "sgbj2p", "lwir5a", "bwwuzn", "bgig7s", "bwba4n", "pgaq8p"]
    found = grid_frames.split_names(sorted([*train, "sgai9a", "bwwh5a"]))
    assert {split: sorted(names) for split, names in found.items()} == {
        "train": sorted(train),
        "validation": ["sgai9a"],
        "test": ["bwwh5a"],
    }


@pytest.mark.parametrize(
    "alignment, words",
    [
        ("0 74500 sil\n", "has 0 words, not 6"),
        (ALIGNMENT.replace("12250 19250 bin", "12250 bin"), "is no alignment"),
    ],
)
def test_another_alignment_is_refused(alignment, words, tmp_path):
    write_archives(tmp_path, alignment)
    with pytest.raises(UserError, match=words):
        grid_frames.read_alignments(tmp_path / grid_frames.ALIGNMENTS)


def test_missing_decoder_is_named_before_anything_is_downloaded(archives, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)  # as if it were not installed
    monkeypatch.setattr(tfds.download.DownloadManager, "download", None)
    with pytest.raises(UserError, match="pip install av"):
        find_builder("grid_frames", archives / "tfds")


def test_without_network_it_is_given_up_at_once(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(prepared, "answers", lambda url: asked.append(url))
    with pytest.raises(UserError, match=r"spandh\.dcs\.shef\.ac\.uk can't be reached"):
        find_builder("grid_frames", tmp_path)
    assert asked == [grid_frames.FILES + grid_frames.VIDEOS]
