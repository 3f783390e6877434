"""Multi30k, which TFDS lacks: descriptions of photographs, in German or French and in English.

>>> import shared.data.multi30k                        # so that TFDS knows it
>>> tfds.load("multi30k/de_to_en")

D. Elliott, S. Frank, K. Sima'an and L. Specia, "Multi30K: multilingual English-German image
descriptions", 5th Workshop on Vision and Language, 2016; French: D. Elliott, S. Frank, L. Barrault,
F. Bougares and L. Specia, "Findings of the second shared task on multimodal machine translation and
multilingual image description", WMT 2017.
"""

import gzip

import tensorflow_datasets as tfds

from shared.data.downloads import check_md5

FILES = "https://raw.githubusercontent.com/multi30k/dataset/master/data/task1/raw/"
SPLITS = {"train": "train", "validation": "val", "test": "test_2016_flickr"}

# As published in torchtext 0.9 (torchtext/datasets/multi30k.py). TFDS's own checksum files want
# SHA-256, which nobody has published, so the builder checks these itself.
MD5 = {
    "train.de.gz": "81ff90b99829c0cd4b1b587d394afd39",
    "train.en.gz": "0065d13af80720a55ca8153d126e6627",
    "train.fr.gz": "6cb767741dcad3931f966fefbc05203f",
    "val.de.gz": "6e0e229eb049e3fc99a1ef02fb2d5f91",
    "val.en.gz": "2b69aa9253948ac9f67e94917272dd40",
    "val.fr.gz": "93fc564584b7e5ba410c761ea5a1c682",
    "test_2016_flickr.de.gz": "efd67d314d98489b716b145475101932",
    "test_2016_flickr.en.gz": "ff2c0fcb4893a13bd73414306bc250ae",
    "test_2016_flickr.fr.gz": "08dc7cd4a662f31718412de95ca9bfe3",
}


class Multi30k(tfds.core.GeneratorBasedBuilder):
    """Pairs of sentences; 29,000 to train with, 1,014 to validate, 1,000 to test (Flickr 2016)."""

    VERSION = tfds.core.Version("1.0.0")
    BUILDER_CONFIGS = (
        tfds.core.BuilderConfig(name="de_to_en", description="German to English"),
        tfds.core.BuilderConfig(name="fr_to_en", description="French to English"),
    )

    @property
    def languages(self):
        return tuple(self.builder_config.name.split("_to_"))

    @property
    def urls(self):
        """The files to download: split -> language -> address."""
        return {
            split: {language: f"{FILES}{file}.{language}.gz" for language in self.languages}
            for split, file in SPLITS.items()
        }

    @property
    def addresses(self):
        """All of them in one list, where TFDS's own builders have their checksums."""
        return [address for split in self.urls.values() for address in split.values()]

    def _info(self):
        return self.dataset_info_from_configs(
            description=__doc__,
            features=tfds.features.Translation(languages=sorted(self.languages)),
            supervised_keys=self.languages,
            homepage="https://github.com/multi30k/dataset",
        )

    def _split_generators(self, dl_manager):
        paths = dl_manager.download(self.urls)
        for split, addresses in self.urls.items():
            for language, address in addresses.items():
                check_md5(paths[split][language], address, MD5[address.rsplit("/", 1)[-1]])
        return {split: self._generate_examples(files) for split, files in paths.items()}

    def _generate_examples(self, files):
        """Yield (line number, sentence by language) from one gzip file per language."""
        lines = {}
        for language, path in files.items():
            with path.open("rb") as file:
                text = gzip.decompress(file.read()).decode("utf-8")
            # Only a line feed ends a line here; splitlines() knows many other signs.
            lines[language] = text.removesuffix("\n").split("\n")
        for number, sentences in enumerate(zip(*lines.values(), strict=True)):
            yield number, dict(zip(lines, sentences, strict=True))
