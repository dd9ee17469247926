"""For each operation a state of the server in which it has something to do, and the request.

A new script needs an entry here: `test_every_operation_is_prepared` says so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from outrider import App
from outrider.script import BYTES, Call
from outrider.store import audit, batch, board, held, life, look, place, process, queue, schedule
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


# -- people ---------------------------------------------------------------------------------------


@case("queued")
def _(app: App) -> Call[Any]:
    put(app, "default", *plain(5))
    return place.queued(app.keys, place="queue", name="default", start=0, last=b"", count=3)


@case("timed")
def _(app: App) -> Call[Any]:
    raw(app, "ZADD", "retry", SECONDS, plain(1)[0])
    return place.timed(app.keys, place="retry", score="-inf", payload=b"", count=10)


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


@case("clear", again=GOES_ON)
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


# -- plain commands -------------------------------------------------------------------------------


def given(app: App) -> dict[str, Call[Any]]:
    """One request of each plain command, by module and name."""
    owner = f"{IDENTITY}:0"
    return {
        "board.heard": board.heard(app.keys, IDENTITY, "TERM"),
        "audit.audited": audit.audited(app.keys, [BID], NOW),
        "batch.children": batch.children(app.keys, BID),
        "batch.failures": batch.failures(app.keys, BID),
        "batch.is_cancelled": batch.is_cancelled(app.keys, BID),
        "batch.live": batch.live(app.keys),
        "batch.parent": batch.parent(app.keys, BID),
        "batch.read": batch.read(app.keys, BID),
        "batch.unstage": batch.unstage(app.keys, [f"{CHILD}:default"]),
        "batch.with_dead": batch.with_dead(app.keys),
        "held.is_paused": held.is_paused(app.keys, "app.job"),
        "held.known": held.known(app.keys),
        "held.names": held.names(app.keys),
        "held.pause": held.pause(app.keys, "app.job"),
        "held.resume": held.resume(app.keys, "app.job"),
        "life.kids": life.kids(app.keys, BID, 0),
        "look.slots": look.slots(app.keys, BID, 0),
        "place.lying": place.lying(app.keys, place.Place("retry")),
        "place.pause": place.pause(app.keys, "low"),
        "place.resume": place.resume(app.keys, "low"),
        "process.children": process.children(app.keys, IDENTITY),
        "process.claims": process.claims(app.keys, owner, 0),
        "process.counter": process.counter(app.keys, "processed"),
        "process.last_token": process.last_token(app.keys),
        "process.workers": process.workers(app.keys),
        "queue.is_paused": queue.is_paused(app.keys, "default"),
        "queue.moving": queue.moving(app.keys),
        "queue.names": queue.names(app.keys),
        "queue.paused": queue.paused(app.keys),
        "queue.stands": queue.stands(app.keys, owner, 1),
        "queue.wait": queue.wait(app.keys, "default", 0.01),
    }


# These are scripts by other names, with all arguments filled in.
SAME = {"queue.move_slice", "held.handback_slice", "schedule.promote_slice", "place.size"}


def _plain(name: str) -> Prepare:
    def prepare(app: App) -> Call[Any]:
        members(app, 3, claimed=1)
        app.perform(stage(app, 1))
        app.perform(board.signal(app.keys, identity=IDENTITY, name="TERM"))
        return given(app)[name]

    return prepare


def _enter_plain() -> None:
    nowhere = App("unix:///nowhere")
    for name in given(nowhere):
        case(name)(_plain(name))


_enter_plain()
