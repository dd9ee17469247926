"""Operations on workers: their leases, their children, and what is left of the dead."""

from __future__ import annotations

from typing import NamedTuple

from outrider.keys import Keys
from outrider.script import Call, command, script

LIFE_MS = 30_000
"""How long a lease lasts, in the virtual clock."""


class Beat(NamedTuple):
    """The answer to a heartbeat. `alive` is False when the lease had lapsed; `now` in ms."""

    alive: bool
    now: int
    signal: str


class Checked(NamedTuple):
    """The server's account of a child: whether it may claim, the time in ms, and what it holds."""

    alive: bool
    now: int
    tokens: set[int]


class Reaped(NamedTuple):
    """The worker whose lease lapsed ('' for none), and how many of its jobs were given back."""

    identity: str
    moved: int


@script(decode=lambda answer: Beat(bool(answer[0]), answer[1], answer[2].decode()))
def beat(
    keys: Keys,
    *,
    identity: str,
    life: int,
    register: int,
    fields: list[str | int],
    work: list[tuple[str, str, int, int]],
    heard: str,
    override: int,
) -> Beat:
    """Renew a lease for `life` ms of the virtual clock.

    `heard` is the signal that the last answer brought, or "": it is waiting until then.
    `work` are the running jobs: (slot name, child, token, started at in seconds). `override` is a
    time in ms instead of the server's, for tests; 0 otherwise.
    """
    raise NotImplementedError


@script()
def enlist(keys: Keys, *, identity: str, child: str) -> bool:
    """Let a child of this worker claim jobs; False when the worker's lease has lapsed."""
    raise NotImplementedError


@script(decode=lambda answer: Checked(bool(answer[0]), answer[1], set(map(int, answer[2:]))))
def check(keys: Keys, *, identity: str, child: str, life: int, override: int) -> Checked:
    """Renew the lease of a child's worker if it stands, and ask what the child holds.

    `override` is a time in ms instead of the server's, for tests; 0 otherwise.
    """
    raise NotImplementedError


@script()
def recall(
    keys: Keys,
    *,
    identity: str,
    child: str,
    limit: int,
    blamed: list[int],
    timed_out: list[int],
    now: int,
) -> int:
    """Give a dead child's jobs back to the front of their queues, a slice; 0 when none is left.

    `blamed` are tokens of those that ran when it died, `timed_out` of those it was killed for.
    """
    raise NotImplementedError


@script()
def relieve(
    keys: Keys, *, identity: str, child: str, begun: int, revoked: int, limit: int, bytes: int
) -> int:
    """Give jobs of a living child with tokens above `begun`, up to `revoked`, back to the front of
    their queues, up to `limit` or as many as fill `bytes`; how many it did.

    The child must have been told that it may not start them.
    """
    raise NotImplementedError


@script(decode=lambda answer: Reaped(answer[0].decode(), answer[1]))
def reap(keys: Keys, *, limit: int, override: int) -> Reaped:
    """Give back jobs of one worker whose lease has lapsed, blaming those that ran; a slice."""
    raise NotImplementedError


@script()
def farewell(keys: Keys, *, identity: str, limit: int) -> int:
    """Take a worker off the lists, and give back what it holds, a slice; 0 when none is left."""
    raise NotImplementedError


def last_token(keys: Keys) -> Call[int]:
    """The highest token that was given out."""
    return command("GET", keys("tokens"), decode=lambda answer: int(answer or 0))


def workers(keys: Keys) -> Call[list[str]]:
    """Identities of the workers that hold a lease."""
    return command("ZRANGE", keys("leases"), 0, -1, decode=_texts)


def children(keys: Keys, identity: str) -> Call[list[str]]:
    """Names of the children of a worker that may hold claims, sorted."""
    return command(
        "HKEYS",
        keys("owners", identity),
        decode=lambda answer: sorted(name for name in _texts(answer) if ":" not in name),
    )


def claims(keys: Keys, owner: str, cursor: int) -> Call[tuple[int, list[bytes]]]:
    """A page of the payloads that `owner` (identity:child) holds, and the next cursor.

    Cursor 0 begins it and ends it. A payload may be told twice.
    """
    return command(
        "HSCAN",
        keys("claims", owner),
        cursor,
        "COUNT",
        250,
        decode=lambda answer: (int(answer[0]), answer[1][1::2]),
    )


def _texts(answer: list[bytes]) -> list[str]:
    return [text.decode() for text in answer]
