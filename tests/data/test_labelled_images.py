"""Pictures with labels: the same from a data set, from the sample and from folders of any kind."""

import os
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from PIL import Image

from recipes.image_classification import sample
from shared.data import examples, labelled_images
from shared.data.images import read_images
from shared.errors import UserError


def source_of(folder, **more):
    return labelled_images.of_folder(SimpleNamespace(folder=str(folder), **more))


def write_classes(path, count=10, labels=("cat", "dog"), begin=0):
    """Pictures of different size, format and colour mode, of a shade each: dogs are bright."""
    for number, label in enumerate(labels):
        (path / label).mkdir(parents=True)
        for i in range(begin, begin + count):
            shade = 20 + 120 * number + i
            mode, ending = (("RGB", "png"), ("L", "png"), ("RGBA", "PNG"))[i % 3]
            colour = {"RGB": (shade,) * 3, "L": shade, "RGBA": (shade,) * 3 + (255,)}[mode]
            Image.new(mode, (20 + i % 3, 30), colour).save(path / label / f"{i}.{ending}")
    return path


def write_splits(path, *splits, labels=("cat", "dog")):
    for number, split in enumerate(splits):
        write_classes(path / split, 4, labels, begin=30 * number)
    return path


def shades(source, split):
    """The shades of a split's pictures, and the names of their classes."""
    columns = source.read(split, None, (1, 1, 1)).columns
    return columns["image"].ravel().tolist(), [source.classes[i] for i in columns["label"]]


def test_a_folder_for_each_class(tmp_path):
    source = source_of(write_classes(tmp_path / "pets"))
    assert (source.name, source.classes) == ("pets", ("cat", "dog"))
    assert source.files == (str(tmp_path / "pets"),)
    assert set(source.splits) == {"train", "validation", "test"}
    everything = []
    for split, count in ("train", 16), ("validation", 2), ("test", 2):
        found, labels = shades(source, split)
        assert len(found) == count
        assert labels == ["dog" if shade > 100 else "cat" for shade in found]
        everything += found
    assert sorted(everything) == sorted([*range(20, 30), *range(140, 150)])
    assert [shades(source_of(source.files[0]), split) for split in source.splits] == [
        shades(source, split) for split in source.splits
    ], "the same in every run"


def test_the_first_pictures_are_of_all_classes(tmp_path):
    source = source_of(write_classes(tmp_path, 30, ("a", "b", "c")))
    labels = source.read("train", 9).columns["label"]
    assert set(labels) == {0, 1, 2}


