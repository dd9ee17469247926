"""Leases: who is alive, and how the jobs of the others return."""

from __future__ import annotations

import pytest

from outrider import App
from outrider.store import process, queue
from outrider.store.process import Beat, Reaped
from outrider.store.queue import Claimed
from tests.app.hands import DAY, IDENTITY, NOW, Hands, listed, live, put, raw, scored, write

LIFE = 30_000
STEP = 10_000
HOUR = 3_600_000
OTHER = "other:2:cd"


def tick(app: App, at: int, limit: int = 100) -> Reaped:
    """Let some supervisor look for lapsed leases at this time, in ms after NOW."""
    return app.perform(process.reap(app.keys, limit=limit, override=NOW + at))


def beat(
    app: App, at: int, identity: str = IDENTITY, *, register: int = 0, heard: str = ""
) -> Beat:
    """Let a worker say that it lives, at this time."""
    return app.perform(
        process.beat(
            app.keys,
            identity=identity,
            life=LIFE,
            register=register,
            fields=["busy", 0],
            work=[],
            heard=heard,
            override=NOW + at,
        )
    )


NOBODY = Reaped("", 0)
LAPSES: list[tuple[list[int], bool]] = [
    # the clock jumps or stands still: the lease stands
    ([0, HOUR], False),
    ([24 * HOUR], False),
    ([-HOUR, 0, -HOUR, 0], False),
    ([HOUR, 0, HOUR], False),
    ([0] * 100, False),
    ([10_000, 10_000 - HOUR, 20_000], False),
    # an outage with few ticks after it
    ([5_000, 10 * HOUR, 10 * HOUR + 5_000], False),
    # time that supervisors have seen pass
    (list(range(5_000, 30_001, 5_000)), False),
    ([*range(5_000, 30_001, 5_000), 30_001], True),
    ([10_000, 20_000, 30_000, 40_000], True),
    ([10_000, 10_000 - HOUR, 20_000 - HOUR, 30_000 - HOUR], False),
    ([10_000, 10_000 - HOUR, 20_000 - HOUR, 30_000 - HOUR, 40_000 - HOUR], True),
    ([HOUR, 2 * HOUR, 3 * HOUR], False),
    ([HOUR, 2 * HOUR, 3 * HOUR, 4 * HOUR], True),
]


@pytest.mark.parametrize(("times", "lapses"), LAPSES, ids=range(len(LAPSES)))
def test_when_a_lease_lapses(app: App, times: list[int], lapses: bool) -> None:
    """After 30 s that ticked in steps of at most 10 s: no outage and no jump ages anyone (P121)."""
    beat(app, 0, register=1)
    seen = [tick(app, at) for at in times]
    assert seen[:-1] == [NOBODY] * (len(times) - 1)
    assert seen[-1] == (Reaped(IDENTITY, 0) if lapses else NOBODY)


def test_who_beats_never_lapses(app: App) -> None:
    """Each beat renews the lease, from the moment of the beat."""
    beat(app, 0, register=1)
    for at in range(0, HOUR, 9_000):
        assert tick(app, at) == NOBODY
        assert beat(app, at).alive
    assert beat(app, HOUR) == Beat(True, NOW + HOUR, "")


def test_a_beat_after_the_lapse_is_told(app: App) -> None:
    """The worker learns that its jobs are others' now; only a new start makes it alive again."""
    beat(app, 0, register=1)
    for at in range(STEP, 5 * STEP, STEP):
        tick(app, at)
    assert not beat(app, 5 * STEP).alive
    assert raw(app, "EXISTS", "o:leases", "processes", IDENTITY) == 0
    assert beat(app, 5 * STEP, register=1).alive


def test_only_the_lapsed_are_reaped(app: App) -> None:
    """One worker at a time, and the living keep their jobs."""
    put(app, "default", write("a"), write("b"))
    beat(app, 0, register=1)
    app.perform(process.enlist(app.keys, identity=IDENTITY, child="0"))
    app.perform(
        queue.claim(
            app.keys,
            identity=IDENTITY,
            child="0",
            request=1,
            seen=0,
            now=NOW,
            day=DAY,
            queues=["default"],
            want=2,
        )
    )
    for at in range(STEP, 4 * STEP, STEP):
        assert tick(app, at) == NOBODY
    beat(app, 4 * STEP, OTHER, register=1)
    assert tick(app, 4 * STEP) == Reaped(IDENTITY, 2)
    assert tick(app, 4 * STEP) == NOBODY
    assert raw(app, "ZRANGE", "o:leases", 0, -1) == [OTHER.encode()]
    assert listed(app) == [write("a"), write("b")]


# -- giving back ----------------------------------------------------------------------------------

