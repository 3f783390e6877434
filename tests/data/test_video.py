"""Videos from files and folders: frames in order, of one size; a clear line for what is none."""

import contextlib
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from shared.data import video
from shared.errors import UserError

FRAMES = [np.full((9, 12), 20 * t, "uint8") for t in range(12)]


def write_animation(path, **more):
    first, *others = [Image.fromarray(frame) for frame in FRAMES]
    first.save(path, save_all=True, append_images=others, duration=40, **more)
    return path


@pytest.mark.parametrize("ending", ["gif", "png", "webp"])
def test_animations(ending, tmp_path):
    path = write_animation(tmp_path / f"clip.{ending}", lossless=True)
    found = video.read_video(path, 6, 4, 1)
    assert found.shape == (12, 6, 4, 1) and found.dtype == np.uint8
    assert abs(found[:, 0, 0, 0].astype(int) - 20 * np.arange(12)).max() <= 2
    assert (found == found[:, :1, :1]).all()
    if ending == "gif":
        assert video.frame_rate(path) == 25
    colour = video.read_video(path, 9, 12, 3)
    assert colour.shape == (12, 9, 12, 3)


def test_folder_in_order_of_the_numbers_in_the_names(tmp_path):
    for t, frame in enumerate(FRAMES):
        Image.fromarray(frame).convert("RGB").save(tmp_path / f"frame{t}.png")
    (tmp_path / "notes.txt").write_text("no picture")
    found = video.read_video(tmp_path, 9, 12, 1)
    assert found[:, 0, 0, 0].tolist() == [20 * t for t in range(12)]
    assert video.frame_rate(tmp_path) is None


def test_transparent_is_white_and_a_still_picture_one_frame(tmp_path):
    picture = Image.new("RGBA", (8, 8), (0, 0, 0, 0))
    picture.save(tmp_path / "still.png")
    found = video.read_video(tmp_path / "still.png", 4, 4, 1)
    assert found.shape == (1, 4, 4, 1) and (found == 255).all()


@pytest.mark.parametrize(
    "name, content, words",
    [
        ("clip.mp4", b"", r"clip\.mp4 is empty \(0 bytes\)"),
        ("clip.gif", b"", r"clip\.gif is empty \(0 bytes\)"),
        ("text.png", b"This is a text. " * 9, r"text\.png is not a picture, though its name"),
        ("clip.gif", "cut", r"clip\.gif is not a video, or damaged"),
        ("still.png", "cut", r"still\.png is not a video, or damaged"),
        ("nowhere.mp4", None, r"Can't read .*nowhere\.mp4: No such file"),
    ],
)
def test_refused(name, content, words, tmp_path):
    path = tmp_path / name
    if content == "cut":
        if name == "clip.gif":
            write_animation(path)
        else:
            noise = np.random.default_rng(1).integers(0, 255, (90, 90), "uint8")
            Image.fromarray(noise).save(path)
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    elif content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=words):
        video.read_video(path, 4, 4, 1)


def test_a_gif_without_colours(tmp_path):
    """What fails when a frame is brought into its size was a traceback."""
    path = write_animation(tmp_path / "clip.gif")
    content = bytearray(path.read_bytes())
    content[10] &= 0x7F  # says that there is no table of colours
    path.write_bytes(content)
    with pytest.raises(UserError, match="damaged"):
        video.read_video(path, 4, 4, 1)


def test_large_frames_of_a_small_file(tmp_path):
    path = write_animation(tmp_path / "clip.gif")
    content = path.read_bytes()
    path.write_bytes(content[:6] + (9000).to_bytes(2, "little") * 2 + content[10:])
    with pytest.raises(UserError, match=r"too large: 9000 x 9000 pixels\. Make it smaller than 10"):
        video.read_video(path, 4, 4, 1)


def test_folder_without_pictures(tmp_path):
    (tmp_path / "notes.txt").write_text("no picture")
    with pytest.raises(UserError, match="holds no pictures"):
        video.read_video(tmp_path, 4, 4, 1)


def test_without_pyav_its_name_is_told(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)  # as if it were not installed
    (tmp_path / "clip.mp4").write_bytes(b"\0\0\0\x18ftypmp42" * 9)
    with pytest.raises(UserError, match=r"To read .*clip\.mp4 PyAV is needed .*pip install av"):
        video.read_video(tmp_path / "clip.mp4", 4, 4, 1)


class FakeContainer(contextlib.AbstractContextManager):
    """What `av.open` gives, as far as it is used."""

    def __init__(self, file, frames=FRAMES, streams=1):
        stream = SimpleNamespace(average_rate=30)
        self.streams = SimpleNamespace(video=[stream] * streams)
        self.frames = frames

    def decode(self, video):
        for frame in self.frames:
            if frame is None:
                raise OSError(22, "Invalid data found")
            yield SimpleNamespace(
                to_image=lambda frame=frame: Image.fromarray(frame).convert("RGB"),
                to_ndarray=lambda format, frame=frame: {"gray": frame}[format],
            )

    def close(self):
        pass

    def __exit__(self, *error):
        self.close()


def fake_av(monkeypatch, **arguments):
    av = SimpleNamespace(open=lambda file: FakeContainer(file, **arguments))
    monkeypatch.setitem(sys.modules, "av", av)


def test_any_other_video_is_decoded_by_pyav(tmp_path, monkeypatch):
    fake_av(monkeypatch)
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"a video")
    found = video.read_video(path, 3, 4, 1)
    assert found.shape == (12, 3, 4, 1)
    assert found[:, 0, 0, 0].tolist() == [20 * t for t in range(12)]
    assert video.frame_rate(path) == 30
    with open(path, "rb") as file:
        np.testing.assert_array_equal(video.decode_grey(file, "clip"), np.stack(FRAMES))


@pytest.mark.parametrize(
    "arguments, words",
    [
        ({"frames": [FRAMES[0], None]}, r"damaged \(Invalid data found\)"),
        ({"frames": []}, "holds no frames"),
        ({"streams": 0}, "holds no pictures"),
    ],
)
def test_what_pyav_cannot_decode(arguments, words, tmp_path, monkeypatch):
    fake_av(monkeypatch, **arguments)
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"a video")
    with pytest.raises(UserError, match=words):
        video.read_video(path, 3, 4, 1)


def test_frames_come_one_by_one(tmp_path, monkeypatch):
    """A stream is labelled as it is read: what follows is not touched before it is asked for."""
    fake_av(monkeypatch, frames=[*FRAMES[:3], None])
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"a video")
    frames = video.frames_of(path, 9, 12, 1)
    assert [next(frames)[0, 0, 0] for _ in range(3)] == [0, 20, 40]
    with pytest.raises(UserError, match="damaged"):
        next(frames)