@pytest.mark.parametrize("place", ["in memory", "from disk"])
def test_a_folder_is_read_as_predict_reads_a_file(tmp_path, place, monkeypatch):
    """Transparency, sixteen bits and all."""
    if place == "from disk":
        monkeypatch.setattr(examples, "MEMORY", 10)
    pictures = write_splits(tmp_path, "train", "test")
    Image.new("RGBA", (20, 20), (0, 0, 0, 0)).save(pictures / "test/cat/clear.png")
    deep = np.full((9, 9), 300 * 257 // 2, "uint16")
    Image.fromarray(deep).save(pictures / "test/cat/deep.png")
    (batch,) = source_of(pictures).read("test", None, (8, 9, 3)).in_batches(99)
    assert batch["image"].dtype == "uint8" and batch["label"].dtype == "int32"
    for label, name in enumerate(("cat", "dog")):
        found = batch["image"].numpy()[batch["label"].numpy() == label]
        expected = read_images(sorted((pictures / "test" / name).iterdir()), 8, 9, 3)
        assert sorted(map(bytes, found)) == sorted(map(bytes, expected))


def test_named_splits(tmp_path):
    source = source_of(write_splits(tmp_path / "pets", "train", "Val", "test"))
    assert set(source.splits) == {"train", "validation", "test"}
    for number, split in enumerate(("train", "validation", "test")):
        expected = [20 + 30 * number + i + add for i in range(4) for add in (0, 120)]
        assert sorted(shades(source, split)[0]) == sorted(expected)
    source = source_of(write_splits(tmp_path / "others", "train"))
    assert set(source.splits) == {"train", "validation"}
    with pytest.raises(UserError, match=r"no split 'test'. It has: train, validation\."):
        source.read("test")


def test_copies_are_in_one_split(tmp_path):
    pictures = write_classes(tmp_path, 12)
    for path in sorted(pictures.glob("*/*")):
        for number in range(3):
            shutil.copy(path, path.with_stem(f"copy {number} of {path.stem}"))
    source = source_of(pictures)
    found = {split: shades(source, split)[0] for split in source.splits}
    assert sum(map(len, found.values())) == 4 * 24
    for split, shown in found.items():
        assert shown
        for other in found.keys() - {split}:
            assert not set(shown) & set(found[other])


def test_other_pictures_are_measured_on_as_a_whole(tmp_path):
    source = source_of(write_classes(tmp_path / "pets", 3, ("dog",)), whole=True)
    assert source.splits == ("test",) and len(shades(source, "test")[0]) == 3
    source = source_of(write_splits(tmp_path / "parted", "test", labels=("dog",)), whole=True)
    assert source.splits == ("test",) and len(shades(source, "test")[0]) == 4


def test_the_version_is_that_of_the_content(tmp_path):
    pictures = write_classes(tmp_path / "pets")
    version = source_of(pictures).version
    shutil.copytree(pictures, tmp_path / "moved")
    assert source_of(tmp_path / "moved").version == version
    os.rename(pictures / "cat/1.png", pictures / "dog/x.png")
    renamed = source_of(pictures).version
    Image.new("L", (21, 30), 7).save(pictures / "dog/x.png")
    assert len({version, renamed, source_of(pictures).version}) == 3


@pytest.mark.parametrize(
    "sizes, modes, shape",
    [
        ([(9, 8)] * 4, "LLLL", (8, 9, 1)),
        ([(9, 8)] * 4, "LLL" + "R", (8, 9, 3)),
        ([(9, 8), (9, 7), (9, 8), (9, 8)], "LLLL", (None, 9, 1)),
    ],
)
def test_the_shape_is_what_the_pictures_say(tmp_path, sizes, modes, shape):
    for number, (size, mode) in enumerate(zip(sizes, modes, strict=True)):
        folder = tmp_path / "ab"[number % 2]
        folder.mkdir(exist_ok=True)
        Image.new({"L": "L", "R": "RGB"}[mode], size, number).save(folder / f"{number}.png")
    assert source_of(tmp_path).shape == shape


def test_hidden_and_other_files_are_left_alone(tmp_path):
    pictures = write_classes(tmp_path)
    (pictures / ".cache").mkdir()
    (pictures / ".cache" / "1.png").write_text("no picture")
    (pictures / "cat" / "._0.png").write_text("no picture")
    (pictures / "cat" / "notes.txt").write_text("all of them asleep")
    (pictures / "empty").mkdir()
    source = source_of(pictures)
    assert source.classes == ("cat", "dog")
    assert sum(len(shades(source, split)[0]) for split in source.splits) == 20


def test_a_link_to_a_folder_above_ends(tmp_path):
    pictures = write_classes(tmp_path / "pets")
    (pictures / "dog" / "again").symlink_to(pictures, target_is_directory=True)
    with pytest.raises(UserError, match="lies where no picture should"):
        source_of(pictures)


def test_folders_that_do_not_fit(tmp_path):
    def refusal(name):
        with pytest.raises(UserError) as error:
            source_of(tmp_path / name)
        assert str(tmp_path / name) in str(error.value) and "\n" not in str(error.value)
        return str(error.value)

    (tmp_path / "empty").mkdir()
    assert "has no pictures (.bmp, " in refusal("empty")
    Image.new("L", (9, 9)).save(write_classes(tmp_path / "above") / "stray.png")
    assert "above/stray.png lies where no picture should" in refusal("above")
    write_classes(write_classes(tmp_path / "mixed") / "cat")
    assert "lies where no picture should" in refusal("mixed")
    write_splits(tmp_path / "parts", "train", "tset")
    assert "parts/tset/cat" in refusal("parts") and "not 'tset'" in refusal("parts")
    write_classes(tmp_path / "no-classes", labels=("train", "test"))
    assert "is of no class" in refusal("no-classes")
    write_classes(tmp_path / "one", labels=("cat",))
    assert "all pictures are in one class, 'cat'" in refusal("one")
    write_splits(tmp_path / "only-test", "test")
    assert "no example is of the split train" in refusal("only-test")
    write_classes(write_splits(tmp_path / "misspelt", "train") / "test", labels=("catt",))
    assert "the class 'catt' has no pictures to train on" in refusal("misspelt")
    write_classes(tmp_path / "odd", labels=("cat", os.fsdecode(b"\xff")))
    assert "is not UTF-8. Rename it" in refusal("odd")
    (write_classes(tmp_path / "phone") / "dog" / "IMG_1.HEIC").write_bytes(b"what a phone writes")
    assert "phone/dog/IMG_1.HEIC is a picture of a kind that is not read" in refusal("phone")
    write_classes(tmp_path / "few", 1)
    assert "2 different examples can't be parted" in refusal("few")
    (write_classes(tmp_path / "text") / "dog" / "text.png").write_text("Dear reader,\n")
    assert "text/dog/text.png is not a picture" in refusal("text")


def test_a_damaged_picture_is_named_when_it_is_read(tmp_path, monkeypatch):
    """Its head is sound, so only its pixels tell."""
    pictures = write_splits(tmp_path, "train")
    path = pictures / "train" / "dog" / "noise.png"
    noise = np.random.default_rng(1).integers(0, 256, (64, 64, 3), "uint8")
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[:-5000])
    source = source_of(pictures)
    with pytest.raises(UserError, match=r"dog/noise\.png is damaged or cut short"):
        source.read("train", None, (8, 8, 3))
    monkeypatch.setattr(examples, "MEMORY", 10)
    held = source.read("train", None, (8, 8, 3))
    with pytest.raises(UserError, match=r"noise\.png is damaged"), examples.user_errors():
        list(held.in_batches(4))
    labels = labelled_images.labels_of(source, "train")
    held = source.read("train", None, (8, 8, 3))
    assert labelled_images.labels_of(source, "train", None, held).tolist() == labels.tolist()
    assert sorted(labels) == 4 * [0] + 4 * [1], "no picture is decoded for them"


