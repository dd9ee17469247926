"""What people do by hand, the life of a batch, and the audit."""

from __future__ import annotations

from typing import Any

from outrider import App
from outrider.script import BYTES, Call
from outrider.store import audit, life, look, overview, place, server
from outrider.store.queue import Other
from tests.app.hands import (
    BID,
    IDENTITY,
    NOW,
    commit,
    member,
    put,
    raw,
    start,
)
from tests.network.case import (
    CALLED,
    CHILD,
    NOTE,
    SECONDS,
    TOLD_ONCE,
    case,
    hands,
    members,
    plain,
)

# -- people ---------------------------------------------------------------------------------------


@case("queued")
def _(app: App) -> Call[Any]:
    put(app, "default", *plain(5))
    return place.queued(
        app.keys,
        place="queue",
        name="default",
        start=0,
        length=0,
        marks=[],
        ahead=8,
        limit=3,
        bytes=BYTES,
    )


@case("timed")
def _(app: App) -> Call[Any]:
    raw(app, "ZADD", "retry", SECONDS, plain(1)[0])
    return place.timed(
        app.keys,
        place="retry",
        score="-inf",
        payload=b"",
        jid="",
        ties=0,
        ahead=8,
        limit=10,
        bytes=BYTES,
    )


@case("overview")
def _(app: App) -> Call[Any]:
    put(app, "default", *plain(5))
    return overview.page(app.keys)


@case("catalogue")
def _(app: App) -> Call[Any]:
    members(app, 2, claimed=1)
    return look.catalogue(
        app.keys, dead=0, newest=0, full=1, score="0", last="", limit=10, bytes=BYTES
    )


@case("remove", "a member", again=TOLD_ONCE)
def _(app: App) -> Call[Any]:
    start(app, 3, create=CALLED)
    return remove(app, member(1).encode(), 1, "")


@case("remove", "to the dead set", again=TOLD_ONCE)
def _(app: App) -> Call[Any]:
    start(app, 3, create=CALLED)
    return remove(app, member(1).encode(), 1, "dead")


def remove(app: App, payload: bytes, at: int, to: str) -> Call[Any]:
    """Take a job off the default queue."""
    return place.remove(
        app.keys,
        place="queue",
        name="default",
        payload=payload,
        at=at,
        to=to,
        failure=NOTE if to else "",
        now=NOW,
    )


def dead_member(app: App) -> bytes:
    """A member that is dead; its payload."""
    one, first = members(app, 2, claimed=1)
    one.ack(Other("dead", first, member(0), NOW, NOTE))
    return member(0).encode()


@case("requeue", again=TOLD_ONCE)
def _(app: App) -> Call[Any]:
    payload = dead_member(app)
    return place.requeue(app.keys, place="dead", payload=payload, changed=payload, now=NOW)


@case("clear")
def _(app: App) -> Call[Any]:
    start(app, 3, create=CALLED)
    return place.clear(app.keys, place="queue", name="default", limit=place.SLICE, now=NOW)


@case("seek")
def _(app: App) -> Call[Any]:
    dead_member(app)
    return place.seek(app.keys, name="dead", bid=BID, cursor="0", count=100)


@case("bringback", again=TOLD_ONCE)
def _(app: App) -> Call[Any]:
    text = dead_member(app).decode()
    return place.bringback(app.keys, bid=BID, place="dead", jobs=[(text, text)], now=NOW)


@case("permitted")
def _(app: App) -> Call[Any]:
    return server.permitted(app.keys, attempts=[["GET", "x"], ["SET", "x", "y"]])


# -- the life of a batch --------------------------------------------------------------------------


def hold(app: App) -> None:
    """A batch with a hold."""
    hands(app)
    start(app, 1)
    app.perform(commit(app, fields=[], hold="h"))


@case("renew")
def _(app: App) -> Call[Any]:
    hold(app)
    return life.renew(app.keys, bid=BID, hold="h")


