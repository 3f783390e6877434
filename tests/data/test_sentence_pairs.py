"""Sentences and their translations: read alike from tables, from two texts and from a sample."""

import json
from types import SimpleNamespace

import pytest

from shared.data import prepared, sentence_pairs
from shared.errors import UserError

PAIRS = [(f"Satz {number}", f"sentence {number}") for number in range(20)]
SPLITS = ("train", "validation", "test")
SAMPLE = SimpleNamespace(
    LANGUAGES=("a", "b"),
    SIZES={"train": 3, "test": 2},
    DEFAULTS={"units": 2},
    generate=lambda split: [(f"{split} 1 ", "eins"), (f"{split} 2", "zwei ")],
)


def find(*files, **options):
    options = {"dataset": None, "data_dir": None, "reverse": False} | options
    options["file"] = list(map(str, files)) or None
    return sentence_pairs.find(SimpleNamespace(**options), "multi30k/de_to_en", SAMPLE)


def sides_of(source, split, limit=None):
    return tuple(map(list, source.read(split, limit)))


def pairs_of(source, split):
    return list(zip(*source.read(split), strict=True))


def table(folder, pairs=PAIRS, splits=None, name="own.jsonl"):
    rows = [{"de": source, "en": target} for source, target in pairs]
    for row, split in zip(rows, splits or (), strict=bool(splits)):
        row["split"] = split
    path = folder / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def texts(folder, pairs=PAIRS, names=("own.de", "own.en")):
    paths = [folder / name for name in names]
    for path, side in zip(paths, zip(*pairs, strict=True), strict=True):
        path.write_text("".join(f"{line}\n" for line in side), encoding="utf-8")
    return paths


@pytest.mark.parametrize("of_texts", [False, True])
def test_the_same_pairs_from_a_table_and_from_two_texts(of_texts, tmp_path):
    source = find(*texts(tmp_path)) if of_texts else find(table(tmp_path))
    assert source.splits == SPLITS and source.languages == ("de", "en")
    assert source.name == ("own.de to own.en" if of_texts else "own.jsonl")
    splits = [pairs_of(source, split) for split in SPLITS]
    assert [len(pairs) for pairs in splits] == [16, 2, 2]
    assert sorted(pair for pairs in splits for pair in pairs) == sorted(PAIRS)
    assert list(source.read("train", 3)[1]) == [target for _, target in splits[0][:3]]
    assert pairs_of(find(table(tmp_path)), "test") == splits[2], "drawn alike every time"
    with pytest.raises(UserError, match="no split 'dev'"):
        source.read("dev")


def test_the_version_is_of_the_content_of_both_texts(tmp_path):
    paths = texts(tmp_path)
    version = find(*paths).version
    assert find(*paths).version == version
    paths[1].write_text(paths[1].read_text().replace("sentence 7", "sentence seven"))
    assert find(*paths).version != version


def test_a_csv_names_the_languages_and_the_splits(tmp_path):
    path = tmp_path / "own.csv"
    path.write_text(
        'split,German,English\ntrain,"Ja, bitte. ",Yes\nDev,Nein,No\ntest, Gut,Good\n'
        "train,Danke,Thanks\n"
    )
    source = find(path)
    assert source.languages == ("German", "English")
    assert sides_of(source, "train") == (["Ja, bitte.", "Danke"], ["Yes", "Thanks"])
    assert sides_of(source, "validation") == (["Nein"], ["No"])
    assert sides_of(source, "test") == (["Gut"], ["Good"])


@pytest.mark.parametrize("reverse", [False, True])
def test_a_sentence_that_is_read_is_in_one_split(reverse, tmp_path):
    """In either direction: what is read in the test was never read in training."""
    pairs = [(f"s{n % 10}", f"t{n}") for n in range(40)]
    if reverse:
        pairs = [pair[::-1] for pair in pairs]
    source = find(*texts(tmp_path, pairs), reverse=reverse)
    read = [set(source.read(split)[0]) for split in SPLITS]
    assert len(set.union(*read)) == sum(map(len, read)) == 10
    assert len(source.read("train")[0]) == 4 * len(read[0])


def test_reverse_swaps_the_direction(tmp_path):
    for where in ({"dataset": "sample"}, {"file": table(tmp_path, splits=["train", "test"] * 10)}):
        files = [where.pop("file")] if "file" in where else []
        there, back = (find(*files, reverse=reverse, **where) for reverse in (False, True))
        assert sides_of(back, "test") == sides_of(there, "test")[::-1]
        assert back.languages == there.languages[::-1]
        assert sides_of(back, "test", 1) == sides_of(there, "test", 1)[::-1]


def test_the_sample(tmp_path):
    source = find(dataset="sample")
    assert sides_of(source, "test") == (["test 1", "test 2"], ["eins", "zwei"])
    assert source.languages == ("a", "b") and source.defaults == {"units": 2}


