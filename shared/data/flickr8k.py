"""Flickr8k, which TFDS lacks: photographs of people and dogs, each described by five persons.

>>> import shared.data.flickr8k                        # so that TFDS knows it
>>> tfds.load("flickr8k")

M. Hodosh, P. Young and J. Hockenmaier, "Framing image description as a ranking task: data, models
and evaluation metrics", Journal of Artificial Intelligence Research 47, 2013.
"""

import zipfile
from collections import defaultdict

import tensorflow_datasets as tfds

from shared.data.downloads import check_md5
from shared.errors import UserError

# The university's own address is gone; this is the copy that everybody uses.
FILES = "https://github.com/jbrownlee/Datasets/releases/download/Flickr8k/"
IMAGES, TEXT = "Flickr8k_Dataset.zip", "Flickr8k_text.zip"
# As published in torchvision for R (mlverse/torchvision, R/dataset-flickr.R).
MD5 = {
    IMAGES: "f18a1e2920de5bd84dae7cf08ec78978",
    TEXT: "bf6c1abcb8e4a833b7f922104de18627",
}
# The official split: files in the text archive, each a list of image names.
SPLITS = {
    "train": "Flickr_8k.trainImages.txt",
    "validation": "Flickr_8k.devImages.txt",
    "test": "Flickr_8k.testImages.txt",
}
CAPTIONS = "Flickr8k.token.txt"


class Flickr8k(tfds.core.GeneratorBasedBuilder):
    """Photographs, five captions each; 6,000 to train with, 1,000 to validate, 1,000 to test."""

    VERSION = tfds.core.Version("1.0.0")
    addresses = (FILES + IMAGES, FILES + TEXT)  # where TFDS's own builders have their checksums

    def _info(self):
        return self.dataset_info_from_configs(
            description=__doc__,
            features=tfds.features.FeaturesDict(
                {
                    "id": tfds.features.Text(),
                    "image": tfds.features.Image(shape=(None, None, 3), encoding_format="jpeg"),
                    "captions": tfds.features.Sequence(tfds.features.Text()),
                }
            ),
            homepage="https://hockenmaier.cs.illinois.edu/8k-pictures.html",
        )

    def _split_generators(self, dl_manager):
        paths = dl_manager.download({name: FILES + name for name in (IMAGES, TEXT)})
        for name, path in paths.items():
            check_md5(path, FILES + name, MD5[name])
        texts = read_texts(paths[TEXT], [CAPTIONS, *SPLITS.values()])
        captions = captions_of(texts[CAPTIONS])
        return {
            split: self._generate_examples(paths[IMAGES], texts[file].split(), captions)
            for split, file in SPLITS.items()
        }

    def _generate_examples(self, path, names, captions):
        """Yield (image's file name, example) for each of the image names of a split."""
        with path.open("rb") as file, zipfile.ZipFile(file) as archive:
            members = members_of(archive)
            for name in names:
                if name not in members or name not in captions:
                    raise UserError(f"{path} or {TEXT} lacks {name}, which the split names.")
                image = archive.open(members[name])
                yield name, {"id": name, "image": image, "captions": captions[name]}


def captions_of(text):
    """The captions of each image, in their order.

    Args:
        text: lines of the form "1000.jpg#0", tab, "A dog runs ."; the digit counts the captions.

    Returns:
        Dictionary image's file name -> list of strings.
    """
    captions = defaultdict(list)
    for line in text.splitlines():
        place, _, caption = line.partition("\t")
        name, mark, number = place.rpartition("#")
        if not (mark and number.isdigit() and caption):
            raise UserError(f"{CAPTIONS} in {TEXT} has a line that is no caption: {line[:80]!r}.")
        captions[name].append(caption.strip())
    return captions


def read_texts(path, names):
    """Some text files out of a zip archive: dictionary name -> content."""
    with path.open("rb") as file, zipfile.ZipFile(file) as archive:
        members = members_of(archive)
        lacking = [name for name in names if name not in members]
        if lacking:
            raise UserError(f"{path} lacks {lacking[0]}.")
        return {name: archive.read(members[name]).decode("utf-8") for name in names}


def members_of(archive):
    """The files of an archive by their names alone, without what macOS adds beside each."""
    return {
        member.rsplit("/", 1)[-1]: member
        for member in archive.namelist()
        if not member.startswith("__MACOSX")
    }
