"""Plain commands: one state for all of them."""

from __future__ import annotations

from typing import Any

from outrider import App
from outrider.script import Call
from outrider.store import (
    audit,
    batch,
    board,
    held,
    life,
    look,
    metrics,
    operation,
    overview,
    pauses,
    place,
    process,
    queue,
    server,
    trash,
)
from tests.app.hands import (
    BID,
    IDENTITY,
    NOW,
)
from tests.network.case import (
    CHILD,
    Prepare,
    case,
    members,
    stage,
)
from tests.network.measuring import looks, measured, sampled

# -- plain commands -------------------------------------------------------------------------------


def given(app: App) -> dict[str, Call[Any]]:
    """One request of each plain command, by module and name."""
    owner = f"{IDENTITY}:0"
    return {
        "audit.audited": audit.audited(app.keys, [BID], NOW),
        "batch.children": batch.children(app.keys, BID),
        "batch.failures": batch.failures(app.keys, BID),
        "batch.is_cancelled": batch.is_cancelled(app.keys, BID),
        "batch.parent": batch.parent(app.keys, BID),
        "batch.read": batch.read(app.keys, BID),
        "batch.unstage": batch.unstage(app.keys, [f"{CHILD}:default"]),
        "held.known": held.known(app.keys),
        "held.names": held.names(app.keys),
        "life.kids": life.kids(app.keys, BID, 0),
        "look.live": look.live(app.keys),
        "look.slots": look.slots(app.keys, BID, 0),
        "overview.days": overview.days(app.keys, ["2026-11-21", "2026-11-22"]),
        "operation.read": operation.read(app.keys, "00000000000000aa"),
        "place.lying": place.lying(app.keys, place.Place("retry")),
        "pauses.is_paused": pauses.is_paused(app.keys, place.Place("held", "app.job")),
        "pauses.pause": pauses.pause(app.keys, place.Place("queue", "low")),
        "pauses.resume": pauses.resume(app.keys, place.Place("held", "app.job")),
        "process.children": process.children(app.keys, IDENTITY),
        "process.claims": process.claims(app.keys, owner, 0),
        "process.last_token": process.last_token(app.keys),
        "process.workers": process.workers(app.keys),
        "queue.moving": queue.moving(app.keys),
        "queue.names": queue.names(app.keys),
        "queue.paused": queue.paused(app.keys),
        "queue.stands": queue.stands(app.keys, owner, 1),
        "server.info": server.info(),
        "server.settings": server.settings("maxmemory"),
        "queue.wait": queue.wait(app.keys, "default", 0.01),
        **looks(app),
        "trash.size": trash.size(app.keys),
    }


# These are scripts by other names, with all arguments filled in.
SAME = {
    "queue.move_slice",
    "held.handback_slice",
    "schedule.promote_slice",
    "place.size",
    "overview.page",
    "overview.sizes",
}


def _plain(name: str) -> Prepare:
    def prepare(app: App) -> Call[Any]:
        members(app, 3, claimed=1)
        app.perform(stage(app, 1))
        for call in (measured(app), sampled(app), metrics.mark(app.keys, label="v1", at=NOW)):
            app.perform(call)
        app.perform(board.signal(app.keys, identity=IDENTITY, name="TERM"))
        return given(app)[name]

    return prepare


def _enter_plain() -> None:
    nowhere = App("unix:///nowhere")
    for name in given(nowhere):
        again = "what a server says of itself changes" if name == "server.info" else ""
        case(name, again=again)(_plain(name))


_enter_plain()
