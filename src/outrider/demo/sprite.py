"""One picture of all photographs in small, and where in it each one is."""

from __future__ import annotations

import math
from pathlib import Path

import msgspec
from PIL import Image, ImageOps

from outrider.demo.folder import POSITIONS, SPRITE, Plan, load, write
from outrider.demo.photos import Photo

CELL = 144


class Sprite(msgspec.Struct, frozen=True):
    """Where in the sprite each photograph is, by its slug: column and row of a square cell."""

    cell: int
    columns: int
    rows: int
    places: dict[str, tuple[int, int]]


def write_sprite(output: Path) -> Sprite:
    """Put a square of every photograph that has renditions into one picture."""
    plan = load(output)
    small = [(photo, path) for photo in plan.photos if (path := _smallest(output, plan, photo))]
    columns = max(1, math.ceil(math.sqrt(len(small))))
    rows = max(1, math.ceil(len(small) / columns))
    sheet = Image.new("RGB", (columns * CELL, rows * CELL), "white")
    places: dict[str, tuple[int, int]] = {}
    for number, (photo, path) in enumerate(small):
        row, column = divmod(number, columns)
        with Image.open(path) as image:
            square = ImageOps.fit(image.convert("RGBA"), (CELL, CELL))
        sheet.paste(square, (column * CELL, row * CELL), square)
        places[photo.slug] = (column, row)
    sprite = Sprite(CELL, columns, rows, places)
    part = output / f".{SPRITE}.part"
    sheet.save(part, "JPEG", quality=84, optimize=True)
    part.replace(output / SPRITE)
    write(output / POSITIONS, msgspec.json.encode(sprite))
    return sprite


def load_sprite(output: Path) -> Sprite:
    """The places in the sprite that lies in `output`."""
    return msgspec.json.decode((output / POSITIONS).read_bytes(), type=Sprite)


def _smallest(output: Path, plan: Plan, photo: Photo) -> Path | None:
    """The smallest rendition of `photo` that fills a cell, or else the largest there is."""
    there = [(width, output / path) for path, width, _ in plan.renditions(photo)]
    there = [(width, path) for width, path in there if path.exists()]
    large = [path for width, path in there if width >= CELL]
    return large[0] if large else there[-1][1] if there else None
