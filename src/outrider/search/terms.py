"""What a filter is made of: each term says of a job whether it holds, and how it is written."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from outrider.search.likeness import fingerprint
from outrider.search.seen import Seen, fold, is_like, is_ruled_out, needle

Needles = tuple[bytes, ...]
COMPARE: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
    "=": operator.eq,
}
UNITS = {"w": 604_800, "d": 86_400, "h": 3600, "m": 60, "s": 1}

_PLAIN_WORD = re.compile(r"(?!arg\.)\w[\w.@/*-]*")
_PLAIN_VALUE = re.compile(r"[\w.@/*:+-]+")
_WHOLE = re.compile(r"-?[1-9]\d{0,14}")
_PLAIN_STEP = re.compile(r"[\w-]+")


def _quoted(text: str, plain: re.Pattern[str]) -> str:
    if plain.fullmatch(text):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def listed(values: tuple[str, ...]) -> str:
    """Values as they are written after a qualifier."""
    return ",".join(_quoted(value, _PLAIN_VALUE) for value in values)


@dataclass(frozen=True, slots=True)
class Term:
    """One condition, or with `negated` its opposite."""

    negated: bool

    @property
    def needles(self) -> list[Needles]:
        """Of each of these a payload without escapes must hold one of the texts."""
        return [] if self.negated else [group for group in self._needles() if all(group)]

    def __str__(self) -> str:
        return ("-" if self.negated else "") + self._spelled()

    def test(self, seen: Seen, now: float) -> bool:
        """Whether the condition holds for a job, negated or not."""
        raise NotImplementedError

    def _needles(self) -> list[Needles]:
        return []

    def _spelled(self) -> str:
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Word(Term):
    """A text that stands anywhere in the job, in any case."""

    text: str

    def test(self, seen: Seen, now: float) -> bool:  # noqa: ARG002
        if is_ruled_out(seen.payload, needle(self.text)):
            return False
        wanted = fold(self.text)
        for words in seen.words():  # noqa: SIM110 - as in Filter.holds
            if wanted in words:
                return True
        return False

    def _needles(self) -> list[Needles]:
        return [(needle(self.text),)]

    def _spelled(self) -> str:
        return _quoted(self.text, _PLAIN_WORD)


@dataclass(frozen=True, slots=True)
class OneOf(Term):
    """A qualifier with values of which one fits; `name` is a key of FITS."""

    name: str
    values: tuple[str, ...]

    def test(self, seen: Seen, now: float) -> bool:  # noqa: ARG002
        fits = FITS[self.name]
        for value in self.values:  # noqa: SIM110 - as in Filter.holds
            if fits(seen, value):
                return True
        return False

    def allows(self, text: str) -> bool:
        """Whether it can hold for a job whose state, queue or name this is."""
        fits = _is_job if self.name == "job" else is_like
        return any(fits(value, text) for value in self.values) != self.negated

    def _needles(self) -> list[Needles]:
        if self.name in ("state", "queue", "group"):  # these do not stand in what it says
            return []
        before, after = _SPELLED.get(self.name, ("", ""))
        texts = (f"{before}{value}{after}".split("*") for value in self.values)
        return [
            tuple(max(map(needle, pieces), key=len) for pieces in texts),
            _FIELDS.get(self.name, (b"",)),
        ]

    def _spelled(self) -> str:
        return f"{self.name}:{listed(self.values)}"


def _is_job(pattern: str, name: str) -> bool:
    return name != "" and (is_like(pattern, name) or is_like(f"*.{pattern}", name))


def _is_error(seen: Seen, value: str) -> bool:
    wanted = fold(value)
    return any(wanted in fold(seen.text(name)) for name in ("error_class", "error_message"))


def _is_of(seen: Seen, bid: str) -> bool:
    return seen.text("bid") == bid or seen.text("cb").startswith(f"{bid}:")


def _is_in(seen: Seen, group: str) -> bool:
    return fingerprint(*map(seen.text, ("class", "error_class", "error_message"))) == group


FITS: dict[str, Callable[[Seen, str], bool]] = {
    "job": lambda seen, value: _is_job(value, seen.text("class")),
    "state": lambda seen, value: seen.state == value,
    "queue": lambda seen, value: is_like(value, seen.queue),
    "error": _is_error,
    "group": _is_in,
    "tag": lambda seen, value: any(is_like(value, tag) for tag in seen.tags),
    "batch": _is_of,
    "jid": lambda seen, value: seen.text("jid") == value,
}


# Of fields that most jobs don't have, how their names begin.
_FIELDS = {"tag": (b'"tags"',), "error": (b'"error_',), "batch": (b'"bid"', b'"cb"')}
# What stands around a value in a payload, where that is known.
_SPELLED = {"job": ("", '"'), "tag": ('"', '"'), "batch": ('"', ""), "jid": ('"', '"')}


@dataclass(frozen=True, slots=True)
class Argument(Term):
    """One argument, or something inside it, has one of these values.

    The first step is a position among the positional arguments, or a keyword; further ones are
    positions in lists and keys of objects.
    """

    path: tuple[str, ...]
    values: tuple[str, ...]

    @property
    def has_numbers(self) -> bool:
        """Whether it asks for a whole number, which may be spelled in many ways."""
        return any(map(_WHOLE.fullmatch, self.values))

    def test(self, seen: Seen, now: float) -> bool:  # noqa: ARG002
        first = self.path[0]
        inside: Any = seen.fields.get("args" if _index(first) is not None else "kwargs")
        for step in self.path:
            if isinstance(inside, list):
                at = _index(step)
                inside = inside[at] if at is not None and at < len(inside) else _NOTHING
            else:
                inside = inside.get(step, _NOTHING) if isinstance(inside, dict) else _NOTHING
        return any(_is_value(inside, value) for value in self.values)

    def _needles(self) -> list[Needles]:
        keys = [(needle(f'"{step}"'),) for step in self.path if _index(step) is None]
        return [tuple(map(_needle_of, self.values)), *keys]

    def _spelled(self) -> str:
        steps = (_quoted(step, _PLAIN_STEP) for step in self.path)
        return f"arg.{'.'.join(steps)}={listed(self.values)}"


_NOTHING = object()


def _needle_of(value: str) -> bytes:
    """There is none of lists and objects, nor of fractions, as 1.5 may be written 15e-1."""
    if value in ("true", "false", "null"):
        return value.encode()
    if _WHOLE.fullmatch(value):
        return value.strip("-").rstrip("0").encode()
    try:
        msgspec.json.decode(value)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return needle(f'"{value}"')
    return b""


def _index(step: str) -> int | None:
    return int(step) if step.isascii() and step.isdecimal() and len(step) < 10 else None


def _is_value(value: object, text: str) -> bool:
    """Whether a value is this text, or what this text is as JSON."""
    if isinstance(value, str):
        return value == text
    try:
        wanted = msgspec.json.decode(text)
        return isinstance(value, bool) == isinstance(wanted, bool) and bool(value == wanted)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return False


@dataclass(frozen=True, slots=True)
class Attempts(Term):
    """How many attempts it has had, one that runs included."""

    sign: str
    number: int

    def test(self, seen: Seen, now: float) -> bool:  # noqa: ARG002
        return COMPARE[self.sign](seen.attempts, self.number)

    def _spelled(self) -> str:
        return f"attempt:{'' if self.sign == '=' else self.sign}{self.number}"


@dataclass(frozen=True, slots=True)
class Age(Term):
    """For how many seconds it has existed."""

    sign: str
    seconds: float

    def test(self, seen: Seen, now: float) -> bool:
        made = seen.time("created_at", "enqueued_at", "failed_at")
        return made is not None and COMPARE[self.sign](now - made, self.seconds)

    def _spelled(self) -> str:
        return f"age:{self.sign}{duration(self.seconds)}"


@dataclass(frozen=True, slots=True)
class When(Term):
    """Its time is before or after a moment, or what was so many seconds ago (`ago`).

    That is the time under which it lies in its place; where places have none, when it was enqueued.
    """

    is_before: bool
    moment: datetime | None
    ago: float = 0.0

    def test(self, seen: Seen, now: float) -> bool:
        at = seen.time("enqueued_at", "created_at") if seen.at is None else seen.at
        then = now - self.ago if self.moment is None else self.moment.timestamp()
        return at is not None and (at < then if self.is_before else at >= then)

    def _spelled(self) -> str:
        name = "before" if self.is_before else "after"
        if self.moment is None:
            return f"{name}:{duration(self.ago)}"
        return f"{name}:{self.moment.isoformat().replace('+00:00', 'Z')}"


def duration(seconds: float) -> str:
    """A span of time as it is written: in the largest unit of which it has a whole number."""
    for unit, size in UNITS.items():
        if seconds % size == 0:
            return f"{seconds / size:.0f}{unit}"
    return f"{seconds!r}s"
