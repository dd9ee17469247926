"""What is kept: pushes as operations, in a form that the next release can send too."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from outrider.keys import Keys
from outrider.script import BYTES, Call, Ticket
from outrider.store import batch, queue

BULK = 1000
MAKERS: dict[str, Callable[..., Call[Any]]] = {
    "push": queue.push,
    "stage": batch.stage,
    "commit": batch.commit,
}
# What the server would answer to each when all is well.
DONE: dict[str, Any] = {"push": 1, "stage": 1, "commit": [1, b""]}

UNREADABLE = (KeyError, TypeError, ValueError, msgspec.DecodeError)
Requests = list[tuple[str, dict[str, Any], list[str]]]
_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(Requests).decode


class Unreadable(Exception):
    """An entry is not what this release would have written."""


@dataclass(slots=True)
class Entry:
    """Requests that go together, in order: one push, or a commit with all that it stages.

    `requests` are operations with their arguments, and what each waits for. `ticket` is that of the
    last one, once it may have been sent. Plain pushes may be merged: `is_push`.
    """

    requests: bytes
    jobs: int
    is_push: bool
    ticket: Ticket | None = None
    id: int = 0

    @property
    def size(self) -> int:
        """How many bytes it takes."""
        return len(self.requests)


def keep(calls: Sequence[Call[Any]], ticket: Ticket | None) -> Entry:
    """An entry of these Calls; `ticket` when the last may have been sent with it."""
    requests = [(operation(call), call.arguments, list(call.durable)) for call in calls]
    jobs = sum(count(call) for call in calls)
    return Entry(_pack(requests), jobs, requests[0][0] == "push", ticket)


def operation(call: Call[Any]) -> str:
    """The name of a Call's operation."""
    assert call.script is not None
    return call.script.name


def count(call: Call[Any]) -> int:
    """How many jobs a push, a chunk or a commit carries."""
    now = sum(len(payloads) for _, payloads in call.arguments["queues"])
    return now + len(call.arguments["scheduled"]) // 2


def first_group(entries: Iterable[Entry]) -> list[Entry]:
    """The first entries, as many as one request may carry.

    Those with a ticket have been sent together before, and will be again, word for word.
    """
    group: list[Entry] = []
    jobs = size = 0
    for entry in entries:
        jobs, size = jobs + entry.jobs, size + entry.size
        if group:
            first = group[0]
            if entry.ticket != first.ticket or not (entry.is_push and first.is_push):
                break
            if entry.ticket is None and (jobs > BULK or size > BYTES):
                break
        group.append(entry)
    return group


def calls(keys: Keys, group: Sequence[Entry], salt: str) -> list[Call[Any]]:
    """The Calls of a group; pushes become one.

    Whatever is staged gets names that `salt` alone decides, so that an attempt meets nothing that
    an earlier one has left. Raises Unreadable.
    """
    try:
        requests = [request for entry in group for request in _unpack(entry.requests)]
        if group[0].is_push:
            push = queue.push(keys, **_merged([arguments for _, arguments, _ in requests]))
            return [push.lasting({wish for *_, wishes in requests for wish in wishes})]
        return [
            MAKERS[name](keys, **_renamed(arguments, salt)).lasting(wishes)
            for name, arguments, wishes in requests
        ]
    except UNREADABLE as error:
        raise Unreadable(f"this release can't read it: {error!r}") from error


def jids(group: Sequence[Entry]) -> list[str]:
    """Ids of the jobs in a group, as far as it can be read."""
    found: list[str] = []
    with contextlib.suppress(*UNREADABLE):
        for _, arguments, _ in (one for entry in group for one in _unpack(entry.requests)):
            payloads = [one for _, some in arguments["queues"] for one in some]
            payloads += arguments["scheduled"][1::2]
            found += [str(msgspec.json.decode(payload)["jid"]) for payload in payloads]
    return found


def _merged(pushes: Sequence[dict[str, Any]]) -> dict[str, Any]:
    queues: dict[str, list[str]] = {}
    scheduled: list[str | float] = []
    for push in pushes:
        for name, payloads in push["queues"]:
            queues.setdefault(name, []).extend(payloads)
        scheduled += push["scheduled"]
    return {"queues": list(queues.items()), "scheduled": scheduled}


def _renamed(arguments: dict[str, Any], salt: str) -> dict[str, Any]:
    def fresh(name: str) -> str:
        block, colon, queue_name = name.partition(":")
        text = f"{salt}:{block}".encode()
        return hashlib.blake2b(text, digest_size=8).hexdigest() + colon + queue_name

    changed = dict(arguments)
    if "block" in arguments:
        changed |= {
            "block": fresh(arguments["block"]),
            "names": [fresh(name) for name in arguments["names"]],
        }
    if "staged" in arguments:
        changed["staged"] = [(fresh(name), jobs) for name, jobs in arguments["staged"]]
    return changed
