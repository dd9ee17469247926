"""One rendition: its size, its colours, its upright, and what is said of a broken file."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageCms

from outrider.demo.resize import PhotoError, dimensions, formats, resize

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def quarters(width: int = 80, height: int = 40) -> Image.Image:
    """Red above green on the left, blue above white on the right."""
    image = Image.new("RGB", (width, height))
    half = (width // 2, height // 2)
    for colour, corner in (
        (RED, (0, 0)),
        (BLUE, (half[0], 0)),
        (GREEN, (0, half[1])),
        (WHITE, half),
    ):
        image.paste(colour, (*corner, corner[0] + half[0], corner[1] + half[1]))
    return image


def corners(path: Path) -> list[tuple[int, ...]]:
    """The colours in the middle of the four quarters, rounded to black and full."""
    with Image.open(path) as opened:
        image = opened.convert("RGB")
    x, y = image.width // 4, image.height // 4
    points = [(x, y), (3 * x, y), (x, 3 * y), (3 * x, 3 * y)]
    pixels = [image.getpixel(point) for point in points]
    return [tuple(255 * (value > 127) for value in pixel) for pixel in pixels]  # type: ignore[union-attr]


def saved(image: Image.Image, path: Path, **options: Any) -> str:
    image.save(path, **options)
    return str(path)


@pytest.mark.parametrize("format", formats())
def test_every_format_is_written_in_the_width_asked_for(tmp_path: Path, format: str) -> None:
    source, target = saved(quarters(), tmp_path / "a.png"), tmp_path / "deep" / "er" / "b"
    info = resize(source, str(target), 32, format)
    with Image.open(target) as image:
        assert image.format == format.upper()
        assert image.size == (32, 16) == (info["width"], info["height"])
    assert target.stat().st_size == info["bytes"]
    assert corners(target) == [RED, BLUE, GREEN, WHITE]


@pytest.mark.parametrize("format", formats())
def test_the_same_call_writes_the_same_file_and_leaves_no_other(
    tmp_path: Path, format: str
) -> None:
    source, target = saved(quarters(), tmp_path / "a.png"), tmp_path / "out" / "b"
    resize(source, str(target), 32, format)
    first = target.read_bytes()
    resize(source, str(target), 32, format)
    assert target.read_bytes() == first
    assert list(target.parent.iterdir()) == [target]


def test_a_small_picture_is_not_enlarged(tmp_path: Path) -> None:
    info = resize(saved(quarters(), tmp_path / "a.png"), str(tmp_path / "b"), 500, "png")
    assert (info["width"], info["height"]) == (80, 40)


@pytest.mark.parametrize(("suffix", "large"), [("jpg", 8), ("tif", 1), ("png", 1), ("webp", 1)])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_stands_upright_whatever_its_exif(
    tmp_path: Path, orientation: int, suffix: str, large: int
) -> None:
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    image = quarters(80 * large, 40 * large)
    stored = image.transpose(undo[orientation]) if orientation > 1 else image
    exif = Image.Exif()
    exif[0x0112] = orientation
    source = saved(stored, tmp_path / f"a.{suffix}", exif=exif)
    info = resize(source, str(tmp_path / "b"), 40, "png")
    assert (info["width"], info["height"]) == (40, 20)
    assert corners(tmp_path / "b") == [RED, BLUE, GREEN, WHITE]
    assert dimensions(source) == (80 * large, 40 * large)


def test_a_long_picture_that_must_be_turned_is_decoded_large_enough(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    source = saved(Image.new("RGB", (1600, 200)), tmp_path / "a.jpg", exif=exif)
    info = resize(source, str(tmp_path / "b"), 150, "png")
    assert (info["width"], info["height"]) == (150, 1200)


@pytest.mark.parametrize("format", formats())
@pytest.mark.parametrize(
    "mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "I;16", "I", "F", "LAB"]
)
def test_every_mode_can_be_written_in_every_format(tmp_path: Path, mode: str, format: str) -> None:
    image = quarters()
    if mode == "LAB":
        srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
        converted = ImageCms.profileToProfile(image, srgb, lab, outputMode="LAB")
        assert converted is not None
        image = converted
    elif mode in ("LA", "I;16", "I", "F"):
        image = image.convert("L").convert(mode)
    else:
        image = image.convert(mode)
    info = resize(saved(image, tmp_path / "a.tif"), str(tmp_path / "b"), 40, format)
    assert (info["width"], info["height"]) == (40, 20)
    if mode in ("RGB", "RGBA", "CMYK", "YCbCr", "LAB"):
        assert corners(tmp_path / "b") == [RED, BLUE, GREEN, WHITE]


def test_sixteen_bits_keep_their_brightness(tmp_path: Path) -> None:
    image = Image.new("I;16", (20, 10), 32_768)
    resize(saved(image, tmp_path / "a.png"), str(tmp_path / "b"), 10, "png")
    with Image.open(tmp_path / "b") as written:
        assert written.mode == "L"
        assert written.getpixel((5, 2)) in (127, 128)


def test_transparency_stays_and_is_white_in_a_jpeg(tmp_path: Path) -> None:
    source = saved(Image.new("RGBA", (20, 10), (0, 0, 0, 0)), tmp_path / "a.png")
    resize(source, str(tmp_path / "b.webp"), 10, "webp")
    resize(source, str(tmp_path / "b.jpg"), 10, "jpeg")
    with Image.open(tmp_path / "b.webp") as image:
        assert image.convert("RGBA").getpixel((5, 2))[3] == 0  # type: ignore[index]
    assert corners(tmp_path / "b.jpg") == [WHITE] * 4


@pytest.mark.parametrize("suffix", ["gif", "webp"])
def test_of_an_animation_the_first_frame_is_taken(tmp_path: Path, suffix: str) -> None:
    rest = [Image.new("RGB", (20, 10), BLUE), Image.new("RGB", (20, 10), GREEN)]
    first = Image.new("RGB", (20, 10), RED)
    source = saved(first, tmp_path / f"a.{suffix}", save_all=True, append_images=rest)
    resize(source, str(tmp_path / "b"), 10, "png")
    assert corners(tmp_path / "b") == [RED] * 4


@pytest.mark.parametrize("format", formats())
def test_neither_place_nor_profile_gets_onto_the_web(tmp_path: Path, format: str) -> None:
    exif = Image.Exif()
    exif[0x010E] = "SECRET"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    source = saved(quarters(), tmp_path / "a.jpg", exif=exif, icc_profile=profile)
    resize(source, str(tmp_path / "b"), 40, format)
    written = (tmp_path / "b").read_bytes()
    assert b"SECRET" not in written
    with Image.open(tmp_path / "b") as image:
        assert not image.info.get("icc_profile")


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_damaged_metadata_is_no_reason_to_refuse_a_picture(tmp_path: Path) -> None:
    broken = b"Exif\0\0MM\0*\xff\xff\xff\xff"
    source = saved(quarters(), tmp_path / "a.jpg", exif=broken, icc_profile=b"nonsense")
    resize(source, str(tmp_path / "b"), 40, "webp")
    assert corners(tmp_path / "b") == [RED, BLUE, GREEN, WHITE]


def test_a_very_tall_picture_fits_every_format(tmp_path: Path) -> None:
    source = saved(Image.new("L", (100, 40_000)), tmp_path / "a.png")
    info = resize(source, str(tmp_path / "b"), 100, "webp")
    assert info["height"] == 16_000
    assert info["width"] == 40


def bomb(path: Path) -> None:
    """A small PNG whose header speaks of a picture of 20,000 by 20,000 pixels."""
    header = struct.pack(">IIBBBBB", 20_000, 20_000, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"")), (b"IEND", b"")]
    packed = [
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    ]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(packed))


def truncated(path: Path) -> None:
    Image.effect_noise((200, 200), 90).save(path, "JPEG")
    path.write_bytes(path.read_bytes()[:5000])


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda path: path.write_text("no picture"), "cannot identify image file"),
        (lambda path: path.touch(), "the file is empty"),
        (lambda path: None, "no such file or directory"),
        (lambda path: path.mkdir(), "is a directory"),
        (lambda path: path.symlink_to(path), "too many levels of symbolic links"),
        (truncated, "image file is truncated"),
        (bomb, "too large to be safe: image size (400000000 pixels)"),
    ],
)
def test_a_broken_file_fails_with_its_path_and_the_reason(
    tmp_path: Path, make: Callable[[Path], object], reason: str
) -> None:
    source, target = tmp_path / "broken.jpg", tmp_path / "out" / "b"
    make(source)
    with pytest.raises(PhotoError) as caught:
        resize(str(source), str(target), 40, "png")
    assert str(caught.value).lower().startswith(f"{source}: {reason}".lower())
    assert "\n" not in str(caught.value)
    assert not target.parent.exists()


def test_what_cannot_be_written_says_so_and_leaves_the_old_file(tmp_path: Path) -> None:
    source, target = saved(quarters(), tmp_path / "a.png"), tmp_path / "folder"
    (target / "inside").mkdir(parents=True)
    with pytest.raises(PhotoError, match="cannot be written as png"):
        resize(source, str(target), 40, "png")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "folder"]
