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

from outrider.errors import NotDurable, StoreError, StoreUnavailable
from outrider.script import Call, Word

# Of the patience: what is left is for another server, should this one be lost meanwhile.
SHARE = 0.4


@dataclass(frozen=True, slots=True)
class Send:
    """Send these commands in one piece, and read an answer to each."""

    commands: list[tuple[Word, ...]]


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait so many seconds; go on with a new connection if `anew`."""

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
    LOAD = "not executed; the server has forgotten the script"
    ELSEWHERE = "not executed; this server is no primary, or no longer"
    REFUSED = "refused, and will be refused again"


_ELSEWHERE = ("READONLY", "MASTERDOWN", "UNBLOCKED")
_WAIT = ("LOADING", "BUSY", "CLUSTERDOWN", "TRYAGAIN", "MISCONF", "NOREPLICAS")


def meaning(error: Exception) -> Meaning:
    """What an error answer of the server means for the request that it answers."""
    text = str(error)
    if type(error).__name__ == "NoScriptError" or text.startswith("NOSCRIPT"):
        return Meaning.LOAD
    if type(error).__name__ == "BusyLoadingError" or text.startswith(_WAIT):
        return Meaning.WAIT
    # redis-py takes the first word of what it knows out of the text.
    if (getattr(error, "status_code", None) or text.partition(" ")[0]) in _ELSEWHERE:
        return Meaning.ELSEWHERE
    return Meaning.REFUSED


def exchange(
    calls: Sequence[Call[Any]], lane: Lane, patience: float, where: object
) -> Generator[Send | Pause, list[Any], list[Any]]:
    """Perform Calls in one round trip, and again as often as it takes within `patience` seconds.

    Raises StoreUnavailable when the server does not answer, StoreError when it refuses, NotDurable
    when a Call is executed and what it is to wait for does not come in a share of `patience`.
    """
    talk = _Talk(calls, lane, round(patience * SHARE * 1000))
    deadline, attempt = time.monotonic() + patience, 0
    executed: bool | None = False
    while talk.pending:
        reason, anew = "", False
        try:
            given = yield Send([words for i in talk.pending for words in talk.commands[i]])
            reason, anew = talk.file(given)
        except Lost as lost:
            reason, anew = str(lost), True
            executed = None if lost.executed is None else executed
        if reason:
            if time.monotonic() >= deadline:
                raise StoreUnavailable(
                    f"the server at {where} does not answer ({reason}); "
                    "is it running, and is the URL right?",
                    executed=executed,
                )
            yield Pause(min(0.01 * 2**attempt, 0.5) * random.uniform(0.5, 1.0), anew)
            attempt += 1
    return talk.answers


class _Talk:
    """What is to be sent for each Call, and what was answered. `wait` is in ms."""

    def __init__(self, calls: Sequence[Call[Any]], lane: Lane, wait: int) -> None:
        self._calls = calls
        self._lane = lane
        self._wait = wait
        self.commands = [self._request(call) for call in calls]
        self.answers: list[Any] = [None] * len(calls)
        self.pending = list(range(len(calls)))

    def file(self, given: Sequence[Any]) -> tuple[str, bool]:
        """File the answers to all that is pending; why it should wait, and whether to go on anew.

        What has to be sent again stays pending.
        """
        left, again, reason, anew = iter(given), [], "", False
        for i in self.pending:
            answer, *waited = [next(left) for _ in self.commands[i]]
            problem = self._problem(i, answer, waited)
            if problem is None:
                self.answers[i] = self._calls[i].decode(answer)
                continue
            again.append(i)
            reason = problem[0] or reason
            anew = anew or problem[1]
        self.pending = again
        return reason, anew

    def _problem(self, i: int, answer: Any, waited: list[Any]) -> tuple[str, bool] | None:
        """Why a Call has to be sent again, "" for at once, and whether on a new connection."""
        call = self._calls[i]
        if isinstance(answer, Exception):
            what = meaning(answer)
            if what is Meaning.REFUSED:
                raise StoreError(f"the server refused {_name(call)}: {answer}")
            if what is Meaning.LOAD and call.script is not None:
                first = self.commands[i][0]
                self.commands[i][0] = ("EVAL", call.script.source, *first[2:])
                return "", False
            return str(answer), what is Meaning.ELSEWHERE
        if call.laned and answer in (0, [0, b""]):
            self._lane.renew()
            self.commands[i] = self._request(call)
            return "", False
        for wish, found in zip(call.durable, waited, strict=True):
            if isinstance(found, Exception) and meaning(found) is Meaning.ELSEWHERE:
                # A new primary may or may not have what this one has executed.
                raise Lost(str(found), executed=None)
            _judge(_name(call), wish, found, self._wait)
        return None

    def _request(self, call: Call[Any]) -> list[tuple[Word, ...]]:
        return [_words(call, self._lane), *((*WAITS[wish], self._wait) for wish in call.durable)]


WAITS: dict[str, tuple[str | int, ...]] = {"replicated": ("WAIT", 1), "fsync": ("WAITAOF", 1, 0)}
_MISSED = {"replicated": "no replica has it", "fsync": "it is not on the server's disk"}


def _judge(name: str, wish: str, found: Any, wait: int) -> None:
    """Raise NotDurable unless one replica, or the server's own disk, has what was written."""
    if isinstance(found, Exception):
        why = f"the server refused {WAITS[wish][0]} ({found})"
    elif (found[0] if isinstance(found, list) else found) >= 1:
        return
    else:
        why = f"{_MISSED[wish]} after {wait / 1000:g} s"
    raise NotDurable(
        f"{name} is done, but not {wish}: {why}. It is lost only if the server is lost before it "
        "has caught up; to do it again would do it twice",
        wish,
    )


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
