"""Whatever is in a file: each reader gives a result, or a UserError of one line.

Files of random bytes, and whole ones with a few changes. With `--faults` there are `MANY` of them
for each reader, else `FEW`, the same ones every time.
"""

import io
import itertools
import json
import resource
import sys
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from tensorflow import data as _  # noqa: F401  its memory isn't that of a reader

from shared.data import (
    captioned_images,
    images,
    labelled_images,
    labelled_texts,
    labelled_videos,
    running_text,
    sentence_pairs,
    subwords,
    tables,
    text,
    video,
)
from shared.errors import LONGEST, UserError
from shared.files import read_json

FEW, MANY = 100, 10_000
SECONDS = 10  # for one file
MEMORY = 2**30  # bytes, by which the process may grow: what the largest picture takes


def picture(kind, **more):
    """The bytes of a small picture, or with `save_all` of an animation."""
    content = io.BytesIO()
    frames = [Image.new("RGB", (12, 9), (20 * number, 90, 10)) for number in range(3)]
    if more.get("save_all"):
        more["append_images"] = frames[1:]
    frames[0].save(content, kind, **more)
    return content.getvalue()


PICTURES = {kind: picture(kind) for kind in ("png", "jpeg", "gif", "tiff", "webp", "bmp")}
ANIMATIONS = {kind: picture(kind, save_all=True, duration=40) for kind in ("gif", "png", "webp")}

TEXTS = [
    'text,label,split\n"Great, and ""short"".",good,train\nNot mine.,bad,test\nOh.,good,val\n',
    "text\tlabel\nGreat.\tgood\nNot mine.\tbad\nSo so.\tfair\nOh.\tgood\nNo.\tbad\n",
    "".join(json.dumps({"text": f"é {n}", "label": n % 2}) + "\n" for n in range(6)),
]
PAIRS = ["de,en\nEin Hund.,A dog.\nZwei.,Two.\nDrei.,Three.\nVier.,Four.\nFünf.,Five.\n"]
CAPTIONS = ["image,caption\n" + "".join(f"{n}.png,picture {n}\n" for n in range(4))]
DAYS = ("mon", "tue", "wed", "thu")
CLIPS = ["".join(["clip,frame,label\n", *(f"{c},0.png,a\n{c},1.png,b\n" for c in DAYS)])]
WORDS = ["\n[UNK]\nthe\na\ndog\n"]
OBJECTS = [json.dumps({"name": "é", "numbers": [1, 2.5, None, {"deep": [True]}]}, indent=2)]
PIECES = [subwords.learn([f"ein Hund läuft {n}" for n in range(9)], 300).serialized_model_proto()]

AWKWARD = ['"', '""', ",", "\t", "\n", "\r", "\r\n", ";", "\0", "\ufeff", "\u2028", "\x1c"]
AWKWARD += ["text", "label", "split", "train", "test", "good", "image", "caption", "de", "en"]
AWKWARD += ["{", "}", "[", "]", ":", '"text":', '"label":', "\\ud800", "NaN", "1e999", "-", "0"]
AWKWARD += [" ", "..", "/", "é", ",".join(map(str, range(20_000)))]
AWKWARD += ["x" * 200_000, "9" * 5000, "[" * 100_000, '{"a":' * 50_000, "x," * 5000, "\n" * 50_000]


ENCODINGS = ("utf-8", "utf-16", "utf-8-sig", "utf-16-be")

# A file is drawn as this plan, since hypothesis keeps whatever it draws: which whole file, what is
# put into it where (`AWKWARD` by number), in which encoding, and then changes of bytes, most of
# them near the beginning: where, how many are taken, and what takes their place.
PLACES = st.integers(0, 40) | st.integers(0, 2**16)
PLANS = st.tuples(
    st.integers(0, 100),
    PLACES,
    st.lists(st.integers(0, len(AWKWARD) - 1), max_size=12),
    st.sampled_from(ENCODINGS),
    st.lists(
        st.tuples(
            PLACES,
            st.integers(0, 8) | st.just(2**16),
            st.binary(max_size=8) | st.sampled_from([b"\xff" * 4, b"\0" * 4, b"\x7f\xff"]),
        ),
        max_size=6,
    ),
)


def content_of(wholes, plan):
    """The bytes of the file that a plan describes; those of pictures have no awkward texts."""
    number, place, pieces, encoding, changes = plan
    whole = [*wholes, wholes[0][:0]][number % (len(wholes) + 1)]
    if isinstance(whole, str):
        pieces = "".join(AWKWARD[piece] for piece in pieces)
        whole = edited(whole, [(place, 0, pieces)]).encode(encoding)
    return edited(whole, changes)


def edited(content, changes):
    for place, taken, put in changes:
        place %= len(content) + 1
        content = content[:place] + put + content[place + taken :]
    return content


def options_of(**more):
    columns = {"text_column": "text", "label_column": "label"}
    columns |= {"image_column": "image", "caption_column": "caption"}
    return SimpleNamespace(**{"dataset": None, "file": None, **columns, **more})


def written(folder, name, content):
    (folder / name).write_bytes(content)
    return folder / name


