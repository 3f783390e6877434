"""Images with captions, from a data set, a sample and a table of one's own, read alike."""

from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image

from recipes.captioning import sample
from shared.data import captioned_images, examples
from shared.errors import UserError

SHAPE = (16, 24, 3)


class TinyCaptions(tfds.core.GeneratorBasedBuilder):
    """Pictures of one shade, of different size, with two captions or seven."""

    VERSION = tfds.core.Version("1.0.0")

    def _info(self):
        features = {
            "image": tfds.features.Image(),
            "captions": tfds.features.Sequence({"text": tfds.features.Text()}),
        }
        return self.dataset_info_from_configs(features=tfds.features.FeaturesDict(features))

    def _split_generators(self, dl_manager):
        return {"train": self._generate_examples(20), "test": self._generate_examples(4)}

    def _generate_examples(self, count):
        for i in range(count):
            texts = [{"text": f"{i} {word}"} for word in "abcdefg"[: 2 if i % 2 else 7]]
            yield i, {"image": np.full((9 + i, 30, 3), 10 * i, "uint8"), "captions": texts}


def found(file=None, dataset=None, data_dir=None, **options):
    options = {"image_column": "image", "caption_column": "caption"} | options
    options = SimpleNamespace(
        file=file and str(file), dataset=dataset, data_dir=data_dir, **options
    )
    return captioned_images.find(options, "flickr8k", sample, ("flickr8k",))


def captions_of(source, split, limit=None):
    """The captions that are there, as strings: a list for each image."""
    rows = source.read(split, limit).columns["captions"]
    return [[text.decode() for text in row if text] for row in rows]


def test_a_data_set(tmp_path):
    TinyCaptions(data_dir=tmp_path).download_and_prepare()
    source = found(dataset="tiny_captions", data_dir=str(tmp_path))
    assert source.shape == (None, None, 3) and source.splits == ("train", "validation", "test")
    held = source.read("train", None, SHAPE)
    assert held.count == 18 and held.columns["image"].shape == (18, *SHAPE)
    numbers = held.columns["image"][:, 0, 0, 0] // 10
    for number, row in zip(numbers, captions_of(source, "train"), strict=True):
        assert row == [f"{number} {word}" for word in ("ab" if number % 2 else "abcde")]
    assert captions_of(source, "train", 3) == captions_of(source, "train")[:3]


def test_the_sample():
    source = found(dataset="sample")
    assert source.shape == (sample.SIDE, sample.SIDE, 3)
    columns = source.read("test", 5, SHAPE).columns
    assert columns["image"].shape == (5, *SHAPE) and columns["image"].dtype == "uint8"
    assert captions_of(source, "test", 5) == sample.generate("test")[1][:5]
    with pytest.raises(UserError, match="no split 'dev'"):
        source.read("dev")


