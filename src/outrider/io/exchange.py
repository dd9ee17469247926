"""The protocol of one request, written once: what to send, what an answer means, when to try again.

`exchange` is a generator of steps: it yields `Send` and is given the answers (or a `Lost` is thrown
into it), and it yields `Pause`. A sync and an async executor perform the steps; neither decides
anything. What each error means for the request is in the table of `docs/internals.md`.
"""

from __future__ import annotations

import hashlib
import os
import random
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from outrider.errors import StoreError, StoreUnavailable
from outrider.script import Call, Ticket, Word


@dataclass(frozen=True, slots=True)
class Send:
    """Send these commands in one piece, and read an answer to each."""

    commands: list[tuple[Word, ...]]


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait so many seconds."""

    seconds: float


class Lost(Exception):
    """The connection failed. `executed` is False when nothing had been sent yet."""

    def __init__(self, reason: str, *, executed: bool | None) -> None:
        super().__init__(reason)
        self.executed = executed


class Lane:
    """A producer lane: it belongs to one connection and has one request in flight."""

    __slots__ = ("name", "number")

    def __init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        """Become a lane that nobody else has."""
        self.name = os.urandom(8).hex()
        self.number = 0


class Meaning(Enum):
    """What an error answer says of the request."""

    WAIT = "not executed; the server cannot now"
    LOAD = "not executed; the server has forgotten the script"
    REFUSED = "refused, and will be refused again"


_WAIT = ("LOADING", "BUSY", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "MISCONF", "NOREPLICAS")


def meaning(error: Exception) -> Meaning:
    """What an error answer of the server means for the request that it answers."""
    text = str(error)
    if type(error).__name__ == "NoScriptError" or text.startswith("NOSCRIPT"):
        return Meaning.LOAD
    if type(error).__name__ == "BusyLoadingError" or text.startswith(_WAIT):
        return Meaning.WAIT
    return Meaning.REFUSED


_CODES = {"OutOfMemoryError": "OOM", "ReadOnlyError": "READONLY", "NoPermissionError": "NOPERM"}


def _code(error: Exception) -> str:
    """The first word of an error answer, which redis-py takes off those that it has a class for."""
    if type(error).__name__.startswith("Authentication"):
        return "NOAUTH"
    return _CODES.get(type(error).__name__) or str(error).partition(" ")[0]


def exchange(
    calls: Sequence[Call[Any]], lane: Lane, patience: float, where: object
) -> Generator[Send | Pause, list[Any], list[Any]]:
    """Perform Calls in one round trip, and again as often as it takes within `patience` seconds.

    Raises StoreUnavailable when the server does not answer, StoreError when it refuses.
    """
    commands = [_words(call, lane) for call in calls]
    answers: list[Any] = [None] * len(calls)
    pending = list(range(len(calls)))
    patience = min([patience, *(call.patience for call in calls if call.patience is not None)])
    deadline, attempt = time.monotonic() + patience, 0
    executed: bool | None = False
    while pending:
        reason = ""
        try:
            given = yield Send([commands[i] for i in pending])
        except Lost as lost:
            reason = str(lost)
            executed = None if lost.executed is None else executed
        else:
            pending, reason = _sort(calls, commands, answers, pending, given, lane)
        if reason:
            if time.monotonic() >= deadline:
                raise StoreUnavailable(
                    f"the server at {where} does not answer ({reason}); "
                    "is it running, and is the URL right?",
                    executed=executed,
                    ticket=None if executed is False else _leave_lane(calls, commands, lane),
                )
            yield Pause(min(0.01 * 2**attempt, 0.5) * random.uniform(0.5, 1.0))
            attempt += 1
    return answers


def _sort(
    calls: Sequence[Call[Any]],
    commands: list[tuple[Word, ...]],
    answers: list[Any],
    pending: list[int],
    given: list[Any],
    lane: Lane,
) -> tuple[list[int], str]:
    """File the answers; return what has to be sent again, and why if that should wait."""
    again, reason = [], ""
    for i, answer in zip(pending, given, strict=True):
        call = calls[i]
        if isinstance(answer, Exception):
            what = meaning(answer)
            if what is Meaning.REFUSED:
                text = f"the server refused {_name(call)}: {answer}"
                raise StoreError(text, code=_code(answer))
            if what is Meaning.LOAD and call.script is not None:
                commands[i] = ("EVAL", call.script.source, *commands[i][2:])
            else:
                reason = str(answer)
            again.append(i)
        elif call.laned and call.ticket is None and answer in (0, [0, b""]):
            lane.renew()
            commands[i] = _words(call, lane)
            again.append(i)
        else:
            answers[i] = call.decode(answer)
    return again, reason


def _words(call: Call[Any], lane: Lane) -> tuple[Word, ...]:
    if call.script is None:
        return call.words
    guards, rest = call.words[:2], call.words[2:]
    ticket = (call.ticket or take_ticket(call, lane)) if call.laned else ()
    return ("EVALSHA", call.script.sha, 2, *guards, *ticket, *rest)


def take_ticket(call: Call[Any], lane: Lane) -> Ticket:
    """The next place on a lane, for a Call."""
    lane.number += 1
    digest = hashlib.blake2b(digest_size=8)
    for word in call.words[2:]:
        digest.update(word if isinstance(word, bytes) else str(word).encode())
        digest.update(b"\0")
    return Ticket(lane.name, lane.number, digest.hexdigest())


def _leave_lane(
    calls: Sequence[Call[Any]], commands: list[tuple[Word, ...]], lane: Lane
) -> Ticket | None:
    """The ticket of the laned request whose outcome is unknown.

    Whoever has it may send it again as long as nothing else has gone on that lane.
    """
    for call, words in zip(calls, commands, strict=True):
        if call.laned:
            lane.renew()
            name, number, digest = words[5:8]
            return Ticket(str(name), int(number), str(digest))
    return None


def _name(call: Call[Any]) -> str:
    return call.script.name if call.script is not None else str(call.words[0])
