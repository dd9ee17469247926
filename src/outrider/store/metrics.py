"""Operations on what is measured: runs of jobs, queues over time, marks of deploys."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Literal

import msgspec

from outrider.keys import Keys
from outrider.script import Call, command, script

Span = Literal["minute", "hour"]
Numbers = list[int]
"""Sums, and what follows them; for runs pairs of a bin and a count, see `metrics/measured.py`."""
SLICE, NUMBERS = 50, 2000
"""How many entries a script may add, and numbers in all, where the last entry may go beyond.

Each is added in three places: its minute, its hour and the totals.
"""
QUEUES = 100
DIGITS = 14
"""Of a time in ms, at most."""

# What has become too large for an integer in a script comes as a float.
_unpack = msgspec.msgpack.Decoder(list[int | float]).decode


@script(laned=True)
def measure(keys: Keys, *, entries: list[tuple[int, str, Numbers]]) -> int:
    """Add what was measured: of a minute since the epoch and a job's name, up to SLICE, NUMBERS.

    Entries of one request may have the same name. 1 when it is there.
    """
    raise NotImplementedError


@script()
def sample(keys: Keys, *, minute: int, queues: list[tuple[str, int, int]]) -> int:
    """Note size and latency, in ms, of up to QUEUES queues in a minute since the epoch.

    What is noted already stays. How many it noted.
    """
    raise NotImplementedError


@script()
def mark(keys: Keys, *, label: str, at: int) -> int:
    """Mark a moment, `at` in ms; the time of the mark, which may be one a minute ago."""
    raise NotImplementedError


def measured(keys: Keys, span: Span, number: int) -> Call[dict[str, Numbers]]:
    """What the runs of all jobs came to in a minute or hour since the epoch, by name."""
    return command("HGETALL", keys("measured", f"{span}:{number}"), decode=_by_name)


def measured_of(keys: Keys, span: Span, number: int, name: str) -> Call[Numbers | None]:
    """The same of one name; None when none has ended."""
    return command("HGET", keys("measured", f"{span}:{number}"), name, decode=_numbers)


def totals(keys: Keys) -> Call[dict[str, Numbers]]:
    """What all runs ever came to, by name."""
    return command("HGETALL", keys("totals"), decode=_by_name)


def sampled(keys: Keys, span: Span, number: int) -> Call[dict[str, Numbers]]:
    """What queues were like in a minute or hour since the epoch, by name."""
    return command("HGETALL", keys("sampled", f"{span}:{number}"), decode=_by_name)


def sampled_of(keys: Keys, span: Span, number: int, name: str) -> Call[Numbers | None]:
    """The same of one queue; None when nobody has looked."""
    return command("HGET", keys("sampled", f"{span}:{number}"), name, decode=_numbers)


def marks(keys: Keys) -> Call[list[tuple[int, str]]]:
    """All marks, the oldest first: time in ms, and label."""
    return command("ZRANGE", keys("marks"), 0, -1, decode=lambda answer: [*_marks(answer)])


def _marks(answer: Iterable[bytes]) -> Iterator[tuple[int, str]]:
    for word in answer:
        at, _, label = word.decode("utf-8", "replace").partition(" ")
        if at.isdecimal() and len(at) <= DIGITS:
            yield int(at), label


def _by_name(answer: Any) -> dict[str, Numbers]:
    found = dict(zip(answer[::2], map(_numbers, answer[1::2]), strict=True))
    return {name.decode("utf-8", "replace"): numbers for name, numbers in found.items() if numbers}


def _numbers(text: bytes | None) -> Numbers | None:
    try:
        return None if text is None else [int(number) for number in _unpack(text)]
    except msgspec.DecodeError:  # nobody but us writes there; to look at it never fails
        return None
