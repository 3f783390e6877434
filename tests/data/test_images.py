"""Pictures as people have them: every colour mode and format, and files that are no pictures."""

import numpy as np
import pytest
from PIL import Image

from shared.data import images, video
from shared.data.images import read_image, read_images
from shared.errors import UserError

RED, GREY_OF_RED, HALF = (255, 0, 0), 76, 128


@pytest.fixture
def picture():
    """Red on the left, white on the right."""
    array = np.full((40, 60, 3), 255, "uint8")
    array[:, :30] = RED
    return Image.fromarray(array)


@pytest.mark.parametrize("ending", ["png", "jpg", "gif", "bmp", "webp", "tiff", "ppm"])
def test_every_format(tmp_path, picture, ending):
    picture.save(tmp_path / f"picture.{ending}", quality=100)
    found = read_image(tmp_path / f"picture.{ending}", 4, 6, 3)
    assert found.shape == (4, 6, 3) and found.dtype == np.uint8
    np.testing.assert_allclose(found[:, 0], np.tile(RED, (4, 1)), atol=6)
    np.testing.assert_allclose(found[:, -1], 255, atol=6)
    grey = read_image(tmp_path / f"picture.{ending}", 4, 6, 1)
    assert grey.shape == (4, 6, 1)
    np.testing.assert_allclose(grey[:, 0], GREY_OF_RED, atol=3)


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGBA", "CMYK", "YCbCr", "I", "I;16", "F"])
def test_every_colour_mode(tmp_path, mode):
    bright = np.zeros((8, 8), "uint8")
    bright[:, 4:] = 255
    if mode == "I;16":
        converted = Image.fromarray(bright.astype("uint16") * 257)
    else:
        converted = Image.fromarray(bright).convert(mode)
    path = tmp_path / ("picture.tiff" if mode in ("CMYK", "YCbCr", "I", "F") else "picture.png")
    converted.save(path)
    for channels in (1, 3):
        found = read_image(path, 2, 2, channels)
        np.testing.assert_allclose(found[:, 0], 0, atol=2)
        np.testing.assert_allclose(found[:, 1], 255, atol=2)


def test_shrinking_takes_means(tmp_path):
    """Every new pixel the mean of those that it covers; against NumPy."""
    array = np.random.default_rng(1).integers(0, 256, (12, 20, 3), "uint8")
    Image.fromarray(array).save(tmp_path / "picture.png")
    expected = array.reshape(4, 3, 5, 4, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(read_image(tmp_path / "picture.png", 4, 5, 3), expected, atol=1)


def test_transparency_shows_white(tmp_path):
    clear = np.zeros((4, 4, 4), "uint8")
    clear[:2] = (0, 0, 0, HALF)
    Image.fromarray(clear).save(tmp_path / "clear.png")
    found = read_image(tmp_path / "clear.png", 4, 4, 3)
    assert (found[2:] == 255).all()
    np.testing.assert_allclose(found[:2], 127, atol=1)


def test_transparent_palette(tmp_path):
    palette = Image.new("P", (2, 1))
    palette.putpalette([0, 0, 0, 10, 20, 30])
    palette.putpixel((1, 0), 1)
    palette.save(tmp_path / "palette.gif", transparency=0)
    assert read_image(tmp_path / "palette.gif", 1, 2, 3).tolist() == [[[255] * 3, [10, 20, 30]]]


def test_animation_gives_its_first_frame(tmp_path):
    first, *others = [Image.new("RGB", (5, 5), colour) for colour in ("red", "blue", "green")]
    first.save(tmp_path / "moving.gif", save_all=True, append_images=others, duration=50)
    assert (read_image(tmp_path / "moving.gif", 2, 2, 3) == RED).all()


def test_rotation_of_the_camera_is_applied(tmp_path, picture):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter, clockwise: what is left comes to the top
    picture.save(tmp_path / "turned.jpg", exif=exif, quality=100)
    found = read_image(tmp_path / "turned.jpg", 6, 4, 3)
    np.testing.assert_allclose(found[0], np.tile(RED, (4, 1)), atol=6)
    np.testing.assert_allclose(found[-1], 255, atol=6)


def test_a_very_wide_picture_is_read(tmp_path):
    wide = np.zeros((10, 20_000), "uint8")
    wide[:, 10_000:] = 200
    Image.fromarray(wide).save(tmp_path / "wide.png")
    assert read_image(tmp_path / "wide.png", 1, 2, 1).tolist() == [[[0], [200]]]


def test_too_large_a_picture_is_refused_before_it_is_unpacked(tmp_path, monkeypatch):
    Image.new("1", (20_000, 20_000)).save(tmp_path / "bomb.png")
    monkeypatch.setattr(Image.Image, "convert", None)
    with pytest.raises(UserError, match=r"bomb.png is too large"):
        read_image(tmp_path / "bomb.png", 4, 4, 1)
    monkeypatch.setattr(images, "LARGEST", 99)
    Image.new("1", (10, 10)).save(tmp_path / "over.png")
    with pytest.raises(UserError, match=r"over.png is too large: 10 x 10 pixels"):
        read_image(tmp_path / "over.png", 4, 4, 1)


def test_pillow_does_not_warn_of_what_is_read(tmp_path, picture, monkeypatch, recwarn):
    picture.save(tmp_path / "picture.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", picture.width * picture.height - 1)
    assert read_image(tmp_path / "picture.png", 4, 6, 3).shape == (4, 6, 3)
    assert video.read_video(tmp_path / "picture.png", 4, 6, 3).shape == (1, 4, 6, 3)
    assert not recwarn.list


@pytest.mark.parametrize("ending", ["png", "jpg", "gif", "webp", "tiff"])
@pytest.mark.parametrize("kept", [0.05, 0.5, 0.9])
def test_cut_short(tmp_path, ending, kept):
    noise = np.random.default_rng(1).integers(0, 256, (64, 64, 3), "uint8")
    path = tmp_path / f"cut.{ending}"
    Image.fromarray(noise).save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(kept * len(whole))])
    with pytest.raises(UserError, match=r"cut\.\w+ is ") as error:
        read_image(path, 4, 4, 3)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "content, words",
    [
        (b"", "is empty"),
        (b"Dear reader, this is a text.\n" * 9, "is not a picture"),
        (b"\x89PNG\r\n\x1a\n" + b"\x00" * 99, "is (damaged|not a picture)"),
        (b"\xff\xd8\xff" + bytes(range(256)), "is (damaged|not a picture)"),
        (b"GIF89a\x00\x00", "is (damaged|not a picture)"),
    ],
)
def test_no_pictures(tmp_path, content, words):
    (tmp_path / "x.png").write_bytes(content)
    with pytest.raises(UserError, match=f"x.png {words}"):
        read_image(tmp_path / "x.png", 4, 4, 3)