@pytest.mark.parametrize("keys", [("b", "a"), None])
def test_a_prepared_data_set(keys, monkeypatch):
    features = SimpleNamespace(languages=["a", "b"])
    info = SimpleNamespace(supervised_keys=keys, features=features, splits=("train", "test"))
    stored = {"a": ["one ", "two"], "b": ["eins\u2028 ", " zwei"]}
    monkeypatch.setattr(prepared, "read", lambda builder, split, limit: stored)
    source = sentence_pairs.of_prepared("x/y", SimpleNamespace(info=info, version="1.0.0"))
    assert source.languages == (keys or ("a", "b")) and source.splits == SPLITS
    sides = dict(zip(source.languages, sides_of(source, "test"), strict=True))
    assert sides == {"a": ["one", "two"], "b": ["eins", "zwei"]}


def test_pairs_with_an_empty_line_are_left_out(tmp_path):
    pairs = [*PAIRS[:3], ("", ""), ("nur hier", ""), (" ", "only here"), *PAIRS[3:]]
    source = find(*texts(tmp_path, pairs), whole=True)
    assert pairs_of(source, "test") == PAIRS


@pytest.mark.parametrize(
    "ending",
    ["\r\n", "\u2028x\n", "\rx\n", "\r"],
    ids=["of Windows", "a sign within", "a return within", "of old Macs"],
)
def test_only_a_line_feed_ends_a_line(ending, tmp_path):
    for name in ("a.de", "a.en"):
        (tmp_path / name).write_bytes(f"one{ending}two{ending}three{ending}".encode())
    sentences, _ = find(tmp_path / "a.de", tmp_path / "a.en", whole=True).read("test")
    assert len(sentences) == 3 and not any(text.endswith("\r") for text in sentences)


def test_files_that_are_only_measured_on_are_measured_on_whole(tmp_path):
    assert find(table(tmp_path, PAIRS[:1]), whole=True).splits == ("test",)
    named = find(table(tmp_path, PAIRS[:2], ["dev", "test"]), whole=True)
    assert pairs_of(named, "test") == PAIRS[1:2]


@pytest.mark.parametrize(
    "names, languages",
    [
        (("a.de", "b.en"), ("de", "en")),
        (("de.txt", "en.txt"), ()),
        (("german", "english"), ()),
    ],
)
def test_languages_are_the_ends_of_the_names(names, languages, tmp_path):
    assert find(*texts(tmp_path, names=names)).languages == languages


def test_languages_that_are_not_those_of_a_run(tmp_path):
    source = find(table(tmp_path))
    sentence_pairs.check_languages(source, ["de", "en"])
    sentence_pairs.check_languages(source, [])
    sentence_pairs.check_languages(find(*texts(tmp_path, names=("a.txt", "b.txt"))), ["x", "y"])
    with pytest.raises(UserError, match=r"own\.jsonl goes from de to en, but .* from en to de"):
        sentence_pairs.check_languages(source, ["en", "de"])


@pytest.mark.parametrize(
    "files, words",
    [
        ({"a.txt": "one\ntwo\nthree\n", "b.txt": "eins\nzwei\n"}, "b.txt 2: line by line"),
        ({"a.txt": "", "b.txt": "eins\n"}, "a.txt is empty; give one sentence per line"),
        ({"a.txt": "one\n", "b.txt": " \n\n"}, "b.txt is empty"),
        ({"a.txt": "one\n\n", "b.txt": "\neins\n"}, "no line with text on both sides"),
        ({"a.txt": b"one\n\xff\n", "b.txt": "eins\nzwei\n"}, "a.txt, line 2: this is not UTF-8"),
        ({"a.txt": "one\ntwo\n", "b.txt": "eins\nzwei\n"}, "2 different examples can't be parted"),
        ({"a.txt": "one\n"}, "a.txt is not a table"),
        ({"a.txt": "1", "b.txt": "1", "c.txt": "1"}, "--file is given 3 times"),
        ({"a.csv": "de,en\n", "b.csv": "x\n"}, "a.csv is a table, which holds both languages"),
        ({"a.csv": ""}, "a.csv has no rows"),
        ({"a.csv": "de,en\n"}, "a.csv has no rows"),
        ({"a.csv": "de,en,fr\na,b,c\n"}, "has the columns de, en, fr. Give it two"),
        ({"a.csv": "de;en\na;b\n"}, "has the columns de;en. Give it two"),
        ({"a.csv": ",en\n1,b\n2,c\n3,d\n"}, "has the columns , en. Give it two"),
        ({"a.csv": "de,en\na,b\nc,\n"}, "a.csv, line 3: the en is missing"),
        ({"a.csv": "de,en,split\na,b,train\nc,d,train\ne,f,exam\n"}, "there is no split 'exam'"),
        ({"a.csv": "de,en,split\na,b,test\nc,d,dev\n"}, "no example is of the split train"),
        ({"a.jsonl": '{"de": "a", "en": "b"}\n{"de": "c"}\n'}, "line 2: the en is missing"),
    ],
)
def test_bad_files(files, words, tmp_path):
    for name, content in files.items():
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UserError) as refusal:
        find(*(tmp_path / name for name in files))
    assert words in str(refusal.value)


def test_the_same_text_twice(tmp_path):
    path, _ = texts(tmp_path)
    with pytest.raises(UserError, match=r"--file names .*own\.de twice"):
        find(path, path)


def test_files_and_a_data_set_exclude_each_other(tmp_path):
    with pytest.raises(UserError, match="exclude each other"):
        find(table(tmp_path), dataset="multi30k/de_to_en")
