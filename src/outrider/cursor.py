"""Where a reader goes on: a text for others to carry, also in a URL, that says nothing to them.

It is made of positions, times and ids, never of arguments: those may be secrets.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any, TypeVar

import msgspec

from outrider.errors import CursorError

T = TypeVar("T")
_NUMBER = re.compile(r"-?(inf|\d{1,400}(\.\d{1,400})?(e[+-]?\d{1,3})?)")
_LONGEST = 4096


def write(*parts: Any) -> str:
    """A cursor of these parts, in letters that a URL may hold."""
    return urlsafe_b64encode(msgspec.json.encode(parts)).decode().rstrip("=")


def read(text: str, kind: type[T]) -> T:
    """The parts of a cursor, as this tuple; CursorError where it is not one of that kind."""
    try:
        known = text[:_LONGEST]
        return msgspec.json.decode(urlsafe_b64decode(known + "=" * (-len(known) % 4)), type=kind)
    except (msgspec.MsgspecError, ValueError) as error:
        raise CursorError(
            f"{text[:100]!r} is no cursor of a page of this: give `next` of the page before as it "
            "is, or leave it out to begin"
        ) from error


def is_number(text: str) -> bool:
    """Whether this is a score as a server writes it."""
    return _NUMBER.fullmatch(text) is not None