@case("release", "well")
def _(app: App) -> Call[Any]:
    hold(app)
    return life.release(app.keys, bid=BID, hold="h", well=1, now=NOW)


@case("release", "badly")
def _(app: App) -> Call[Any]:
    hold(app)
    return life.release(app.keys, bid=BID, hold="h", well=0, now=NOW)


@case("upkeep", again="what was left undone is told anew after a while")
def _(app: App) -> Call[Any]:
    hold(app)
    app.perform(life.cancel(app.keys, bid=BID, running=1, now=NOW - 60_000))
    raw(app, "ZADD", app.keys("holds"), -1, f"{BID}:h")
    return life.upkeep(app.keys, limit=250, since=NOW - 30_000, heard=0, now=NOW)


@case("cancel")
def _(app: App) -> Call[Any]:
    members(app, 3, claimed=1)
    return life.cancel(app.keys, bid=BID, running=0, now=NOW)


@case("cancel", "those that run too", apart=(("o:interrupts", BID),))
def _(app: App) -> Call[Any]:
    members(app, 3, claimed=1)
    return life.cancel(app.keys, bid=BID, running=1, now=NOW)


def cancelled(app: App) -> str:
    """A batch that is cancelled, one of its members running; the mark."""
    members(app, 3, claimed=1)
    return app.perform(life.cancel(app.keys, bid=BID, running=0, now=NOW)).mark


@case("cancel_members")
def _(app: App) -> Call[Any]:
    cancelled(app)
    return life.cancel_members(app.keys, bid=BID, first=0, count=500, running=[0], now=NOW)


@case("cancelled", again="the mark is gone: it is done")
def _(app: App) -> Call[Any]:
    return life.cancelled(app.keys, bid=BID, mark=cancelled(app))


@case("purge", again="it says how much it has read")
def _(app: App) -> Call[Any]:
    cancelled(app)
    raw(app, "ZADD", "schedule", SECONDS, member(1), SECONDS, plain(1)[0])
    return life.purge(app.keys, name="schedule", cursor=0, count=250)


@case("forget", "at rest", again="it is unknown now: it is forgotten")
def _(app: App) -> Call[Any]:
    start(app, 0)
    return life.forget(app.keys, bid=BID, force=0, now=NOW)


@case("forget", "with force")
def _(app: App) -> Call[Any]:
    members(app, 2)
    return life.forget(app.keys, bid=BID, force=1, now=NOW)


@case("picture")
def _(app: App) -> Call[Any]:
    members(app, 2, claimed=1)
    return look.picture(app.keys, bid=BID)


# -- the audit ------------------------------------------------------------------------------------


@case("turn")
def _(app: App) -> Call[Any]:
    hands(app)
    return audit.turn(app.keys, identity=IDENTITY, life=30_000)


@case("review")
def _(app: App) -> Call[Any]:
    members(app, 2)
    return audit.review(app.keys, cursor="0")


@case("orphans")
def _(app: App) -> Call[Any]:
    start(app, 1)
    app.perform(commit(app, bid=CHILD, parent=BID, ranges=[(0, 2)], first_queue="default"))
    raw(app, "DEL", app.keys("batch", CHILD), app.keys("slots", CHILD))
    return audit.orphans(app.keys, bid=BID, cursor=0, now=NOW)


@case("arm")
def _(app: App) -> Call[Any]:
    start(app, 1)
    return audit.arm(app.keys, bid=BID, audit="a")


@case("survey")
def _(app: App) -> Call[Any]:
    members(app, 3)
    return audit.survey(app.keys, key=app.keys("queue", "default"), cursor="0", limit=100, edge=[])


@case("condemn", again="the audit has been ended: what it found is told")
def _(app: App) -> Call[Any]:
    members(app, 3)
    app.perform(audit.arm(app.keys, bid=BID, audit="a"))
    return audit.condemn(
        app.keys,
        bid=BID,
        audit="a",
        lost=[0],
        buried=[(1, NOTE)],
        callbacks=[],
        last=1,
        now=NOW,
    )
