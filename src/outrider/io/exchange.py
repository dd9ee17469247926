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
from outrider.script import Call, Word


@dataclass(frozen=True, slots=True)
class Send:
    """Send these commands in one piece, and read an answer to each, within so many seconds."""

    commands: list[tuple[Word, ...]]
    within: float


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait so many seconds; with `anew`, drop the connection first: another server may be meant."""

    seconds: float
    anew: bool = False


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
    ANEW = "not executed; this server cannot, and its address may lead to another one by now"
    LOAD = "not executed; the server has forgotten the script"
    REFUSED = "refused, and will be refused again"


# redis-py takes the code out of the text of these, and keeps it only from version 8 on.
_CODES = {
    "NoScriptError": "NOSCRIPT",
    "BusyLoadingError": "LOADING",
    "ReadOnlyError": "READONLY",
    "MasterDownError": "MASTERDOWN",
    "ClusterDownError": "CLUSTERDOWN",
    "TryAgainError": "TRYAGAIN",
}
_MEANINGS = {
    "NOSCRIPT": Meaning.LOAD,
    **dict.fromkeys(("BUSY", "CLUSTERDOWN", "TRYAGAIN", "MISCONF"), Meaning.WAIT),
    **dict.fromkeys(("LOADING", "MASTERDOWN", "READONLY", "NOREPLICAS", "UNBLOCKED"), Meaning.ANEW),
}
FULL = "max number of clients reached"
# What is left of the patience may be next to nothing, which no server could keep to.
LEAST = 0.25


def meaning(error: Exception) -> Meaning:
    """What an error answer of the server means for the request that it answers."""
    code, text = _words_of(error)
    return Meaning.ANEW if text.endswith(FULL) else _MEANINGS.get(code, Meaning.REFUSED)


def _words_of(error: Exception) -> tuple[str, str]:
    """The code of an error answer, and its text with that code in front."""
    text = str(error)
    code = getattr(error, "status_code", None) or _CODES.get(type(error).__name__)
    if code is None or text.startswith(code):
        return text.partition(" ")[0], text
    return code, f"{code} {text}"


def exchange(
    calls: Sequence[Call[Any]], lane: Lane, patience: float, where: object
) -> Generator[Send | Pause, list[Any], list[Any]]:
    """Perform Calls in one round trip, and again as often as it takes within `patience` seconds.

    Raises StoreUnavailable when the server does not answer, StoreError when it refuses.
    """
    commands = [_words(call, lane) for call in calls]
    answers: list[Any] = [None] * len(calls)
    pending = list(range(len(calls)))
    deadline, attempt = time.monotonic() + patience, 0
    executed: bool | None = False
    while pending:
        reason, anew = "", False
        try:
            within = max(LEAST, deadline - time.monotonic())
            given = yield Send([commands[i] for i in pending], within)
        except Lost as lost:
            reason = f"does not answer ({lost}); is it running, and is the URL right?"
            executed = None if lost.executed is None else executed
        else:
            pending, refusals = _sort(calls, commands, answers, pending, given, lane)
            if refusals:
                reason = f"cannot serve now ({_words_of(refusals[0])[1]})"
                anew = any(meaning(error) is Meaning.ANEW for error in refusals)
        if reason:
            if time.monotonic() >= deadline:
                raise StoreUnavailable(f"the server at {where} {reason}", executed=executed)
            yield Pause(min(0.01 * 2**attempt, 0.5) * random.uniform(0.5, 1.0), anew)
            attempt += 1
    return answers


def _sort(
    calls: Sequence[Call[Any]],
    commands: list[tuple[Word, ...]],
    answers: list[Any],
    pending: list[int],
    given: list[Any],
    lane: Lane,
) -> tuple[list[int], list[Exception]]:
    """File the answers; return what has to be sent again, and the errors that say to wait."""
    again: list[int] = []
    refusals: list[Exception] = []
    for i, answer in zip(pending, given, strict=True):
        call = calls[i]
        if isinstance(answer, Exception):
            what = meaning(answer)
            if what is Meaning.REFUSED:
                text = _words_of(answer)[1]
                raise StoreError(f"the server refused {_name(call)}: {text}")
            if what is Meaning.LOAD and call.script is not None:
                commands[i] = ("EVAL", call.script.source, *commands[i][2:])
            else:
                refusals.append(answer)
            again.append(i)
        elif call.laned and answer in (0, [0, b""]):
            lane.renew()
            commands[i] = _words(call, lane)
            again.append(i)
        else:
            answers[i] = call.decode(answer)
    return again, refusals


def _words(call: Call[Any], lane: Lane) -> tuple[Word, ...]:
    if call.script is None:
        return call.words
    guards, rest = call.words[:2], call.words[2:]
    if call.laned:
        lane.number += 1
        digest = hashlib.blake2b(digest_size=8)
        for word in rest:
            digest.update(word if isinstance(word, bytes) else str(word).encode())
            digest.update(b"\0")
        rest = (lane.name, lane.number, digest.hexdigest(), *rest)
    return ("EVALSHA", call.script.sha, 2, *guards, *rest)


def _name(call: Call[Any]) -> str:
    return call.script.name if call.script is not None else str(call.words[0])
