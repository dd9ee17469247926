"""Which failures are alike: of one job, with one class of error, and messages of one shape."""

from __future__ import annotations

import re
from hashlib import blake2b

LONGEST_MESSAGE, LONGEST_SHAPE = 1000, 200
"""How many characters of a message are looked at, and how many of them a shape has at most."""

# What differs between two failures of one kind. Each begins at the beginning of a word and ends at
# the first sign that is no part of it, so a message that was made for it takes no longer either.
_VARIES = re.compile(
    r"""(?<!\w)'[^']*'(?!\w)"""  # a text in quotes, but not from one apostrophe to the next
    r"""|"[^"]*"|`[^`]*`|<[^<>]*>"""
    r"""|(?<![\w-])[\w-]*\d[\w-]*(?:[.:,@+/][\w-]+)*"""  # what has a digit: a number, a time, an id
)
_ADDRESS = re.compile(r"(?<![\w.+-])[\w.+-]+@[\w.-]+")


def shape(message: str) -> str:
    """A message with `*` for all that changes from one failure to the next.

    That is numbers, times, ids, addresses, and what stands in quotes or angle brackets.
    """
    plain = message[:LONGEST_MESSAGE]
    if "@" in plain:
        plain = _ADDRESS.sub("*", plain)
    return " ".join(_VARIES.sub("*", plain).split())[:LONGEST_SHAPE]


def fingerprint(job: str, error_class: str, message: str) -> str:
    """16 hex characters, which failures that are alike have in common."""
    parts = "\0".join((job, error_class, shape(message)))
    return blake2b(parts.encode("utf-8", "replace"), digest_size=8).hexdigest()
