"""Looks for the jobs of some batches wherever jobs may lie, in the order in which they move."""

from __future__ import annotations

from collections.abc import Iterable

from outrider.hub import Flow
from outrider.keys import Keys
from outrider.script import FIRST, portion
from outrider.store import audit, held, process, queue
from outrider.store.audit import END, GAP, PAGE, Survey

HELD, BURIED = 1, 2
TRIES = 3
ORDER = ("claims", "moving", "schedule", "retry", "dead", "queues", "held", "dead")


class Case:
    """What is looked for of one batch: its members by number, and callbacks as event:index.

    Each is marked with HELD or BURIED, where it was seen.
    """

    def __init__(self, numbers: int, callbacks: Iterable[str]) -> None:
        self.members = bytearray(numbers)
        self.callbacks = dict.fromkeys(callbacks, 0)


def search(keys: Keys, cases: dict[str, Case], page: int = PAGE) -> Flow[bool]:
    """Mark in `cases` what is seen; False when a queue moved too fast to be read without a gap.

    The order is that in which jobs move: what moves meanwhile is met in the place it comes to.
    """
    for kind in ORDER:
        mark = BURIED if kind == "dead" else HELD
        for key in (yield from _places(keys, kind)):
            if not (yield from _read(keys, key, cases, mark, page)):
                return False
    return True


def _places(keys: Keys, kind: str) -> Flow[list[str]]:
    if kind == "claims":
        owners = []
        for identity in (yield process.workers(keys)):
            children: list[str] = yield process.children(keys, identity)
            owners += [f"{identity}:{child}" for child in children]
        return [keys("claims", owner) for owner in owners]
    if kind == "moving":
        return [keys("staged", name) for name in (yield queue.moving(keys))]
    if kind == "queues":
        return [keys("queue", name) for name in (yield queue.names(keys))]
    if kind == "held":
        return [keys("held", name) for name in (yield held.names(keys))]
    return [keys(kind)]


def _read(keys: Keys, key: str, cases: dict[str, Case], mark: int, limit: int) -> Flow[bool]:
    for _ in range(TRIES):
        page, size = Survey("0", {}, [], [], 0), min(FIRST, limit)
        while True:
            page = yield audit.survey(keys, key=key, cursor=page.cursor, limit=size, edge=page.edge)
            _note(page, cases, mark)
            size = portion(size, page.size, limit)
            if page.cursor == END:
                return True
            if page.cursor == GAP:
                break
    return False


def _note(page: Survey, cases: dict[str, Case], mark: int) -> None:
    for bid, numbers in page.members.items():
        if bid in cases:
            members = cases[bid].members
            for number in numbers:
                if number < len(members):
                    members[number] |= mark
    for callback in page.callbacks:
        bid, _, name = callback.partition(":")
        if bid in cases and name in cases[bid].callbacks:
            cases[bid].callbacks[name] |= mark