@pytest.fixture
def table(tmp_path):
    """Twelve pictures in a folder of their own, two captions each, and a copy of the first one."""
    (tmp_path / "own" / "pictures").mkdir(parents=True)
    lines = ["caption,image,note"]
    for number in range(12):
        picture = Image.new("L", (20 + number, 30), 20 * number)
        picture.save(tmp_path / "own" / "pictures" / f"{number}.png")
        lines += [
            f'"A grey, plain thing.",pictures/{number}.png,',
            f"number {number},pictures/../pictures/{number}.png,x",
        ]
    (tmp_path / "own" / "captions.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return tmp_path / "own" / "captions.csv"


def test_a_table_is_split_by_image_the_same_way_every_time(table):
    source = found(table)
    assert (source.name, source.splits) == ("captions.csv", ("train", "validation", "test"))
    splits = {split: captions_of(source, split) for split in source.splits}
    assert [len(rows) for rows in splits.values()] == [10, 1, 1]
    every = [row for rows in splits.values() for row in rows]
    assert sorted(every) == sorted(
        ["A grey, plain thing.", f"number {number}"] for number in range(12)
    )
    for split, rows in splits.items():
        images = found(table).read(split, None, SHAPE).columns["image"]
        assert images.shape[1:] == SHAPE
        for image, row in zip(images, rows, strict=True):
            assert image[0, 0, 0] == 20 * int(row[1].split()[1])


def test_copies_of_an_image_are_in_one_split(table):
    pictures = table.parent / "pictures"
    rows = ["image,caption"]
    for number in range(12):
        content = (pictures / f"{number}.png").read_bytes()
        for copy in range(3):
            (pictures / f"{number}-{copy}.png").write_bytes(content)
            rows.append(f"pictures/{number}-{copy}.png,number {number}")
    table.write_text("\n".join(rows))
    source = found(table)
    said = [{row[0] for row in captions_of(source, split)} for split in source.splits]
    assert sum(map(len, said)) == 12 and set.union(*said) == {f"number {i}" for i in range(12)}


def test_splits_that_the_table_names_are_taken(table):
    rows = ["picture,text,split"]
    for number in range(12):
        split = {0: "test", 1: "val"}.get(number, "train")
        rows += [f"pictures/{number}.png,number {number},{split}"] * 2
    table.write_text("\n".join(rows))
    source = found(table, image_column="picture", caption_column="text")
    assert captions_of(source, "test") == [["number 0"] * 2]
    assert captions_of(source, "validation") == [["number 1"] * 2]
    assert len(captions_of(source, "train")) == 10
    rows[-1] = "pictures/11.png,another,test"
    table.write_text("\n".join(rows))
    with pytest.raises(UserError, match=r"captions.csv, line 25: pictures/11.png .* 'test' here"):
        found(table, image_column="picture", caption_column="text")


def test_a_table_that_is_only_measured_on_is_taken_whole(table):
    source = found(table, whole=True)
    assert source.splits == ("test",) and source.read("test").count == 12
    with pytest.raises(UserError, match="no split 'train'"):
        source.read("train")


def test_the_version_is_of_the_content(table):
    version = found(table).version
    assert found(table).version == version
    picture = table.parent / "pictures" / "3.png"
    kept = picture.read_bytes()
    Image.new("L", (23, 30), 61).save(picture)
    assert found(table).version != version
    picture.write_bytes(kept)
    assert found(table).version == version
    table.write_text(table.read_text().replace("number 3", "number 33"))
    assert found(table).version != version


def test_many_pictures_are_read_from_their_files_in_each_epoch(table, monkeypatch):
    def epochs():
        held = found(table).read("train", None, SHAPE)
        batches = [
            list(examples.batches(held, 4, lambda batch, seed: batch, seed).as_numpy_iterator())
            for seed in (None, [1, 0], [1, 0], [1, 1])
        ]
        return held.columns is not None, batches

    in_memory, expected = epochs()
    monkeypatch.setattr(examples, "MEMORY", 1000)
    from_files, found_there = epochs()
    assert in_memory and not from_files
    for one, other in zip(expected, found_there, strict=True):
        for name in ("image", "captions"):
            left, right = (np.concatenate([batch[name] for batch in all_]) for all_ in (one, other))
            np.testing.assert_array_equal(left, right)
    order = [[batch["captions"][:, 1].tolist() for batch in epoch] for epoch in found_there]
    assert order[1] == order[2] != order[3]


@pytest.mark.parametrize(
    "content, words",
    [
        (b"", "has no rows"),
        (b"image,text\n1.png,A dog.\n", "has no column 'caption'"),
        (b"image,caption\n", "has no rows"),
        (b"image,caption\n1.png,A dog.\nmissing.png,A cat.\n", "line 3: there is no image file"),
        (b"image,caption\n.,A dog.\n", "line 2: there is no image file"),
        (b"image,caption\n1.png,\n", "line 2: the caption is missing"),
        (b"image,caption\n,A dog.\n", "line 2: the image is missing"),
        (b"image,caption\n1.png\n", "line 2: 1 cells, but 2 columns"),
        (b"image,caption\n1.png,\xff\n", "line 2: this is not UTF-8"),
        (b"image,caption\n1.png,A dog.\n2.png,A cat.\n", "2 different examples"),
        (b"image,caption,split\n1.png,A,train\n2.png,B,blue\n", "there is no split 'blue'"),
    ],
)
def test_a_table_that_is_refused(tmp_path, content, words):
    for number in (1, 2):
        Image.new("RGB", (8, 8), (number, 0, 0)).save(tmp_path / f"{number}.png")
    (tmp_path / "own.csv").write_bytes(content)
    with pytest.raises(UserError) as caught:
        found(tmp_path / "own.csv")
    assert words in str(caught.value) and "own.csv" in str(caught.value)


def test_an_image_that_is_none_is_refused_before_anything_is_trained(table):
    (table.parent / "pictures" / "5.png").write_text("no picture")
    with pytest.raises(UserError, match=r"captions.csv, line 12: .*5.png is not a picture"):
        found(table)


def test_an_image_that_is_cut_short_is_named_when_it_is_read(table):
    path = table.parent / "pictures" / "5.png"
    Image.effect_noise((99, 99), 50).save(path)
    path.write_bytes(path.read_bytes()[:2000])
    source = found(table)
    with pytest.raises(UserError, match=r"5.png is damaged or cut short"):
        for split in source.splits:
            source.read(split, None, SHAPE)
