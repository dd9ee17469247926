"""One rendition of one photograph: the work that every job of the demo's first batch does."""

from __future__ import annotations

import io
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypedDict
from uuid import uuid4

from PIL import Image, ImageCms, UnidentifiedImageError, features

# How a format is encoded; one encoder thread, for the jobs themselves run in parallel.
_OPTIONS: dict[str, dict[str, Any]] = {
    "avif": {"quality": 60, "speed": 8, "max_threads": 1},
    "webp": {"quality": 80, "method": 4},
    "jpeg": {"quality": 82, "optimize": True, "progressive": True},
    "png": {},
}
_SUFFIXES = {"jpeg": "jpg"}

# What the EXIF orientation asks to be done to a picture so that it stands upright.
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_ORIENTATION = 0x0112
_LONGEST = 16_000  # pixels a side: WebP ends at 16,383


class PhotoError(Exception):
    """A photograph cannot be read or written: its path, a colon, and the reason in words."""


class Rendition(TypedDict):
    """What was written: the size of the file and of the picture."""

    bytes: int
    width: int
    height: int


def formats() -> list[str]:
    """The formats this Pillow can write, the smallest files first."""
    optional = {"avif": "avif", "webp": "webp", "jpeg": "jpg", "png": "zlib"}
    return [name for name in _OPTIONS if features.check(optional[name])]


def suffix(format: str) -> str:
    """How the names of files of this format end, without the dot."""
    return _SUFFIXES.get(format, format)


def resize(source: str, target: str, width: int, format: str) -> Rendition:
    """Write `source` at `width` pixels to `target`, upright, whole or not at all.

    A picture narrower than `width` keeps its own width: no pixel is made up. The same call
    writes the same bytes again, so a job that runs twice does no harm.
    """
    with _in_words(source):
        picture = _in_srgb(_scaled(_read(source, width), width))
    with _in_words(source, f"cannot be written as {format}: "):
        data = _encoded(picture, format)
        _replace(Path(target), data)
    return Rendition(bytes=len(data), width=picture.width, height=picture.height)


def dimensions(source: str) -> tuple[int, int]:
    """Width and height of `source` as it is seen, from its header alone."""
    with _in_words(source), Image.open(source) as image:
        width, height = image.size
        turned = image.format != "TIFF" and _orientation(image) >= 5  # Pillow has turned a TIFF
        return (height, width) if turned else (width, height)


def why_unreadable(source: str) -> str | None:
    """The reason why `source` cannot be read, or None when it can."""
    try:
        with _in_words(source):
            _read(source, 1)
    except PhotoError as error:
        return str(error).removeprefix(f"{source}: ")
    return None


def _read(source: str, width: int) -> Image.Image:
    """The first frame of `source`, upright, in mode L, RGB or RGBA."""
    with Image.open(source) as image:
        # A JPEG is decoded at a half, a quarter or an eighth when that is still twice too large;
        # by its shorter side, for it may yet have to be turned.
        scale = 2 * width / min(image.size)
        image.draft("", (math.ceil(image.width * scale), math.ceil(image.height * scale)))
        image.load()
        turn = _TURNS.get(_orientation(image))
        upright = image.copy() if turn is None else image.transpose(turn)
    return _plain(upright)


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except Exception:
        return 1


def _plain(image: Image.Image) -> Image.Image:
    if image.mode == "F" or image.mode.startswith("I"):
        return _eight_bits(image)
    if image.mode == "LAB":
        lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(image, lab, srgb, outputMode="RGB")
        assert converted is not None  # None is for work in place
        return converted
    if image.has_transparency_data:
        return image.convert("RGBA")
    if image.mode in ("1", "L"):
        return image.convert("L")
    return image.convert("RGB")


def _eight_bits(image: Image.Image) -> Image.Image:
    """16-bit grey by its own scale; other integers and floats from darkest to brightest."""
    grey = image.convert("F")
    darkest, brightest = grey.getextrema()
    assert isinstance(darkest, float)  # for there is one band
    assert isinstance(brightest, float)
    if image.mode.startswith("I") and darkest >= 0 and brightest <= 65_535:
        darkest, brightest = 0.0, 65_535.0
    scale = 255 / ((brightest - darkest) or 1)
    return grey.point(lambda value: value * scale - darkest * scale).convert("L")


def _scaled(image: Image.Image, width: int) -> Image.Image:
    scale = min(1.0, width / image.width, _LONGEST / max(image.size))
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    if size == image.size:
        return image
    return image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)


def _in_srgb(image: Image.Image) -> Image.Image:
    """The colours of `image` without a profile, which may be larger than a small rendition."""
    profile = image.info.get("icc_profile")
    if not profile or image.mode == "L":
        return image
    try:
        its_own = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        converted = ImageCms.profileToProfile(image, its_own, ImageCms.createProfile("sRGB"))
    except (ImageCms.PyCMSError, OSError):  # of CMYK, or damaged: the colours are close enough
        return image
    return converted or image


def _encoded(image: Image.Image, format: str) -> bytes:
    if image.mode == "RGBA" and format == "jpeg":  # which knows no transparency
        white = Image.new("RGB", image.size, "white")
        white.paste(image, mask=image.getchannel("A"))
        image = white
    image.info = {}  # where a picture was taken, and by whom, is not for the web
    data = io.BytesIO()
    image.save(data, format, **_OPTIONS[format])
    return data.getvalue()


def _replace(target: Path, data: bytes) -> None:
    """Write `data` to `target`, which at no moment holds a part of it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.{uuid4().hex}.part")
    try:
        part.write_bytes(data)
        os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def _in_words(source: str, what: str = "") -> Iterator[None]:
    try:
        yield
    except Exception as error:  # a broken file makes Pillow raise nearly anything
        raise PhotoError(f"{source}: {what}{_reason(source, error)}") from error


def _reason(source: str, error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        empty = os.path.getsize(source) == 0
        return "the file is empty" if empty else "cannot identify image file"
    if isinstance(error, Image.DecompressionBombError):
        return "too large to be safe: i" + str(error).split(",")[0][1:]
    words = (isinstance(error, OSError) and error.strerror) or str(error)
    line = next(iter(words.splitlines()), type(error).__name__)
    return line[:1].lower() + line[1:200]
