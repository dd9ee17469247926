"""A job as a filter looks at it: its payload, read no further than is asked for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import msgspec

from outrider.inspection.record import STATES, JobRecord, State, decode, seconds, texts
from outrider.inspection.work import RunRecord
from outrider.store.place import Kind

KINDS: tuple[Kind, ...] = ("retry", "dead", "schedule", "queue", "held")
"""Kinds of places, in the order in which they are searched."""
ALL_STATES: tuple[State, ...] = ("running", *(STATES[kind] for kind in KINDS))

_STRING = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_RUN = re.compile(r"[ -~]+")
# Numbers whose digits need not be those of a whole number that they are: 1.5e3, 4.9999999999999999.
ODD_NUMBER = re.compile(rb"\.\d+[eE]|\.\d{15}")
_ESCAPES = (b"\\",)
_HIDES = (*_ESCAPES, "\u212a".encode(), "\u0130".encode())
_raw = msgspec.json.Decoder(dict[str, msgspec.Raw])
# Packed by zlib, and random to who reads it as text.
_PACKED = "error_backtrace"


class _Head(msgspec.Struct, gc=False):
    """What tells the times and attempts of a job: to read no more takes a third of the time."""

    created_at: Any = None
    enqueued_at: Any = None
    retried_at: Any = None
    failed_at: Any = msgspec.UNSET
    retry_count: Any = None


_head = msgspec.json.Decoder(_Head)


class _Body(msgspec.Struct, gc=False, rename={"name": "class"}):
    """Where most words stand that are sought."""

    name: msgspec.Raw = msgspec.Raw()
    error_class: msgspec.Raw = msgspec.Raw()
    error_message: msgspec.Raw = msgspec.Raw()
    args: msgspec.Raw = msgspec.Raw()
    kwargs: msgspec.Raw = msgspec.Raw()


_body = msgspec.json.Decoder(_Body)


@dataclass(slots=True)
class Seen:
    """One job somewhere: its payload, its state, and the queue where it lies, when that is one.

    `at` is the time under which it lies there, in seconds; None where places have no times.
    """

    payload: bytes
    state: str
    lies_in: str | None = None
    at: float | None = None
    _fields: dict[str, Any] | None = field(default=None, init=False, repr=False, compare=False)
    _head: _Head | None = field(default=None, init=False, repr=False, compare=False)

    @property
    def fields(self) -> dict[str, Any]:
        """What the payload says; nothing, when it is no job."""
        if self._fields is None:
            self._fields = decode(self.payload)
        return self._fields

    @property
    def head(self) -> _Head:
        """Its times and attempts; none, when it is no job."""
        if self._head is None:
            try:
                self._head = _head.decode(self.payload)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                self._head = _Head()
        return self._head

    def text(self, name: str) -> str:
        """A field that is a text; "" for all others."""
        value = self.fields.get(name)
        return value if isinstance(value, str) else ""

    @property
    def queue(self) -> str:
        """Where it lies, or will go."""
        return self.lies_in or self.text("queue") or "default"

    @property
    def tags(self) -> list[str]:
        """Its tags."""
        return texts(self.fields.get("tags"))

    @property
    def attempts(self) -> int:
        """How many it has had, one that runs included."""
        count = self.head.retry_count
        if isinstance(count, int) and not isinstance(count, bool):
            had = max(0, count + 1)
        else:
            had = 0 if self.head.failed_at is msgspec.UNSET else 1
        return had + (self.state == "running")

    def time(self, *names: str) -> float | None:
        """The first of these times that it has, in seconds."""
        for name in names:
            if (then := seconds(getattr(self.head, name))) is not None:
                return then
        return None

    def words(self) -> Iterator[str]:
        """All of it that may be sought as text, folded: its texts, lists and objects.

        Some come twice: most that is sought stands in a few of them, and to read all takes longer.
        """
        if self.payload.isascii() and b"\\" not in self.payload:
            yield from _first_words(self.payload)
        if not self.fields:
            yield fold(self.payload.decode("utf-8", "replace"))
            return
        for name, raw in _raw.decode(self.payload).items():
            value = bytes(raw)
            if value[:1] in b'"[{' and name != _PACKED:
                yield fold(_unescaped(value.decode()))


def seen_of(record: JobRecord) -> Seen:
    """A job that has been read."""
    place, at = record.place, record.at
    if isinstance(record, RunRecord):
        at = record.started_at
    lies_in = place.name if place is not None and place.kind == "queue" else None
    return Seen(record.raw, record.state or "", lies_in, None if at is None else at.timestamp())


def _first_words(payload: bytes) -> Iterator[str]:
    """Words of the fields of a Body. In a payload without escapes they stand as they are, so that
    they are found in it also when the rest of it is no job.
    """
    try:
        body = _body.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return
    for raw in (body.name, body.error_class, body.error_message, body.args, body.kwargs):
        value = str(raw, "ascii")
        if value.startswith(('"', "[", "{")):
            yield fold(value)


def _unescaped(value: str) -> str:
    if "\\" not in value:
        return value
    return _STRING.sub(lambda found: f'"{msgspec.json.decode(found[0])}"', value)


def fold(text: str) -> str:
    """A text for comparing without regard to case."""
    return text.lower()


@lru_cache(256)
def needle(text: str) -> bytes:
    """What any payload without escapes must hold, in small letters, to have this text in it."""
    return max(_RUN.findall(fold(text)), key=len, default="").encode()


def hiding(text: bytes) -> list[bytes]:
    """Which of the bytes it holds that let a needle be there and not be seen.

    With an escape any letter may be spelled, and two letters are ASCII only when they are folded:
    KELVIN SIGN, and I WITH DOT ABOVE.
    """
    return [one for one in (_ESCAPES if text.isascii() else _HIDES) if one in text]


def is_ruled_out(payload: bytes, wanted: bytes) -> bool:
    """Whether a payload can't hold this needle, however it is spelled: quick, and never wrong."""
    return wanted not in payload.lower() and not hiding(payload)


def is_like(pattern: str, text: str) -> bool:
    """Whether a text is the pattern, where `*` stands for any text."""
    if "*" not in pattern:
        return text == pattern
    first, *others = pattern.split("*")
    if not text.startswith(first):
        return False
    *middle, last = others
    at = len(first)
    for part in middle:
        found = text.find(part, at)
        if found < 0:
            return False
        at = found + len(part)
    return len(text) - len(last) >= at and text.endswith(last)
