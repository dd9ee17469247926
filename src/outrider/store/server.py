"""Questions about the server itself, and about what its user may do."""

from __future__ import annotations

from outrider.keys import Keys
from outrider.script import Call, command, script


@script(decode=lambda answer: [flag == 1 for flag in answer])
def permitted(keys: Keys, *, attempts: list[list[str]]) -> list[bool]:
    """Which of these commands, given with their arguments, the connection's user may call.

    None is called. A command that the server does not know is not refused.
    """
    raise NotImplementedError


def info() -> Call[dict[str, str]]:
    """What the server says of itself, by field."""
    return command("INFO", decode=_fields)


def settings(*names: str) -> Call[dict[str, str]]:
    """Settings of the server by name. Many users may not read them."""
    return command("CONFIG", "GET", *names, decode=_pairs)


def _fields(answer: bytes) -> dict[str, str]:
    lines = answer.decode("utf-8", "replace").splitlines()
    parts = (line.partition(":") for line in lines if not line.startswith("#"))
    return {name: value.strip() for name, colon, value in parts if colon}


def _pairs(answer: list[bytes]) -> dict[str, str]:
    texts = [text.decode("utf-8", "replace") for text in answer]
    return dict(zip(texts[::2], texts[1::2], strict=True))