JOBS = [write(jid) for jid in "abcde"]


@pytest.fixture
def hands(app: App) -> Hands:
    """A child that holds five jobs of `default`, behind which two more wait, and one of `low`."""
    put(app, "default", *JOBS, write("x"), write("y"))
    put(app, "low", write("l", "low"), write("m", "low"))
    hands = Hands(app)
    hands.claim(want=3)
    hands.claim(want=2)
    hands.claim("low", want=1)
    return hands


def check_returned(app: App) -> None:
    assert listed(app) == [*JOBS, write("x"), write("y")]
    assert listed(app, "low") == [write("l", "low"), write("m", "low")]
    assert raw(app, "KEYS", "o:claims*") == []


@pytest.mark.parametrize("limit", [1, 2, 4, 6, 100])
def test_recall_returns_jobs_to_the_front(app: App, hands: Hands, limit: int) -> None:
    """In slices of any size, the oldest is the next one to be taken, before those that wait."""
    moved = 0
    while now := hands.recall(limit):
        moved += now
    assert moved == 6
    check_returned(app)
    assert hands.recall(limit) == 0
    check_returned(app)
    assert hands.claim() == Claimed(True, 0, [])


@pytest.mark.parametrize("limit", [1, 4, 6, 100])
def test_farewell_returns_everything_and_forgets(app: App, hands: Hands, limit: int) -> None:
    """What a worker holds goes back before its lease is given up; then nothing of it is left."""
    second = Hands(app, child="1")
    put(app, "third", write("t", "third"))
    second.claim("third")
    live(app, OTHER)
    raw(app, "LPUSH", f"{IDENTITY}-signals", "TERM")
    moved = 0
    while now := app.perform(process.farewell(app.keys, identity=IDENTITY, limit=limit)):
        moved += now
        assert (raw(app, "ZSCORE", "o:leases", IDENTITY) is None) == (moved == 7)
    assert moved == 7
    check_returned(app)
    assert listed(app, "third") == [write("t", "third")]
    assert raw(app, "KEYS", f"*{IDENTITY}*") == []
    assert raw(app, "SMEMBERS", "processes") == [OTHER.encode()]
    assert app.perform(process.farewell(app.keys, identity=IDENTITY, limit=limit)) == 0


@pytest.mark.parametrize("limit", [2, 100])
def test_reaping_returns_everything_and_forgets(app: App, hands: Hands, limit: int) -> None:
    """The jobs of a lost host come back in bounded steps, and then it is forgotten."""
    raw(app, "DEL", "o:clock")
    raw(app, "ZADD", "o:leases", 0, IDENTITY)
    tick(app, 0)
    seen: list[Reaped] = []
    while (reaped := tick(app, STEP * (len(seen) + 1), limit)).identity:
        seen.append(reaped)
    assert sum(reaped.moved for reaped in seen) == 6
    assert all(reaped.moved <= limit for reaped in seen)
    check_returned(app)
    assert raw(app, "KEYS", f"*{IDENTITY}*") == []


def test_names_that_look_like_ours(app: App) -> None:
    """Hosts and queues may be named with what we join names by: each job finds home (P118)."""
    homes = ["a", "a_b", "a|b", "a:b", "a:0", "queue:a"]
    workers = ["ho|st_1:1:ab", "ho|st_1:1:ab:0", "ho|st:1:1:ab"]
    for home in homes:
        put(app, home, *(write(f"{home} {number}", home) for number in range(3)))
    for identity in workers:
        Hands(app, identity).claim(*homes, want=6)
    app.perform(process.farewell(app.keys, identity=workers[0], limit=100))
    left = app.perform(process.workers(app.keys))
    assert sorted(left) == sorted(workers[1:])
    for identity in workers[1:]:
        app.perform(process.farewell(app.keys, identity=identity, limit=100))
    for home in homes:
        assert listed(app, home) == [write(f"{home} {number}", home) for number in range(3)]


def test_many_large_jobs_return_in_their_order(app: App) -> None:
    """The server keeps many or large claims in no order at all, so the tokens decide."""
    jobs = [write(f"{number:080}") for number in range(600)]
    put(app, "default", *jobs)
    hands = Hands(app)
    assert [len(hands.claim(want=want).payloads) for want in (500, 60)] == [500, 60]
    moved = [hands.recall(250) for _ in range(4)]
    assert moved == [250, 250, 60, 0]
    assert listed(app) == jobs


def test_an_unreadable_claim_returns_too(app: App) -> None:
    """A job with our beginning and a broken rest goes back to its queue like any other."""
    broken = write("a")[:-3]
    put(app, "default", broken)
    hands = Hands(app)
    hands.claim()
    assert hands.recall(10) == 1
    assert listed(app) == [broken]
    assert scored(app, "dead") == []


