"""Pushing, running and reporting jobs, and the workers that do that."""

from __future__ import annotations

from typing import Any

from outrider import App
from outrider.script import BYTES, Call
from outrider.store import batch, board, held, outbox, process, queue, schedule
from outrider.store.queue import Other
from tests.app.hands import (
    BID,
    DAY,
    IDENTITY,
    NOW,
    Hands,
    commit,
    live,
    member,
    put,
    raw,
    start,
    write,
)
from tests.network.case import (
    CALLBACK,
    CALLED,
    CHILD,
    GOES_ON,
    NOTE,
    SECONDS,
    case,
    hands,
    members,
    plain,
    running,
    stage,
)

# -- producers ------------------------------------------------------------------------------------


@case("push")
def _(app: App) -> Call[Any]:
    return queue.push(
        app.keys,
        queues=[("default", plain(3)), ("low", [write("f" * 24, "low")])],
        scheduled=[SECONDS, write("e" * 24)],
    )


@case("commit", "new")
def _(app: App) -> Call[Any]:
    jobs = [member(number) for number in range(4)]
    return commit(
        app, create=CALLED, ranges=[(0, 4)], queues=[("default", jobs)], first_queue="default"
    )


@case("commit", "more of it, with a child")
def _(app: App) -> Call[Any]:
    start(app, 2)
    parts = [
        batch.Part(BID, "", [], [(64, 2)], "default", hold="h"),
        batch.Part(CHILD, BID, ["tags", "[]"], [], ""),
    ]
    jobs = [member(number) for number in (64, 65)]
    return batch.commit(
        app.keys, batches=parts, queues=[("default", jobs)], scheduled=[], staged=[], now=NOW
    )


@case("commit", "what was staged")
def _(app: App) -> Call[Any]:
    staged = stage(app, 3)
    app.perform(staged)
    put(app, "default", *plain(1))
    return commit(app, ranges=[(0, 3)], staged=[(f"{CHILD}:default", 3)], first_queue="default")


@case("stage")
def _(app: App) -> Call[Any]:
    return stage(app, 3)


@case("reserve", again="numbers that nobody uses are holes", apart=(("o:batch:" + BID, "n"),))
def _(app: App) -> Call[Any]:
    start(app, 2)
    return batch.reserve(app.keys, bid=BID, count=64, inside=False)


@case("listen", "before")
def _(app: App) -> Call[Any]:
    start(app, 2)
    return batch.listen(app.keys, bid=BID, event="success", callback=CALLBACK, now=NOW)


@case("listen", "afterwards")
def _(app: App) -> Call[Any]:
    start(app, 0)
    return batch.listen(app.keys, bid=BID, event="success", callback=CALLBACK, now=NOW)


# -- jobs that run --------------------------------------------------------------------------------


def claim(app: App, one: Hands, want: int = 3) -> Call[Any]:
    """The next claim of a worker."""
    return queue.claim(
        app.keys,
        **one.owner,
        request=one.request + 1,
        seen=one.seen,
        now=NOW,
        day=DAY,
        queues=["default"],
        want=want,
    )


@case("claim")
def _(app: App) -> Call[Any]:
    one, _ = running(app, *plain(2))
    put(app, "default", *plain(5))
    return claim(app, one)


@case("claim", "members, expired, paused and broken ones", again="it is told to look once more")
def _(app: App) -> Call[Any]:
    one, _ = members(app)
    expired = write("d" * 24, expiry=SECONDS - 1)
    other = write("c" * 24).replace("app.job", "app.other")
    put(app, "default", "no job", expired, other, *plain(3))
    raw(app, "SADD", app.keys("pausednames"), "app.job")
    return claim(app, one, want=9)


def ack(app: App, one: Hands, done: list[int], *others: Other) -> Call[Any]:
    """The next report of a worker."""
    return queue.ack(
        app.keys,
        **one.owner,
        request=one.request + 1,
        now=NOW,
        day=DAY,
        done=done,
        others=list(others),
        batches=500,
    )


@case("ack", again="that a job ran twice is not told again")
def _(app: App) -> Call[Any]:
    one, first = running(app, *plain(6))
    others = [
        Other("retry", first + 2, plain(1)[0], NOW, NOTE),
        Other("dead", first + 3, plain(1)[0], NOW, NOTE),
        Other("release", first + 4),
        Other("snooze", first + 5, "", NOW),
    ]
    return ack(app, one, [first, first + 1, 999], *others)


@case("ack", "members and their batch's events")
def _(app: App) -> Call[Any]:
    one, first = members(app, 4, claimed=4)
    others = [Other("retry", first + 2, member(2), NOW, NOTE), Other("discard", first + 3)]
    return ack(app, one, [first, first + 1], *others)


