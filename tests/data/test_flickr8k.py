"""The Flickr8k builder, the TFDS way: on tiny archives made here, without the network."""

import hashlib
import io
import json
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image

from shared.data import flickr8k, prepared
from shared.errors import UserError
from tests.conftest import find_builder

SIZES = {"train": 3, "validation": 2, "test": 1}
NAMES = {split: [f"{split}_{i}.jpg" for i in range(size)] for split, size in SIZES.items()}

KIND = "tensorflow_datasets.core.features."
TEXT = {"pythonClassName": f"{KIND}text_feature.Text", "text": {}}
FEATURES = {
    "pythonClassName": f"{KIND}features_dict.FeaturesDict",
    "featuresDict": {
        "features": {
            "id": TEXT,
            "image": {
                "pythonClassName": f"{KIND}image_feature.Image",
                "image": {
                    "shape": {"dimensions": ["-1", "-1", "3"]},
                    "dtype": "uint8",
                    "encodingFormat": "jpeg",
                },
            },
            "captions": {
                "pythonClassName": f"{KIND}sequence_feature.Sequence",
                "sequence": {"feature": TEXT, "length": "-1"},
            },
        }
    },
}


def picture(number):
    """A grey JPEG whose width and brightness tell which one it is."""
    packed = io.BytesIO()
    pixels = np.full((20, 30 + number, 3), 40 * number, "uint8")
    Image.fromarray(pixels).save(packed, "jpeg")
    return packed.getvalue()


def captions(name):
    return [f"Caption {i} of {name} , with a tab's place ." for i in range(5)]


def write_archives(folder, left_out=(), lines=()):
    """The two archives as they are packed at the public address; their MD5."""
    every = [name for names in NAMES.values() for name in names]
    with zipfile.ZipFile(folder / flickr8k.IMAGES, "w") as archive:
        for number, name in enumerate(every):
            if name not in left_out:
                archive.writestr(f"Flicker8k_Dataset/{name}", picture(number))
                archive.writestr(f"__MACOSX/Flicker8k_Dataset/{name}", b"what macOS adds")
        archive.writestr("Flicker8k_Dataset/of_no_split.jpg", picture(0))
    with zipfile.ZipFile(folder / flickr8k.TEXT, "w") as archive:
        for split, file in flickr8k.SPLITS.items():
            archive.writestr(file, "".join(f"{name}\n" for name in NAMES[split]))
        lines = [f"{name}#{i}\t{c}" for name in every for i, c in enumerate(captions(name))] + [
            "without_image.jpg.1#0\tThe real file has such a line, too .",
            *lines,
        ]
        archive.writestr(flickr8k.CAPTIONS, "\n".join(lines) + "\n")
    names = (flickr8k.IMAGES, flickr8k.TEXT)
    return {name: hashlib.md5((folder / name).read_bytes()).hexdigest() for name in names}


class TestFlickr8k(tfds.testing.DatasetBuilderTestCase):
    """Registers, downloads (mocked), prepares and reads back, as TFDS tests its own builders."""

    DATASET_CLASS = flickr8k.Flickr8k
    SPLITS = SIZES
    SKIP_CHECKSUMS = True  # the builder checks MD5 sums itself
    EXAMPLE_DIR = tempfile.mkdtemp(prefix="flickr8k-")
    DL_DOWNLOAD_RESULT = {name: name for name in (flickr8k.IMAGES, flickr8k.TEXT)}  # noqa: RUF012

    @classmethod
    def setUpClass(cls):
        cls.patch = pytest.MonkeyPatch()
        cls.patch.setattr(flickr8k, "MD5", write_archives(Path(cls.EXAMPLE_DIR)))
        super().setUpClass()

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        cls.patch.undo()


@pytest.fixture
def archives(tmp_path, monkeypatch):
    """The tiny archives, which are what a download gives."""

    def download(manager, urls):
        return {name: Path(tmp_path, url.split("/")[-1]) for name, url in urls.items()}

    monkeypatch.setattr(tfds.download.DownloadManager, "download", download)
    monkeypatch.setattr(flickr8k, "MD5", write_archives(tmp_path))
    monkeypatch.setattr(prepared, "answers", lambda url: url.startswith(flickr8k.FILES))
    return tmp_path


def test_official_split_and_five_captions_in_their_order(archives):
    builder = find_builder("flickr8k", archives / "tfds")
    assert builder.info.full_name == "flickr8k/1.0.0"
    numbers = iter(range(6))
    for split, names in NAMES.items():
        found = {
            example["id"].decode(): example
            for example in tfds.as_numpy(builder.as_dataset(split=split))
        }
        assert sorted(found) == names
        for name in names:
            number = next(numbers)
            assert found[name]["image"].shape == (20, 30 + number, 3)
            assert abs(found[name]["image"].mean() - 40 * number) < 3
            assert [c.decode() for c in found[name]["captions"]] == captions(name)


def test_features_are_those_of_other_prepared_copies(archives):
    """Data prepared by this builder, and by others under this name, can be read by either."""
    builder = find_builder("flickr8k", archives / "tfds")
    described = json.loads(Path(builder.data_dir, "features.json").read_text())
    assert described == FEATURES
    assert [address.split("/")[-1] for address in builder.addresses] == list(flickr8k.MD5)


@pytest.mark.parametrize(
    "damage, words",
    [
        ({"left_out": ["validation_1.jpg"]}, "lacks validation_1.jpg"),
        ({"lines": ["no caption at all"]}, "has a line that is no caption: 'no caption at all'"),
    ],
)
def test_archives_that_do_not_agree_are_refused(damage, words, archives, monkeypatch):
    monkeypatch.setattr(flickr8k, "MD5", write_archives(archives, **damage))
    with pytest.raises(UserError, match=words):
        find_builder("flickr8k", archives / "tfds")


def test_another_file_than_the_known_one_is_refused(archives):
    with zipfile.ZipFile(archives / flickr8k.TEXT, "a") as archive:
        archive.writestr("more.txt", "another file")
    with pytest.raises(UserError, match=r"Flickr8k_text\.zip is not the file that is known"):
        find_builder("flickr8k", archives / "tfds")
    assert not list((archives / "tfds").rglob("*.tfrecord*"))


def test_without_network_it_is_given_up_at_once(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(prepared, "answers", lambda url: asked.append(url))
    with pytest.raises(UserError, match=r"github\.com can't be reached"):
        find_builder("flickr8k", tmp_path)
    assert asked == [flickr8k.FILES + flickr8k.IMAGES]
