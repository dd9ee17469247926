"""Handing jobs over to the server: the one way that all pushes, stagings and commits go.

Where the app has a push buffer, it takes what the server can't; what comes later waits behind it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, TypeVar

from outrider.errors import StoreError, StoreFull, StoreUnavailable
from outrider.hub import Flow, Hub
from outrider.script import Call
from outrider.words import count

T = TypeVar("T")
# How long, in seconds, a push is tried before it is kept; with the last pause, twice that at most.
# Where a connection is neither accepted nor refused, it is the app's time-out.
PATIENCE = 0.15
PARTLY = "a block of which the server has taken a part"
# What a server may do later: it is away, or refuses for its memory is full.
PASSING = (StoreUnavailable, StoreFull)


def deliver(hub: Hub, call: Call[T], ahead: Sequence[Call[Any]] = ()) -> Flow[T]:
    """Have the server take jobs, or keep them; `call` pushes or commits them.

    `ahead` is what `send_ahead` has kept for it.
    """
    buffer = hub.push_buffer
    if buffer is None:
        answer = yield call
        return answer  # type: ignore[no-any-return]
    if not ahead and not buffer.holds():
        try:
            answer = yield replace(call, patience=PATIENCE)
            return answer  # type: ignore[no-any-return]
        except StoreError as error:
            if not isinstance(error, PASSING):
                raise
            return buffer.put([call], error)  # type: ignore[no-any-return]
    return buffer.put([*ahead, call])  # type: ignore[no-any-return]


def send_ahead(hub: Hub, call: Call[Any], kept: list[Call[Any]], *, began: bool) -> Flow[bool]:
    """Have the server take a chunk of a block ahead of its commit; False when it was `kept` for it.

    What is kept for a commit is nowhere but in this process, like the block itself. `began` says
    that the server has taken a chunk before, and so must take all.
    """
    buffer = hub.push_buffer
    if buffer is None or began:
        yield from _press(hub, [call], PARTLY)
        return True
    error: StoreError | None = None
    if not kept and not buffer.holds():
        try:
            yield replace(call, patience=PATIENCE)
            return True
        except StoreError as refusal:
            if not isinstance(refusal, PASSING):
                raise
            error = refusal
    buffer.check([*kept, call], error)
    kept.append(call)
    return False


def insist(hub: Hub, call: Call[T], what: str, ahead: Sequence[Call[Any]] = ()) -> Flow[T]:
    """Perform what can't be kept, as its answer matters; `what` names it.

    Raises StoreUnavailable also while jobs before it are still kept.
    """
    buffer = hub.push_buffer
    if buffer is not None and buffer.holds():
        raise StoreUnavailable(
            f"{what} needs the server, and can't be kept in the push buffer, where "
            f"{count(buffer.jobs, 'job')} pushed before are still waiting to be sent",
            executed=False,
        )
    answer: T = yield from _press(hub, [*ahead, call], what)
    return answer


def _press(hub: Hub, calls: Sequence[Call[Any]], what: str) -> Flow[Any]:
    try:
        answer = None
        for call in calls:
            answer = yield call
        return answer
    except StoreUnavailable as error:
        if hub.push_buffer is None:
            raise
        text = f"{error}; {what} can't be kept in the push buffer"
        raise StoreUnavailable(text, executed=error.executed, ticket=error.ticket) from error
