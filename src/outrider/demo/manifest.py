"""manifest.json: every photograph with its renditions, what was saved, and what failed."""

from __future__ import annotations

from pathlib import Path

import msgspec
from PIL import Image

from outrider.demo.folder import MANIFEST, Plan, load, write
from outrider.demo.photos import Photo
from outrider.demo.resize import PhotoError, dimensions, why_unreadable


class Figures(msgspec.Struct, frozen=True):
    """What the batch of resizes came to."""

    jobs: int
    seconds: float
    failed: int


class File(msgspec.Struct, frozen=True):
    """One rendition; `width` is its own, `asked` the one its job was given."""

    path: str
    format: str
    asked: int
    width: int
    height: int
    bytes: int


class Shown(msgspec.Struct, frozen=True):
    """One photograph with the renditions it has; `saved` as of the smallest in full width."""

    name: str
    slug: str
    width: int
    height: int
    bytes: int
    saved: float
    renditions: list[File]


class Failure(msgspec.Struct, frozen=True):
    """A photograph that lacks renditions, and why."""

    name: str
    reason: str
    missing: int


class Manifest(msgspec.Struct, frozen=True):
    """The whole gallery."""

    figures: Figures
    ignored: int
    photos: list[Shown]
    failures: list[Failure]

    @property
    def renditions(self) -> int:
        """How many renditions there are."""
        return sum(len(photo.renditions) for photo in self.photos)

    @property
    def bytes(self) -> int:
        """How large all renditions are together."""
        return sum(file.bytes for photo in self.photos for file in photo.renditions)


def write_manifest(output: Path, figures: Figures, errors: list[str]) -> Manifest:
    """Take stock of `output` by its files. `errors` are the messages of the jobs that died."""
    plan = load(output)
    photos: list[Shown] = []
    failures = [Failure(name, "its name is not UTF-8", 0) for name in plan.refused]
    for photo in plan.photos:
        files = _files(output, plan, photo)
        if files:
            photos.append(_shown(photo, files))
        missing = len(plan.widths) * len(plan.formats) - len(files)
        if missing:
            failures.append(Failure(photo.name, _reason(photo, errors), missing))
    manifest = Manifest(figures, plan.ignored, photos, failures)
    write(output / MANIFEST, msgspec.json.format(msgspec.json.encode(manifest)))
    return manifest


def load_manifest(output: Path) -> Manifest:
    """The manifest that lies in `output`."""
    return msgspec.json.decode((output / MANIFEST).read_bytes(), type=Manifest)


def _files(output: Path, plan: Plan, photo: Photo) -> list[File]:
    files = []
    for path, asked, format in plan.renditions(photo):
        try:
            with Image.open(output / path) as image:
                size = image.size
        except FileNotFoundError:
            continue
        files.append(File(path, format, asked, *size, (output / path).stat().st_size))
    return files


def _shown(photo: Photo, files: list[File]) -> Shown:
    widest = max(files, key=lambda file: file.width)
    smallest = min(file.bytes for file in files if file.width == widest.width)
    try:
        size, (width, height) = Path(photo.source).stat().st_size, dimensions(photo.source)
    except (OSError, PhotoError):  # moved away since it was read
        size, width, height = widest.bytes, widest.width, widest.height
    saved = round(1 - smallest / size, 4)
    return Shown(photo.name, photo.slug, width, height, size, saved, files)


def _reason(photo: Photo, errors: list[str]) -> str:
    """What its jobs died of; a batch tells of 1,000 dead jobs only, so it may have to be tried."""
    start = f"{photo.source}: "
    told = (error[len(start) :] for error in errors if error.startswith(start))
    return next(told, None) or why_unreadable(photo.source) or "not made"
