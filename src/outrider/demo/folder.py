"""The output folder: the plan of what will be in it, and care for what was there before."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import msgspec

from outrider.demo.photos import Found, Photo
from outrider.demo.resize import formats, suffix

WIDTHS = (40, 64, 80, 96, 128, 160, 192, 224, 256, 288, 320, 360, 400, 448, 512, 640, 960, 1280)
MANY = 60  # photographs, from which on a third of the widths must do

INDEX, MANIFEST, SPRITE, POSITIONS = "index.html", "manifest.json", "sprite.jpg", "sprite.json"
_MADE = (INDEX, MANIFEST, SPRITE, POSITIONS)
_RENDITIONS = "renditions"
_PLAN, _STAGE = ".outrider-demo.json", ".outrider-demo-stage.json"


class NotOurs(Exception):
    """The output folder cannot be used; the message says why, in one line."""


class Plan(msgspec.Struct, frozen=True):
    """What a run is to make. Kept in the output folder, it also marks the folder as the demo's."""

    photos: list[Photo]
    widths: list[int]
    formats: list[str]
    ignored: int = 0
    refused: list[str] = []

    @classmethod
    def of(cls, found: Found) -> Plan:
        """Every photograph that was found, in every width and format."""
        widths = WIDTHS if len(found.photos) < MANY else WIDTHS[2::3]
        return cls(found.photos, list(widths), formats(), found.ignored, found.refused)

    def renditions(self, photo: Photo) -> Iterator[tuple[str, int, str]]:
        """Each rendition of `photo`: its path within the output folder, its width, its format."""
        for width in self.widths:
            for format in self.formats:
                yield f"{_RENDITIONS}/{photo.slug}/{width}.{suffix(format)}", width, format

    @property
    def jobs(self) -> int:
        """How many renditions are to be made."""
        return len(self.photos) * len(self.widths) * len(self.formats)


def prepare(output: Path, plan: Plan) -> None:
    """Make `output` ready for `plan`: what an earlier run made goes, a user's own files stay."""
    try:
        output.mkdir(parents=True, exist_ok=True)
        if not clear(output):
            _refuse_strangers(output)
        write(output / _PLAN, msgspec.json.encode(plan))
    except OSError as error:
        raise NotOurs(f"cannot write to {output}: {error.strerror or error}") from error


def clear(output: Path) -> bool:
    """Delete exactly what the run whose plan lies in `output` may have made; False if none does."""
    if not (output / _PLAN).is_file():
        return False
    plan = load(output)
    for name in (*_MADE, _STAGE):
        (output / name).unlink(missing_ok=True)
    sweep(output, plan)
    for photo in plan.photos:
        for path, _, _ in plan.renditions(photo):
            (output / path).unlink(missing_ok=True)
        _rmdir(output / _RENDITIONS / photo.slug)
    _rmdir(output / _RENDITIONS)
    (output / _PLAN).unlink()
    return True


def sweep(output: Path, plan: Plan) -> None:
    """Delete what a killed worker left half written."""
    for photo in plan.photos:
        for part in (output / _RENDITIONS / photo.slug).glob(".*.part"):
            part.unlink(missing_ok=True)


def load(output: Path) -> Plan:
    """The plan of the run that `output` belongs to."""
    try:
        return msgspec.json.decode((output / _PLAN).read_bytes(), type=Plan)
    except msgspec.MsgspecError as error:
        raise NotOurs(f"{output / _PLAN} is damaged: choose another folder") from error


def remember_stage(output: Path, bid: str) -> None:
    """Note the id of the second stage's batch, for who watches from outside."""
    write(output / _STAGE, msgspec.json.encode(bid))


def recall_stage(output: Path) -> str | None:
    """The id of the second stage's batch, once there is one."""
    try:
        return msgspec.json.decode((output / _STAGE).read_bytes(), type=str)
    except FileNotFoundError:
        return None


def write(path: Path, data: bytes) -> None:
    """Replace `path` by `data`, whole or not at all."""
    part = path.with_name(f".{path.name}.part")
    part.write_bytes(data)
    os.replace(part, path)


def _refuse_strangers(output: Path) -> None:
    for name in (*_MADE, _RENDITIONS):
        if os.path.lexists(output / name):
            message = (
                f"{output / name} is there already and not of the demo's making: "
                "choose another folder with --output"
            )
            raise NotOurs(message)


def _rmdir(folder: Path) -> None:
    with suppress(OSError):  # a user has put something there, or it was never made
        folder.rmdir()
