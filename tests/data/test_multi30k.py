"""The Multi30k builder, the TFDS way: on tiny archives made here, without the network."""

import gzip
import hashlib
import tempfile
from pathlib import Path

import pytest
import tensorflow_datasets as tfds

from shared.data import multi30k, prepared
from shared.errors import UserError
from tests.conftest import find_builder

# Trailing spaces and signs that Python takes for line ends are in the real files, too.
SENTENCES = {
    "de": ["Zwei Männer sitzen. ", "Ein Hund\u2028läuft.", "Ein Kind schläft."],
    "en": ["Two men sit.", "A dog\u2028runs.", "A child sleeps. "],
    "fr": ["Deux hommes sont assis.", "Un chien court.", "Un enfant dort."],
}
SIZES = {"train": 3, "validation": 2, "test": 1}


def write_archives(folder):
    """The nine files, their lines numbered so that no two splits share a sentence; their MD5."""
    digests = {}
    for split, file in multi30k.SPLITS.items():
        for language, sentences in SENTENCES.items():
            lines = [f"{split} {sentence}\n" for sentence in sentences[: SIZES[split]]]
            packed = gzip.compress("".join(lines).encode())
            name = f"{file}.{language}.gz"
            (folder / name).write_bytes(packed)
            digests[name] = hashlib.md5(packed).hexdigest()
    return digests


class _TestOfConfig(tfds.testing.DatasetBuilderTestCase):
    """Registers, downloads (mocked), prepares and reads back, as TFDS tests its own builders."""

    __test__ = False
    DATASET_CLASS = multi30k.Multi30k
    SPLITS = SIZES
    SKIP_CHECKSUMS = True  # the builder checks MD5 sums itself
    EXAMPLE_DIR = tempfile.mkdtemp(prefix="multi30k-")
    LANGUAGES = ()

    @classmethod
    def setUpClass(cls):
        cls.BUILDER_CONFIG_NAMES_TO_TEST = ["_to_".join(cls.LANGUAGES)]
        cls.DL_DOWNLOAD_RESULT = {
            split: {language: f"{file}.{language}.gz" for language in cls.LANGUAGES}
            for split, file in multi30k.SPLITS.items()
        }
        cls.patch = pytest.MonkeyPatch()
        cls.patch.setattr(multi30k, "MD5", write_archives(Path(cls.EXAMPLE_DIR)))
        super().setUpClass()

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        cls.patch.undo()


class TestGermanToEnglish(_TestOfConfig):
    __test__ = True
    LANGUAGES = ("de", "en")


class TestFrenchToEnglish(_TestOfConfig):
    __test__ = True
    LANGUAGES = ("fr", "en")


@pytest.fixture
def archives(tmp_path, monkeypatch):
    """The tiny archives, which are what a download gives."""

    def download(manager, urls):
        return {
            split: {language: Path(tmp_path, url.split("/")[-1]) for language, url in each.items()}
            for split, each in urls.items()
        }

    monkeypatch.setattr(tfds.download.DownloadManager, "download", download)
    monkeypatch.setattr(multi30k, "MD5", write_archives(tmp_path))
    monkeypatch.setattr(prepared, "answers", lambda url: url.startswith(multi30k.FILES))
    return tmp_path


def test_found_by_name_and_every_line_kept_as_it_is(archives):
    builder = find_builder("multi30k/de_to_en", archives / "tfds")
    assert builder.info.full_name == "multi30k/de_to_en/1.0.0"
    columns = prepared.read(builder, "train")
    pairs = set(zip(columns["de"], columns["en"], strict=True))
    expected = zip(SENTENCES["de"], SENTENCES["en"], strict=True)
    assert pairs == {(f"train {de}", f"train {en}") for de, en in expected}


@pytest.mark.parametrize("config, languages", [("de_to_en", "de en"), ("fr_to_en", "en fr")])
def test_described_as_the_public_copies_are(config, languages, tmp_path):
    builder = tfds.builder(f"multi30k/{config}", data_dir=tmp_path)
    assert builder.info.features.languages == languages.split()
    assert builder.info.supervised_keys == tuple(config.split("_to_"))
    assert str(builder.version) == "1.0.0"
    assert set(multi30k.MD5) >= {address.split("/")[-1] for address in builder.addresses}
    assert len(builder.addresses) == 6


def test_another_file_than_the_known_one_is_refused(archives):
    (archives / "val.de.gz").write_bytes(gzip.compress(b"Ein anderer Satz.\n" * 2))
    with pytest.raises(UserError, match=r"val\.de\.gz is not the file that is known: its MD5"):
        find_builder("multi30k/de_to_en", archives / "tfds")
    assert not list((archives / "tfds").rglob("*.tfrecord*"))
    assert not (archives / "val.de.gz").exists(), "it must not be taken for a download next time"


def test_files_of_different_length_are_refused(archives, monkeypatch):
    packed = gzip.compress(b"Only one line.\n")
    (archives / "val.en.gz").write_bytes(packed)
    monkeypatch.setitem(multi30k.MD5, "val.en.gz", hashlib.md5(packed).hexdigest())
    with pytest.raises(UserError, match="can't be had"):
        find_builder("multi30k/de_to_en", archives / "tfds")


def test_without_network_it_is_given_up_at_once(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(prepared, "answers", lambda url: asked.append(url))
    with pytest.raises(UserError, match=r"raw\.githubusercontent\.com can't be reached"):
        find_builder("multi30k/fr_to_en", tmp_path)
    assert asked == [multi30k.FILES + "train.fr.gz"]