def with_pictures(folder, names):
    """Pictures that are whole and all different, beside the file that is not."""
    if not (folder / names[0]).exists():
        for number, name in enumerate(names):
            (folder / name).parent.mkdir(exist_ok=True)
            written(folder, name, PICTURES["png"] + bytes([number]))


def read_table(folder, content, choice):
    path = written(folder, f"table.{('csv', 'tsv', 'jsonl')[choice % 3]}", content)
    tables.column_names(path)
    tables.read_table(path, ("text", "label"), optional=("split",))


def read_texts(folder, content, choice):
    path = written(folder, f"texts.{('csv', 'tsv', 'jsonl')[choice % 3]}", content)
    source = labelled_texts.find(options_of(file=path, whole=choice > 2), None, None)
    found, labels = source.read(source.splits[0])
    assert len(list(found)) == len(labels) > 0


def read_pairs(folder, content, choice):
    if choice % 2:
        files = [written(folder, "pairs.csv", content)]
    else:
        files = [written(folder, "a.de", content), written(folder, "a.en", b"One.\nTwo.\nThree.")]
    options = options_of(file=files, reverse=choice > 1, whole=choice > 3)
    source = sentence_pairs.find(options, None, None)
    assert all(itertools.chain(*source.read(source.splits[0])))


def read_running_text(folder, content, choice):
    path = written(folder, "book.txt", content)
    source = running_text.find(options_of(file=path, whole=choice > 1), None, None)
    assert all(source.read(source.splits[0]))


def read_captions(folder, content, choice):
    with_pictures(folder, [f"{number}.png" for number in range(4)])
    path = written(folder, "captions.csv", content)
    source = captioned_images.find(options_of(file=path, whole=choice > 2), None, None)
    source.read(source.splits[0])


def read_clips(folder, content, choice):
    with_pictures(folder, [f"{clip}/{n}.png" for clip in DAYS for n in (0, 1)])
    written(folder, "labels.csv", content)
    source = labelled_videos.find(options_of(folder=folder, whole=choice > 2), None, None)
    source.read(source.splits[0])


def read_picture(folder, content, choice):
    path = written(folder, f"picture.{[*PICTURES][choice]}", content)
    height, width, channels = images.shape_of(path)
    assert images.read_image(path, 8, 8, channels).shape == (8, 8, channels)
    assert height > 0 and width > 0


def read_classes(folder, content, choice):
    with_pictures(folder, [f"{name}/{n}.png" for name in ("cat", "dog") for n in (1, 2, 3)])
    written(folder, "cat/0.png", content)
    source = labelled_images.find(options_of(folder=folder, whole=choice > 2), None, None)
    assert len(source.shape) == 3


def read_video(folder, content, choice):
    path = written(folder, f"clip.{('gif', 'png', 'webp', 'jpg', 'mp4', 'clip')[choice]}", content)
    assert video.read_video(path, 8, 8, 3).shape[1:] == (8, 8, 3)
    video.frame_rate(path)


def read_video_folder(folder, content, choice):
    with_pictures(folder, ["1.png", "2.png"])
    written(folder, "0.png", content)
    assert len(video.read_video(folder, 8, 8, 1)) == 3


def read_object(folder, content, choice):
    read_json(written(folder, "config.json", content))


def read_vocabulary(folder, content, choice):
    assert len(text.load_vocabulary(written(folder, "vocabulary.txt", content))) > 1


def read_pieces(folder, content, choice):
    pieces = subwords.load(written(folder, "subwords.model", content))
    subwords.decode(pieces, subwords.encode(pieces, ["ein Hund"])[0])


READERS = {
    read_table: TEXTS,
    read_texts: TEXTS,
    read_pairs: PAIRS,
    read_running_text: ["A line of a book. " * 100],
    read_captions: CAPTIONS,
    read_clips: CLIPS,
    read_picture: [*PICTURES.values()],
    read_classes: [*PICTURES.values()],
    read_video: [*ANIMATIONS.values(), PICTURES["jpeg"]],
    read_video_folder: [*PICTURES.values()],
    read_object: OBJECTS,
    read_vocabulary: WORDS,
    read_pieces: PIECES,
}


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.__name__)
def test_a_result_or_one_line(reader, tmp_path_factory, pytestconfig, injected):
    many = pytestconfig.getoption("--faults")

    @settings(
        max_examples=MANY if many else FEW,
        deadline=1000 * SECONDS,
        derandomize=not many,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(PLANS, st.integers(0, 5))
    def check(plan, choice):
        survives(content_of(wholes, plan), choice)

    def survives(content, choice):
        """Whether there is a result."""
        try:
            reader(folder, content, choice)
            return True
        except UserError as error:
            assert len(str(error).splitlines()) == 1 and len(str(error)) <= LONGEST

    folder, wholes = tmp_path_factory.mktemp(reader.__name__), READERS[reader]
    whole = [content_of(wholes, (number, 0, [], "utf-8", [])) for number in range(len(wholes))]
    assert all(any(survives(each, choice) for choice in range(6)) for each in whole)
    before = peak()
    check()
    assert peak() - before < MEMORY
    injected(f"fuzzed files, {reader.__name__}", MANY if many else FEW)


def peak():
    """The most memory that this process has had, in bytes."""
    unit = 1 if sys.platform == "darwin" else 1024
    return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