@case("deliver")
def _(app: App) -> Call[Any]:
    one, first = members(app, 3, claimed=1)
    return outbox.deliver(
        app.keys,
        owner=f"{one.owner['identity']}:{one.owner['child']}",
        token=first,
        now=NOW,
        day=DAY,
        batches=[batch.Part(CHILD, BID, ["tags", "[]"], [], "", inside=True)],
        queues=[("default", plain(2))],
        scheduled=[SECONDS, write("e" * 24)],
        staged=[],
    )


@case("outstanding")
def _(app: App) -> Call[Any]:
    running(app, *plain(2))
    return queue.outstanding(app.keys, queues=["default"], horizon=NOW)


@case("recall", again=GOES_ON)
def _(app: App) -> Call[Any]:
    one, first = running(app, *plain(3))
    return process.recall(
        app.keys, **one.owner, limit=250, blamed=[first], timed_out=[first + 1], now=NOW
    )


@case("relieve", again=GOES_ON)
def _(app: App) -> Call[Any]:
    one, first = running(app, *plain(4))
    return process.relieve(
        app.keys, **one.owner, begun=first, revoked=first + 2, limit=250, bytes=BYTES
    )


# -- workers --------------------------------------------------------------------------------------


@case("beat")
def _(app: App) -> Call[Any]:
    _, first = running(app, *plain(2))
    app.perform(board.signal(app.keys, identity=IDENTITY, name="TSTP"))
    app.perform(board.signal(app.keys, identity=IDENTITY, name="TERM"))
    return process.beat(
        app.keys,
        identity=IDENTITY,
        life=30_000,
        register=0,
        fields=["busy", 1],
        work=[("0-1", "0", first, NOW // 1000)],
        heard="",
        override=NOW + 5000,
    )


@case("beat", "the first")
def _(app: App) -> Call[Any]:
    return process.beat(
        app.keys,
        identity=IDENTITY,
        life=30_000,
        register=1,
        fields=["busy", 0],
        work=[],
        heard="",
        override=NOW,
    )


@case("enlist")
def _(app: App) -> Call[Any]:
    hands(app)
    return process.enlist(app.keys, identity=IDENTITY, child="7")


@case("check")
def _(app: App) -> Call[Any]:
    one, _ = running(app, *plain(2))
    return process.check(app.keys, **one.owner, life=30_000, override=NOW + 1000)


@case("reap", again=GOES_ON)
def _(app: App) -> Call[Any]:
    running(app, *plain(3))
    live(app, IDENTITY, life=-1, override=NOW)
    return process.reap(app.keys, limit=250, override=NOW + 1000)


@case("farewell", again=GOES_ON)
def _(app: App) -> Call[Any]:
    running(app, *plain(3))
    return process.farewell(app.keys, identity=IDENTITY, limit=250)


@case("signal")
def _(app: App) -> Call[Any]:
    hands(app)
    return board.signal(app.keys, identity=IDENTITY, name="TERM")


@case("prune", again=GOES_ON)
def _(app: App) -> Call[Any]:
    hands(app)
    raw(app, "SADD", "processes", "gone:1:a", IDENTITY)
    return board.prune(app.keys, identities=["gone:1:a", IDENTITY])


@case("roll")
def _(app: App) -> Call[Any]:
    running(app, *plain(2))
    return board.roll(app.keys, only="", cursor="0", count=board.PAGE, fields=board.FIELDS)


@case("boards")
def _(app: App) -> Call[Any]:
    _, first = running(app, *plain(2))
    work = [("0-1", "0", first, NOW // 1000)]
    app.perform(
        process.beat(
            app.keys,
            identity=IDENTITY,
            life=30_000,
            register=0,
            fields=["busy", 1],
            work=work,
            heard="",
            override=NOW,
        )
    )
    return board.boards(app.keys, identities=[IDENTITY], cursor="0", limit=1000, bytes=BYTES)


# -- the schedule, and what is held or on its way -------------------------------------------------


@case("promote", again=GOES_ON)
def _(app: App) -> Call[Any]:
    for number, text in enumerate([*plain(3), "no job"]):
        raw(app, "ZADD", "schedule", SECONDS - number, text)
    raw(app, "ZADD", "schedule", SECONDS + 60, write("f" * 24))
    return schedule.promote_slice(app.keys, name="schedule", identity=IDENTITY, now=NOW)


@case("handback")
def _(app: App) -> Call[Any]:
    raw(app, "SADD", app.keys("pausednames"), "app.job")
    one = hands(app)
    put(app, "default", *plain(3))
    one.claim()
    raw(app, "SREM", app.keys("pausednames"), "app.job")
    return held.handback_slice(app.keys)


@case("move")
def _(app: App) -> Call[Any]:
    app.perform(stage(app, 3))
    put(app, "default", *plain(1))
    app.perform(
        commit(app, ranges=[(0, 3)], staged=[(f"{CHILD}:default", 3)], first_queue="default")
    )
    return queue.move_slice(app.keys)


@case("waiting")
def _(app: App) -> Call[Any]:
    put(app, "default", *plain(3))
    return queue.waiting(app.keys, queue="default")
