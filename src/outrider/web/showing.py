"""Data of jobs made fit to be shown: secrets hidden, sizes bounded, numbers that JavaScript keeps.

Nothing that a job may hold is a reason to fail.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Collection
from functools import lru_cache
from typing import Any

from outrider.hub import Hub
from outrider.inspection.record import JobRecord

WORDS = (
    *("password", "passwd", "passphrase", "passcode", "secret", "token", "authorization"),
    *("cookie", "sessionid", "apikey", "accesskey", "privatekey", "credential", "signature"),
    *("creditcard", "cardnumber", "cvv", "iban", "ssn"),
)
"""What makes a name one of a secret, wherever it stands in it, without case and punctuation."""

HIDDEN = "[redacted]"
LISTED = 4 << 10
FULL = 256 << 10
"""Characters of one job's data in a list, and where it is shown by itself."""

_SAFE = (1 << 53) - 1
_DEEPEST = 32
_MARGIN = 1 << 10
_QUOTED = 100
_PUNCTUATION = re.compile(r"[\W_]+")
_CREDENTIALS = ("bearer", "basic")
_USER = re.compile(r"(?<=://)[^/\s@:]{0,200}:[^/\s@]{0,1000}(?=@)")
_BEARER = re.compile(r"\b(bearer|basic)\s{1,4}[\w.~+/=-]{8,10000}", re.IGNORECASE)


class Redaction:
    """Which names are of secrets: those that have one of WORDS in them, or one of these."""

    def __init__(self, words: Collection[str] = ()) -> None:
        self._words = tuple({*WORDS, *(_plain(word) for word in words)} - {""})
        spelt = "|".join(r"[\W_]?".join(map(re.escape, word)) for word in self._words)
        self._told = re.compile(
            # All bounded: a text that was made for it must not take long.
            rf"""((?:{spelt})[\w-]{{0,40}}["']?\s{{0,4}}(?:=>|[:=])\s{{0,4}})"""
            r"""("[^"]{0,1000}"|'[^']{0,1000}'|[^\s,;&})\]]{1,1000})""",
            re.IGNORECASE,
        )

    def hides(self, name: str) -> bool:
        """Whether what has this name is hidden."""
        plain = _plain(name[:200])
        return any(word in plain for word in self._words)

    def may_hide(self, payload: bytes) -> bool:
        """False when nothing in a payload can be hidden, going by its bytes alone: quick."""
        if not payload.isascii() or b"\\" in payload:
            return True
        plain = _plain(payload.decode("ascii"))
        return b"://" in payload or any(word in plain for word in (*self._words, *_CREDENTIALS))

    def text(self, text: str) -> str:
        """A text of a job's without what looks like a secret in it."""
        text = _BEARER.sub(rf"\1 {HIDDEN}", _USER.sub(HIDDEN, text))
        return self._told.sub(rf"\1{HIDDEN}", text)


class Show:
    """Shows data of one job: `room` is how many characters there are for it.

    `is_cut` tells whether anything was left out for want of room.
    """

    def __init__(self, redaction: Redaction | None, room: int) -> None:
        self._redaction = redaction
        self._room = room
        self._secrets: list[str] = []
        self.is_cut = False

    def named(self, name: str, value: Any, depth: int = 0) -> Any:
        """A value that has a name."""
        if self._redaction is not None and self._redaction.hides(name):
            self._note(value)
            return HIDDEN
        return self.value(value, depth)

    def _note(self, value: Any) -> None:
        """Remember the texts and numbers of what is hidden: messages may quote them."""
        parts = [value]
        while parts and len(self._secrets) < _QUOTED:
            part = parts.pop()
            if isinstance(part, dict):
                parts += part.values()
            elif isinstance(part, list):
                parts += part
            elif isinstance(part, str | int) and not isinstance(part, bool):
                text = part if isinstance(part, str) else _digits(part)
                self._secrets += [text] if len(text) >= 4 else []

    def value(self, value: Any, depth: int = 0) -> Any:
        """A value of JSON."""
        self._room -= 2
        if isinstance(value, str):
            return self._text(self._safe(value))
        if isinstance(value, bool | float | None):
            return value
        if isinstance(value, int):
            return value if -_SAFE <= value <= _SAFE else self._text(_digits(value))
        if depth == _DEEPEST:
            self.is_cut = True
            return "…"
        if isinstance(value, dict):
            return self._dict(value, depth + 1)
        shown = []
        for item in value:
            if self.is_full():
                break
            shown.append(self.value(item, depth + 1))
        return shown

    def words(self, text: str | None) -> str | None:
        """A text that may quote arguments, such as a message: also without those hidden before."""
        if text is None:
            return None
        text = self._safe(text)
        for secret in sorted(self._secrets, key=len, reverse=True):
            text = text.replace(secret, HIDDEN)
        return self._text(text)

    def _safe(self, text: str) -> str:
        # What is cut off anyway need not be read; a secret at the edge is still whole there.
        self.is_cut = self.is_cut or len(text) > max(0, self._room) + _MARGIN
        text = text[: max(0, self._room) + _MARGIN]
        return text if self._redaction is None else self._redaction.text(text)

    def _dict(self, value: dict[str, Any], depth: int) -> dict[str, Any]:
        shown = {}
        for name, item in value.items():
            if self.is_full():
                break
            shown[self._text(name)] = self.named(name, item, depth)
        return shown

    def is_full(self) -> bool:
        """Whether there is no room for more."""
        self.is_cut = self.is_cut or self._room <= 0
        return self._room <= 0

    def _text(self, text: str) -> str:
        room = max(0, self._room)
        self._room -= len(text)
        if len(text) <= room:
            return text
        self.is_cut = True
        return text[:room] + "…"


def positional(hub: Hub, record: JobRecord, show: Show) -> list[Any]:
    """The arguments in their order, each by the name that its parameter has, if that is known."""
    known, rest = _parameters(hub, record.job)
    names = [*known, *[rest] * (len(record.args) - len(known))]
    pairs = zip(names, record.args, strict=False)
    return [show.named(name, value) for name, value in pairs if not show.is_full()]


def are_hidden(hub: Hub, redaction: Redaction, job: str) -> bool:
    """Whether a positional argument of this job is hidden, by the name of its parameter."""
    names, rest = _parameters(hub, job)
    return any(map(redaction.hides, (*names, rest)))


def _parameters(hub: Hub, job: str) -> tuple[tuple[str, ...], str]:
    """The names of a job's positional parameters, and of those after them."""
    known = hub.registry.get(job)
    return ((), "") if known is None else _names(known.function)


@lru_cache(maxsize=1000)
def _names(function: Callable[..., Any]) -> tuple[tuple[str, ...], str]:
    found = inspect.signature(function).parameters.values()
    ordered = tuple(one.name for one in found if one.kind <= one.POSITIONAL_OR_KEYWORD)
    return ordered, next((one.name for one in found if one.kind is one.VAR_POSITIONAL), "")


def short(text: str, most: int = 200) -> str:
    """A name of others' making: the beginning of it."""
    return text if len(text) <= most else text[:most] + "…"


def _plain(name: str) -> str:
    return _PUNCTUATION.sub("", name).lower()


def _digits(number: int) -> str:
    # Python refuses to write very long ones.
    return str(number) if number.bit_length() < 4096 else hex(number)
