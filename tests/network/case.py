"""What a prepared state is, and the helpers that make one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from outrider import App
from outrider.script import Call
from outrider.store import batch
from tests.app.hands import (
    IDENTITY,
    NOW,
    Hands,
    member,
    put,
    start,
    write,
)

Prepare = Callable[[App], Call[Any]]
SECONDS = NOW / 1000
CHILD = "00000000000000c1"
NOTE = '{"a":1}'
CALLBACK = '["","a.b","\\"args\\":[]"]'
CALLED = ["callbacks:complete", 1, "cb:complete:0", CALLBACK]
GOES_ON = "whoever sends it asks until nothing is left, or again at his next round"
TOLD_ONCE = "a person who deletes or retries may hear that it is not there any more"


@dataclass(frozen=True)
class Case:
    """An operation in one state. `again` says why a second sending may give another answer.

    `apart` are fields (key, then field or "") that a second sending may change, and that matter to
    nobody.
    """

    name: str
    what: str
    prepare: Prepare
    again: str = ""
    apart: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        return f"{self.name}-{self.what}" if self.what else self.name


CASES: list[Case] = []


def case(
    name: str, what: str = "", *, again: str = "", apart: tuple[tuple[str, str], ...] = ()
) -> Callable[[Prepare], Prepare]:
    """Enter a preparation: it fills an empty server, and gives the request."""

    def note(prepare: Prepare) -> Prepare:
        CASES.append(Case(name, what, prepare, again, apart))
        return prepare

    return note


def hands(app: App, identity: str = IDENTITY, child: str = "0") -> Hands:
    """A worker whose lease, and all else of it, goes by the time of the tests."""
    return Hands(app, identity, child, override=NOW)


def running(app: App, *payloads: str) -> tuple[Hands, int]:
    """A worker that holds these jobs, and the first token."""
    one = hands(app)
    put(app, "default", *payloads)
    return one, one.claim(want=len(payloads)).first


def plain(count: int) -> list[str]:
    """So many jobs of no batch."""
    return [write(f"{number:024x}") for number in range(count)]


def members(app: App, count: int = 4, *, claimed: int = 0) -> tuple[Hands, int]:
    """A batch with a callback, and a worker that holds some of its members."""
    start(app, count, create=CALLED)
    one = hands(app)
    return one, one.claim(want=claimed).first if claimed else 0


def stage(app: App, count: int) -> Call[int]:
    """Stage members of a block."""
    jobs = [member(number) for number in range(count)]
    names = [f"{CHILD}:default", CHILD]
    delayed: list[str | float] = [SECONDS, member(count)]
    return batch.stage(
        app.keys,
        block=CHILD,
        queues=[("default", jobs)],
        scheduled=delayed,
        names=names,
        life=batch.LIFE,
    )