def test_a_child_is_enlisted_again_after_its_recall(app: App, hands: Hands) -> None:
    """A child that was replaced starts anew under the same name, with request 1."""
    hands.recall(100)
    again = Hands(app)
    claimed = again.claim(want=1)
    assert [payload.decode() for payload in claimed.payloads] == JOBS[:1]
    assert again.ack(claimed.first) == []
    assert again.ack(claimed.first) == [claimed.first]


def test_enlisting_twice_changes_nothing(app: App, hands: Hands) -> None:
    """A repeated request must not set back the numbers of a child that works already."""
    again = hands.claim(request=3)
    assert app.perform(process.enlist(app.keys, **hands.owner)) is True
    assert hands.claim(request=3) == again


def test_nobody_enlists_without_a_lease(app: App) -> None:
    """A worker whose lease has lapsed may start no more children."""
    assert app.perform(process.enlist(app.keys, identity=IDENTITY, child="0")) is False
    assert raw(app, "KEYS", "*") == []


# -- what people see ------------------------------------------------------------------------------


def test_a_beat_shows_what_runs(app: App) -> None:
    """Sidekiq's UI reads the process and its work; jobs that ended meanwhile are left out."""
    put(app, "low", write("a", "low"), write("b", "low"))
    hands = Hands(app)
    first = hands.claim("low").first
    hands.ack(first + 1)
    work = [("t1", "0", first, 1_800_000_000), ("t2", "0", first + 1, 1_800_000_000)]
    call = process.beat(
        app.keys,
        identity=IDENTITY,
        life=LIFE,
        register=0,
        fields=["info", "{}", "busy", 1],
        work=work,
        heard="",
        override=0,
    )
    for _ in range(2):
        assert app.perform(call).alive
    assert raw(app, "SMEMBERS", "processes") == [IDENTITY.encode()]
    assert raw(app, "HMGET", IDENTITY, "info", "busy") == [b"{}", b"1"]
    assert raw(app, "HKEYS", f"{IDENTITY}:work") == [b"t1"]
    shown = raw(app, "HGET", f"{IDENTITY}:work", "t1").decode()
    payload = write("a", "low").replace('"', '\\"')
    assert shown == f'{{"queue":"low","payload":"{payload}","run_at":1800000000}}'
    assert raw(app, "HGETALL", f"{IDENTITY}:workers") == [b"t1", shown.encode()]
    for key in (IDENTITY, f"{IDENTITY}:work", f"{IDENTITY}:workers"):
        assert 55 <= raw(app, "TTL", key) <= 60
    hands.ack(first)
    assert app.perform(call).alive
    assert raw(app, "EXISTS", f"{IDENTITY}:work", f"{IDENTITY}:workers") == 0


def test_signals_are_handed_over_one_at_a_time(app: App) -> None:
    """In the order in which they were sent, each until it was heard: answers may be lost."""
    live(app)
    raw(app, "LPUSH", f"{IDENTITY}-signals", "TSTP")
    raw(app, "LPUSH", f"{IDENTITY}-signals", "TERM")
    heard = ["", "", "TSTP", "TSTP", "TERM", "TERM"]
    brought = [beat(app, 0, heard=one).signal for one in heard]
    assert brought == ["TSTP", "TSTP", "TERM", "TERM", "", ""]
    assert raw(app, "EXISTS", f"{IDENTITY}-signals") == 0


# -- draining -------------------------------------------------------------------------------------


def outstanding(app: App, *names: str) -> int:
    return app.perform(queue.outstanding(app.keys, queues=list(names), horizon=NOW))


def test_what_a_draining_worker_waits_for(app: App) -> None:
    """Queued in its queues, due soon, retrying soon, or running anywhere; nothing else."""
    assert outstanding(app, "default", "low") == 0
    put(app, "default", write("a"), write("b"), write("c"))
    put(app, "low", write("l", "low"))
    put(app, "other", write("o", "other"))
    assert outstanding(app, "default", "low") == 4
    raw(app, "SADD", "paused", "low")
    assert outstanding(app, "default", "low") == 3
    raw(app, "ZADD", "schedule", NOW / 1000, "due", NOW / 1000 + 0.002, "later")
    raw(app, "ZADD", "retry", NOW / 1000 - 5, "due", NOW / 1000 + 5, "later")
    assert outstanding(app, "default", "low") == 5
    hands, other = Hands(app), Hands(app, OTHER, "3")
    first = hands.claim(want=1).first
    other.claim("other")
    assert outstanding(app, "default", "low") == 6
    hands.ack(first)
    assert outstanding(app, "default", "low") == 5