def test_damage_anywhere_never_escapes_as_another_error(tmp_path, picture):
    """Bytes changed at random: either a picture comes out, or one clear line."""
    draw = np.random.default_rng(1)
    for ending in ("png", "jpg", "gif", "webp"):
        path = tmp_path / f"x.{ending}"
        picture.save(path)
        whole = np.frombuffer(path.read_bytes(), "uint8")
        for _ in range(60):
            damaged = whole.copy()
            damaged[draw.integers(0, len(whole), 5)] = draw.integers(0, 256, 5)
            path.write_bytes(damaged.tobytes())
            try:
                assert read_image(path, 4, 4, 3).shape == (4, 4, 3)
            except UserError as error:
                assert str(path) in str(error)


def test_missing_and_folder(tmp_path):
    with pytest.raises(UserError, match=r"Can't read .*none.png: No such file"):
        read_image(tmp_path / "none.png", 4, 4, 3)
    with pytest.raises(UserError, match="is a folder"):
        read_image(tmp_path, 4, 4, 3)


def test_several_in_their_order(tmp_path):
    paths = [tmp_path / f"{shade}.png" for shade in (9, 3, 6)]
    for path in paths:
        Image.new("L", (3, 3), int(path.stem)).save(path)
    found = read_images(paths, 2, 2, 1)
    assert found.shape == (3, 2, 2, 1) and found[:, 0, 0, 0].tolist() == [9, 3, 6]


@pytest.mark.parametrize(
    "mode, channels",
    [("1", 1), ("L", 1), ("LA", 1), ("I;16", 1), ("P", 3), ("RGB", 3), ("RGBA", 3)],
)
def test_the_shape_of_a_picture_in_its_file(tmp_path, mode, channels):
    Image.new(mode, (6, 4)).save(tmp_path / "picture.png")
    assert images.shape_of(tmp_path / "picture.png") == (4, 6, channels)


def test_the_shape_of_a_picture_whose_camera_was_held_upright(tmp_path):
    exif = Image.Exif()
    exif[images.ORIENTATION] = 6
    Image.new("RGB", (6, 4)).save(tmp_path / "picture.jpg", exif=exif)
    assert images.shape_of(tmp_path / "picture.jpg") == (6, 4, 3)


def test_no_shape_of_what_is_no_picture(tmp_path):
    (tmp_path / "picture.png").write_bytes(b"no picture")
    with pytest.raises(UserError, match="is not a picture"):
        images.shape_of(tmp_path / "picture.png")
