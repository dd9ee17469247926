"""Which photographs the gallery shows: those scikit-image ships, or a folder of the user's own."""

from __future__ import annotations

import os
import re
import stat
import unicodedata
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path

import msgspec
from PIL import Image

# Chosen by eye from scikit-image's wheel: photographs, no drawings, masks or test patterns.
DEFAULTS = (
    "astronaut.png",
    "coffee.png",
    "motorcycle_left.png",
    "chelsea.png",
    "rocket.jpg",
    "camera.png",
    "hubble_deep_field.jpg",
    "coins.png",
    "retina.jpg",
    "brick.png",
    "moon.png",
    "ihc.png",
    "grass.png",
    "page.png",
    "gravel.png",
    "text.png",
    "motorcycle_right.png",
    "cell.png",
    "clock_motion.png",
)

# What Pillow has a plugin for, but which is no picture that it could decode by itself.
_NO_PICTURES = {"BUFR", "GRIB", "HDF5", "MPEG", "PDF"}

# A picture whose name does not say so is known by its first bytes.
_SIGNATURES = re.compile(
    rb"\xff\xd8\xff|\x89PNG\r\n\x1a\n|GIF8[79]a|RIFF....WEBP|II\*\0|MM\0\*"
    rb"|....ftyp(?:avi|hei|hev|mif)",
    re.DOTALL,
)


class NoPhotographs(Exception):
    """There is nothing to make a gallery of; the message says why, in one line."""


class Photo(msgspec.Struct, frozen=True):
    """One photograph: its name for people, its path, and a unique name safe in any URL."""

    name: str
    source: str
    slug: str


class Found(msgspec.Struct, frozen=True):
    """The photographs of a folder, how many other files it held, and what no job can be told of.

    `refused` are photographs whose path is not UTF-8, and so cannot travel as JSON.
    """

    photos: list[Photo]
    ignored: int = 0
    refused: list[str] = []


def default_photos() -> Found:
    """The photographs that come with scikit-image, found without importing it (it is slow)."""
    spec = find_spec("skimage")
    folders = [Path(place) / "data" for place in (spec and spec.submodule_search_locations) or ()]
    paths = [folder / name for name in DEFAULTS for folder in folders]
    paths = [path for path in paths if path.is_file()]
    if not paths:
        raise NoPhotographs(
            "the demo's photographs come with scikit-image, which is not installed: "
            "pip install 'outrider[demo]', or show your own with --images DIR"
        )
    return Found(_named((path.name, path) for path in paths))


def find_photos(folder: Path, *, skip: Path | None = None) -> Found:
    """Every photograph in `folder` and below, without what lies in the folder `skip`.

    A file counts as one when its name or its first bytes say so, whether or not it can be read:
    one that cannot is a failure to tell of, not a file to pass over.
    """
    if not folder.is_dir():
        raise NoPhotographs(f"there is no folder {folder}")
    files = list(_walk(folder, skip.resolve() if skip else None))
    extensions = _picture_extensions()
    paths = sorted(path for path in files if _is_picture(path, extensions))
    named = [(path.relative_to(folder).as_posix(), path.absolute()) for path in paths]
    photos = _named((name, path) for name, path in named if _is_text(path))
    if not photos:
        raise NoPhotographs(f"no image among the {len(files)} files of {folder}")
    refused = [_legible(name) for name, path in named if not _is_text(path)]
    return Found(photos, len(files) - len(paths), refused)


def _walk(folder: Path, skip: Path | None) -> Iterator[Path]:
    """The files below `folder`; a linked folder is followed, but none is entered twice."""
    seen: set[tuple[int, int]] = set()
    for place, folders, files in os.walk(folder, followlinks=True):
        here = Path(place)
        status = here.stat()
        identity = (status.st_dev, status.st_ino)
        if identity in seen or (skip and here.resolve() == skip):
            folders.clear()
            continue
        seen.add(identity)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (here / name for name in files)


def _is_picture(path: Path, extensions: set[str]) -> bool:
    if path.name.startswith("."):  # ".DS_Store", and "._photo.jpg", which only looks like one
        return False
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # to open a pipe would wait for ever
            return False
        if path.suffix.lower() in extensions:
            return True
        with path.open("rb") as file:
            return _SIGNATURES.match(file.read(16)) is not None
    except OSError:  # a link to nowhere or to itself, a file we may not read
        return path.suffix.lower() in extensions


def _picture_extensions() -> set[str]:
    extensions = Image.registered_extensions()  # loads every plugin, which fills Image.OPEN
    readable = set(Image.OPEN) - _NO_PICTURES
    return {extension for extension, format in extensions.items() if format in readable}


def _named(files: Iterable[tuple[str, Path]]) -> list[Photo]:
    photos: list[Photo] = []
    taken: set[str] = set()
    for name, path in files:
        slug = _slug(name, taken)
        taken.add(slug)
        photos.append(Photo(_legible(name), str(path.absolute()), slug))
    return photos


def _is_text(path: Path) -> bool:
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True


def _legible(name: str) -> str:
    """`name` without what would confuse a terminal: control characters, bytes that are no text."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in name)


def _slug(name: str, taken: set[str]) -> str:
    """`name` in lower-case ASCII letters, digits and hyphens, unlike any slug already `taken`."""
    plain = unicodedata.normalize("NFKD", os.path.splitext(name)[0])
    ascii_only = plain.encode("ascii", "ignore").decode().lower()
    base = re.sub(r"[^a-z0-9]+", "-", ascii_only).strip("-")[:60].strip("-") or "photo"
    slug, number = base, 2
    while slug in taken:
        slug, number = f"{base}-{number}", number + 1
    return slug
