"""What is known of a server before it is judged, and how that is asked."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

from outrider import clock
from outrider.checkup import roles
from outrider.errors import StoreError, StoreUnavailable
from outrider.keys import Keys
from outrider.script import Call
from outrider.store import server

SETTINGS = ("appendfsync", "save")
"""What INFO does not tell. Where it can't be read, the checks that need it say so."""
_SAMPLE = "host:1:0123456789ab"
_ON_CHANNELS = ("publish", "subscribe", "psubscribe")


class Need(NamedTuple):
    """One thing that the user must be allowed: a command, a pattern of keys, or a channel."""

    kind: str
    name: str
    attempt: list[str]


@dataclass(frozen=True, slots=True)
class Facts:
    """What the server said. Empty where it may not be asked.

    `trouble` is why its user can't run scripts; `refused`, what he may not do; `offset`, how far
    the server's clock is ahead of ours, in seconds, give or take `doubt`.
    """

    prefix: str
    user: str
    roles: tuple[str, ...]
    info: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    refused: Sequence[Need] = ()
    trouble: str = ""
    offset: float | None = None
    doubt: float = 0.0


def user_of(url: str) -> str:
    """The server's user that a URL names."""
    parts = urlsplit(url)
    named = parts.username or parse_qs(parts.query).get("username", [""])[0]
    return unquote(named) or "default"


def needs(keys: Keys, names: Sequence[str], queues: Sequence[str] = ()) -> list[Need]:
    """What a user with these roles must be allowed; of queues those that are served are tried."""
    allowed = roles.rights_of(*names)
    found = []
    for word in sorted(allowed.commands):
        about = sorted(allowed.channels) if word in _ON_CHANNELS else [""]
        for kind in about:
            name = f"{word} {keys.channel(kind, '*')}" if kind else word
            attempt = [*word.upper().split("|"), *[_argument(keys, word, kind)] * 4]
            found.append(Need("command", name, attempt))
    for kind in sorted(allowed.kinds):
        for name in (queues or ("default",)) if kind == "queue" else (_SAMPLE,):
            pattern = keys(kind, name if kind == "queue" else "*")
            attempt = ["EVALSHA", "0", "1", keys(kind, name)]
            found.append(Need("key", pattern, attempt))
    return found


def _argument(keys: Keys, word: str, kind: str) -> str:
    """What a command is tried with: a channel of this kind, or all, or a key."""
    if not kind:
        return keys.guards[0]
    return keys.channels(kind) if word == "psubscribe" else keys.channel(kind, "0" * 16)


def gather(
    keys: Keys, url: str, names: Sequence[str], queues: Sequence[str] = (), *, deep: bool = False
) -> Generator[Call[Any], Any, Facts]:
    """Ask the server, in two requests; with `deep`, one more for what few users may ask.

    Raises StoreUnavailable, and StoreError when it tells nothing at all.
    """
    wanted, refused, trouble = needs(keys, names, queues), list[Need](), ""
    try:
        allowed = yield server.permitted(keys, attempts=[need.attempt for need in wanted])
        refused = [need for need, good in zip(wanted, allowed, strict=True) if not good]
    except StoreUnavailable:
        raise
    except StoreError as error:
        trouble = str(error)
    before = clock.now()
    info = yield from _told(server.info(), trouble)
    after = clock.now()
    offset = None
    if "server_time_usec" in info:
        offset = int(info["server_time_usec"]) / 1e6 - (before + after) / 2
    settings = (yield from _told(server.settings(*SETTINGS), "")) if deep else {}
    return Facts(
        keys.prefix,
        user_of(url),
        tuple(names),
        info,
        settings,
        refused,
        trouble,
        offset,
        (after - before) / 2,
    )


def _told(call: Call[dict[str, str]], trouble: str) -> Generator[Call[Any], Any, dict[str, str]]:
    """The answer, or nothing where it is refused; raised where scripts are refused too."""
    try:
        answer: dict[str, str] = yield call
    except StoreUnavailable:
        raise
    except StoreError:
        if trouble:
            raise
        return {}
    return answer
