"""Words for people: numbers of things, times, and texts of others made harmless."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from outrider import clock


def printable(text: str) -> str:
    """A text of others without control characters, which could move the cursor or hide a line."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text)


def count(number: int, thing: str, things: str = "") -> str:
    """`1 job`, `2,000 jobs`."""
    return f"{number:,} {thing if number == 1 else things or thing + 's'}"


def moment(at: float) -> str:
    """A time in UTC, with its date when that isn't today's."""
    then = clock.utc(at)
    today = clock.utc(clock.now()).date()
    return f"{then:%H:%M:%S} UTC" if then.date() == today else f"{then:%Y-%m-%d %H:%M:%S} UTC"


def span(seconds: float) -> str:
    """`8 s`, `12 min`, `5 h`, `3 days`: as exact as an estimate is."""
    for unit, name, enough in ((86_400, "days", 3), (3600, "h", 3), (60, "min", 2)):
        if seconds >= unit * enough:
            return f"{seconds / unit:,.0f} {name}"
    return f"{seconds:.0f} s"


def aligned(rows: Sequence[Sequence[str]], sides: str) -> Iterator[str]:
    """Rows as lines with columns, each to the left or to the right (`<` or `>`)."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = zip(row, sides, widths, strict=True)
        yield "  ".join(f"{text:{side}{width}}" for text, side, width in cells).rstrip()
