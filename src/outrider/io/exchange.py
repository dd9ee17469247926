"""The protocol of one request, written once: what to send, what an answer means, when to try again.

`exchange` is a generator of steps: it yields `Send` and is given the answers (or a `Lost` is thrown
into it), and it yields `Pause`. A sync and an async executor perform the steps; neither decides
anything. What each error means for the request is in the table of `docs/internals.md`.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from outrider.chance import chance
from outrider.errors import NotDurable, StoreError, StoreFull, StoreUnavailable
from outrider.script import Call, Ticket, Word

# Of the patience: what is left is for another server, should this one be lost meanwhile.
SHARE = 0.4
# By so much, in seconds, a wait may be longer than was asked: the server looks ten times a second.
GRAIN = 0.15


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
    "OutOfMemoryError": "OOM",
    "NoPermissionError": "NOPERM",
    "AuthenticationError": "NOAUTH",
}
_MEANINGS = {
    "NOSCRIPT": Meaning.LOAD,
    **dict.fromkeys(["BUSY", "CLUSTERDOWN", "TRYAGAIN", "MISCONF"], Meaning.WAIT),
    **dict.fromkeys(["LOADING", "MASTERDOWN", "READONLY", "NOREPLICAS", "UNBLOCKED"], Meaning.ANEW),
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

    Raises StoreUnavailable when the server does not answer, StoreError when it refuses, NotDurable
    when a Call is executed and what it is to wait for does not come in a share of `patience`.
    """
    talk = _Talk(calls, lane, _wait(patience))
    end, attempt = time.monotonic() + patience, 0
    # Less patience is for trying again: an attempt has its time, as the server may be far away.
    least = min([patience, *(call.patience for call in calls if call.patience is not None)])
    deadline = end - patience + least
    executed: bool | None = False
    while talk.pending:
        reason, anew = "", False
        try:
            within = max(LEAST, end - time.monotonic())
            given = yield Send([words for i in talk.pending for words in talk.commands[i]], within)
            refusals = talk.file(given)
        except Lost as lost:
            reason, anew = f"does not answer ({lost}); is it running, and is the URL right?", True
            executed = None if lost.executed is None else executed
        except StoreFull as full:
            # It refuses before it looks at the lane: an attempt unheard of may have been executed.
            if executed is None:
                ticket = talk.leave_lane()
                raise StoreUnavailable(str(full), executed=None, ticket=ticket) from full
            raise
        else:
            if refusals:
                reason = f"cannot serve now ({_words_of(refusals[0])[1]})"
                anew = any(meaning(error) is Meaning.ANEW for error in refusals)
        if reason:
            if time.monotonic() >= deadline:
                ticket = None if executed is False else talk.leave_lane()
                text = f"the server at {where} {reason}"
                raise StoreUnavailable(text, executed=executed, ticket=ticket)
            yield Pause(min(0.01 * 2 ** min(attempt, 6), 0.5) * chance.uniform(0.5, 1.0), anew)
            attempt += 1
    return talk.answers


def _wait(patience: float) -> int:
    """For how many ms to wait for durability; its answer comes before silence is given up on."""
    # To wait for 0 ms would be for ever.
    return max(1, round(min(patience * SHARE, patience / 2 - GRAIN) * 1000))


class _Talk:
    """What is to be sent for each Call, and what was answered. `wait` is in ms."""

    def __init__(self, calls: Sequence[Call[Any]], lane: Lane, wait: int) -> None:
        self._calls = calls
        self._lane = lane
        self._wait = wait
        self.commands = [self._request(call) for call in calls]
        self.answers: list[Any] = [None] * len(calls)
        self.pending = list(range(len(calls)))

    def file(self, given: Sequence[Any]) -> list[Exception]:
        """File the answers to all that is pending; the errors that say to wait.

        What has to be sent again stays pending.
        """
        left, again = iter(given), []
        refusals: list[Exception] = []
        for i in self.pending:
            answer, *waited = [next(left) for _ in self.commands[i]]
            if isinstance(answer, Exception):
                again.append(i)
                if not self._is_loaded(i, answer):
                    refusals.append(answer)
            elif self._is_elsewhere(self._calls[i], answer):
                again.append(i)
                self._lane.renew()
                self.commands[i] = self._request(self._calls[i])
            else:
                # What was refused has written nothing that could last.
                if waited and (answer[0] if isinstance(answer, list) else answer) == 1:
                    self._check(self._calls[i], waited)
                self.answers[i] = self._calls[i].decode(answer)
        self.pending = again
        return refusals

    def _is_loaded(self, i: int, error: Exception) -> bool:
        """Whether the request now brings its script along, for a server that has forgotten it."""
        call, what = self._calls[i], meaning(error)
        if what is Meaning.REFUSED:
            code, text = _words_of(error)
            kind = StoreFull if code == "OOM" else StoreError
            raise kind(f"the server refused {_name(call)}: {text}", code=code)
        if what is not Meaning.LOAD or call.script is None:
            return False
        self.commands[i][0] = ("EVAL", call.script.source, *self.commands[i][0][2:])
        return True

    @staticmethod
    def _is_elsewhere(call: Call[Any], answer: Any) -> bool:
        """Whether the lane is not ours, and so to be left for another."""
        return call.laned and call.ticket is None and answer in (0, [0, b""])

    def leave_lane(self) -> Ticket | None:
        """The ticket of the laned request whose outcome is unknown.

        Whoever has it may send it again as long as nothing else has gone on that lane.
        """
        for call, (words, *_) in zip(self._calls, self.commands, strict=True):
            if call.laned:
                self._lane.renew()
                name, number, digest = words[5:8]
                return Ticket(str(name), int(number), str(digest))
        return None

    def _check(self, call: Call[Any], waited: list[Any]) -> None:
        """See that what is done lasts as the Call wishes."""
        for wish, found in zip(call.durable, waited, strict=True):
            if isinstance(found, Exception) and meaning(found) is Meaning.ANEW:
                # A new primary may or may not have what this one has executed.
                raise Lost(str(found), executed=None)
            _judge(_name(call), wish, found, self._wait)

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


def _name(call: Call[Any]) -> str:
    return call.script.name if call.script is not None else str(call.words[0])