class TinyColours(tfds.core.GeneratorBasedBuilder):
    """Red and blue pictures of one size, with a second label and a number beside them."""

    VERSION = tfds.core.Version("1.0.0")

    def _info(self):
        features = {
            "image": tfds.features.Image(shape=(8, 10, 3)),
            "label": tfds.features.ClassLabel(names=["red", "blue"]),
            "coarse_label": tfds.features.ClassLabel(names=["any"]),
            "number": tf.int64,
        }
        return self.dataset_info_from_configs(features=tfds.features.FeaturesDict(features))

    def _split_generators(self, dl_manager):
        counts = {"train": 40, "test": 10, "hidden": 4}
        return {name: self._generate_examples(name, count) for name, count in counts.items()}

    def _generate_examples(self, split, count):
        for i in range(count):
            image = np.zeros((8, 10, 3), "uint8")
            image[..., 2 * (i % 2)] = 255
            label = -1 if split == "hidden" else i % 2
            yield i, {"image": image, "label": label, "coarse_label": 0, "number": i}


@pytest.fixture(scope="module")
def colours(tmp_path_factory):
    builder = TinyColours(data_dir=tmp_path_factory.mktemp("tfds"))
    builder.download_and_prepare()
    return labelled_images.of_prepared("tiny_colours", builder)


def test_any_data_set_with_an_image_and_a_label(colours):
    assert colours.shape == (8, 10, 3) and colours.classes == ("red", "blue")
    assert (colours.name, colours.version) == ("tiny_colours", "1.0.0")
    for shape in ((8, 10, 3), (16, 16, 3)):
        found = colours.read("test", None, shape).columns
        assert found["image"].shape == (10, *shape) and found["image"].dtype == np.uint8
        assert (found["image"][:, 0, 0, 0] == 255).tolist() == (found["label"] == 0).tolist()
    grey = colours.read("test", 4, (8, 10, 1)).columns["image"]
    assert sorted(set(grey.ravel())) == [29, 76], "the luminance of blue and of red"
    labels = colours.read("validation").columns
    assert list(labels) == ["label"] and len(labels["label"]) == 4


@pytest.mark.parametrize("shape", [None, (8, 10, 3)])
def test_labels_that_are_not_public_are_refused(colours, shape):
    with pytest.raises(UserError, match="The labels of tiny_colours's hidden split are not public"):
        colours.read("hidden", None, shape)


IMAGE, LABEL = tfds.features.Image(), tfds.features.ClassLabel(num_classes=2)
DEEP = tfds.features.Image(shape=(None, None, 1), dtype=np.uint16)


@pytest.mark.parametrize(
    "features, found",
    [
        ({"image": IMAGE, "label": LABEL}, ("image", "label")),
        ({"image": IMAGE, "coarse_label": LABEL, "label": LABEL}, ("image", "label")),
        ({"image": IMAGE, "label": tf.int64}, None),
        ({"text": tfds.features.Text(), "label": LABEL}, None),
        ({"left": IMAGE, "right": IMAGE, "label": LABEL}, None),
        ({"depth": DEEP, "label": LABEL}, None),
    ],
)
def test_which_features_fit(features, found):
    features = tfds.features.FeaturesDict(features)
    assert labelled_images.image_and_label(features) == found


def test_the_sample_in_another_size_and_colour():
    source = labelled_images.of_sample(sample)
    assert source.shape == sample.SHAPE and source.classes == sample.CLASSES
    found = source.read("test", 20, (14, 14, 3)).columns
    images, labels = (column[:20] for column in sample.generate("test"))
    means = images.astype("float64").reshape(20, 14, 2, 14, 2).mean(axis=(2, 4))
    assert found["image"].shape == (20, 14, 14, 3)
    assert abs(found["image"] - means[..., None]).max() <= 1
    np.testing.assert_array_equal(found["label"], labels)
    np.testing.assert_array_equal(source.read("test", 20).columns["label"], labels)
