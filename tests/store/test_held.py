"""Paused names: what a claim puts aside, how it comes back; and what a claim looks past."""

from __future__ import annotations

import json
from typing import Any

import pytest

from outrider import App
from outrider.ids import FIRST_CALLBACK
from outrider.store import audit as audits
from outrider.store import held, pauses, queue
from outrider.store.place import Place
from outrider.store.queue import Other
from tests.app.hands import (
    BID,
    DAY,
    NOW,
    Hands,
    commit,
    counts,
    dump,
    fields,
    listed,
    member,
    put,
    raw,
    scored,
    start,
    stat,
    write,
)

PAST = NOW / 1000 - 1
OTHER = dump({"jid": "o", "class": "app.other", "queue": "default", "args": []})
CALLBACK = write(f"{BID}{FIRST_CALLBACK:08x}", cb=f"{BID}:complete:0")
KINDS = {
    "plain": write("a"),
    "member": member(0),
    "callback": CALLBACK,
    "late": write("a", expiry=PAST),
    "late member": member(0, expiry=PAST),
    "failing": write("a", retry_count=3),
    "foreign": '{"class":"app.job","queue":"default","args":[],"jid":"x"}',
    "escaped": '{"class":"app.\\u006aob","queue":"default","args":[],"jid":"x"}',
    "elsewhere": write("a", "low"),
}


def pause(app: App, name: str = "app.job") -> None:
    app.perform(pauses.pause(app.keys, Place("held", name)))


def resume(app: App, name: str = "app.job") -> None:
    app.perform(pauses.resume(app.keys, Place("held", name)))


def aside(app: App, name: str = "app.job") -> list[str]:
    """What is held for a name, in the order in which it will be taken."""
    found = raw(app, "LRANGE", app.keys("held", name), 0, -1)
    return [text.decode() for text in reversed(found)]


def handback(app: App, limit: int = 500, size: int = 1 << 18) -> int:
    return app.perform(held.handback(app.keys, limit=limit, bytes=size))


def texts(payloads: list[bytes]) -> list[str]:
    return [payload.decode() for payload in payloads]


# -- putting aside --------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_whatever_has_the_name_is_held(app: App, kind: str) -> None:
    """Members, callbacks, late ones and those of others; unjudged, and byte for byte."""
    put(app, "default", KINDS[kind], OTHER)
    pause(app)
    claimed = Hands(app).claim()
    assert texts(claimed.payloads) == [OTHER]
    assert (aside(app), listed(app), scored(app, "dead")) == ([KINDS[kind]], [], [])
    assert raw(app, "SMEMBERS", "o:held") == [b"app.job"]
    assert stat(app, "expired") == 0


@pytest.mark.parametrize(
    "text",
    [
        dump(
            {"jid": "a", "class": "app.other", "queue": "default", "args": [{"class": "app.job"}]}
        ),
        dump({"jid": "a", "class": "app.job2", "queue": "default", "args": []}),
        dump({"args": ['"class":"app.job"'], "class": "app.other", "jid": "a", "queue": "default"}),
    ],
    ids=["in the arguments", "longer", "foreign"],
)
def test_others_are_not_held(app: App, text: str) -> None:
    """The name is the job's, all of it, and not what stands in its arguments."""
    put(app, "default", text)
    pause(app)
    assert texts(Hands(app).claim().payloads) == [text]


@pytest.mark.parametrize("text", ["no json", '{"class":"app.job","args":[]}', '{"jid":"x"}'])
def test_what_is_no_job_is_not_held(app: App, text: str) -> None:
    """It goes to the dead set, as always."""
    put(app, "default", text)
    pause(app)
    assert Hands(app).claim().payloads == []
    assert (aside(app), scored(app, "dead")) == ([], [(text, NOW / 1000)])


def test_the_oldest_is_the_first_in_line(app: App) -> None:
    """Over several claims, and over queues in the order in which they are looked at."""
    jobs = [write(f"{number:x}") for number in range(6)]
    put(app, "default", *jobs[:3])
    pause(app)
    hands = Hands(app)
    hands.claim(want=2)
    put(app, "default", jobs[3])
    put(app, "low", *jobs[4:])
    hands.claim("default", "low", want=2)
    assert [text.split(",")[0] for text in aside(app)] == [text.split(",")[0] for text in jobs]


def test_a_claim_looks_on_in_bounded_work(app: App) -> None:
    """Past 500 a script, and it says that more may lie there, so nobody waits for a ring."""
    put(app, "default", *(write(f"{number:024x}") for number in range(1200)), OTHER)
    pause(app)
    hands = Hands(app)
    answers = [hands.claim(want=1) for _ in range(4)]
    assert [len(one.payloads) for one in answers] == [0, 0, 1, 0]
    assert [one.met for one in answers] == [True, True, True, False]
    assert [one.more for one in answers] == [True, True, True, False]
    assert len(aside(app)) == 1200


def test_large_jobs_are_passed_in_smaller_steps(app: App) -> None:
    """A script has to be brief: 256 KiB of what doesn't run are enough."""
    put(app, "default", *(write(f"{number:x}", args=["x" * 100_000]) for number in range(5)), OTHER)
    pause(app)
    hands = Hands(app)
    assert hands.claim(want=1)[2:] == ([], True, True)
    assert len(aside(app)) == 3
    assert texts(hands.claim(want=1).payloads) == [OTHER]


def test_a_claim_without_paused_names_asks_once(app: App) -> None:
    """With nothing paused a claim of 100 jobs costs one cheap command more, however many jobs."""
    put(app, "default", *(write(f"{number:x}") for number in range(100)))
    hands = Hands(app)
    raw(app, "CONFIG", "RESETSTAT")
    hands.claim(want=100)
    used = raw(app, "INFO", "commandstats").decode()
    assert "cmdstat_smembers:calls=1," in used
    assert "cmdstat_sismember:calls=1," in used


def test_a_paused_queue_keeps_its_jobs(app: App) -> None:
    """Jobs of a paused name on a paused queue stay on it."""
    put(app, "default", write("a"))
    pause(app)
    app.queues["default"].pause()
    assert Hands(app).claim().met is False
    assert (aside(app), len(listed(app))) == ([], 1)
    app.queues["default"].resume()


# -- handing back ---------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [1, 2, 500])
def test_they_return_to_the_front_in_their_order(app: App, limit: int) -> None:
    """Slice by slice, to the queue of each, before what has come meanwhile."""
    jobs = [write(f"{number:x}", home) for number, home in enumerate(("default", "low") * 3)]
    put(app, "default", *jobs[::2])
    put(app, "low", *jobs[1::2])
    pause(app)
    Hands(app).claim("default", "low")
    raw(app, "DEL", "queues")
    put(app, "default", OTHER)
    assert handback(app) == 0
    resume(app)
    steps = 1
    while handback(app, limit):
        steps += 1
    assert steps == 6 // min(limit, 6)
    assert listed(app) == [*jobs[::2], OTHER]
    assert listed(app, "low") == jobs[1::2]
    assert app.perform(queue.names(app.keys)) == ["default", "low"]
    assert raw(app, "EXISTS", "o:held", "o:held:app.job") == 0
    assert handback(app) == 0


def test_a_slice_is_bounded_by_bytes(app: App) -> None:
    """What comes back at once is no more than a script may move."""
    jobs = [write(f"{number:x}", args=["x" * 1000]) for number in range(4)]
    put(app, "default", *jobs)
    pause(app)
    Hands(app).claim()
    resume(app)
    assert handback(app, size=1500) == 1
    assert (aside(app), listed(app)) == (jobs[:2], jobs[2:])


def test_several_names(app: App) -> None:
    """Each for itself; what is still paused stays."""
    put(app, "default", write("a"), OTHER)
    pause(app)
    pause(app, "app.other")
    Hands(app).claim()
    resume(app, "app.other")
    assert handback(app) == 0
    assert (listed(app), aside(app), aside(app, "app.other")) == ([OTHER], [write("a")], [])


@pytest.mark.parametrize("home", ["", '"queue":"low",'], ids=["none", "another"])
def test_a_foreign_job_returns_to_where_it_lay(app: App, home: str) -> None:
    """Its queue is spliced in where it says none or another one, as by a claim."""
    put(app, "default", f'{{{home}"class":"app.job","args":[],"jid":"x"}}')
    pause(app)
    Hands(app).claim()
    resume(app)
    handback(app)
    assert [json.loads(text)["queue"] for text in listed(app)] == ["default"]


@pytest.mark.parametrize("text", [member(0), CALLBACK], ids=["member", "callback"])
def test_what_comes_back_makes_an_audit_void(app: App, text: str) -> None:
    """It moves against the order in which an audit looks."""
    start(app, 1, home="elsewhere")
    put(app, "default", text)
    pause(app)
    Hands(app).claim()
    assert app.perform(audits.arm(app.keys, bid=BID, audit="x"))
    assert "audit" in fields(app)
    resume(app)
    handback(app)
    assert "audit" not in fields(app)


def test_a_drain_waits_for_what_comes_back(app: App) -> None:
    """What is held is left out, as paused queues are, until its name goes on."""
    put(app, "default", write("a"), write("b"))
    pause(app)
    Hands(app).claim()
    left = queue.outstanding(app.keys, queues=["default"], horizon=NOW)
    assert app.perform(left) == 0
    resume(app)
    assert app.perform(left) == 2
    handback(app)
    assert app.perform(left) == 2


def test_what_was_judged_later(app: App) -> None:
    """A late one and a member of a cancelled batch are dropped when they come back."""
    start(app, 1)
    put(app, "default", write("late", expiry=PAST))
    pause(app)
    hands = Hands(app)
    hands.claim()
    raw(app, "HSET", app.keys("batch", BID), "cancelled_at", NOW)
    assert counts(app) == {1: 1}
    resume(app)
    handback(app)
    assert hands.claim().payloads == []
    assert (counts(app), stat(app, "expired"), listed(app)) == ({7: 1}, 1, [])


# -- counting what expires ------------------------------------------------------------------------


def test_each_that_expires_is_counted(app: App) -> None:
    """Plain ones, members and callbacks, for ever and by day; who has failed before dies."""
    start(app, 3)
    raw(app, "DEL", "queue:default")
    late: list[dict[str, Any]] = [{}, {"retry_count": 0}]
    put(app, "default", *(write("a", expiry=PAST, **more) for more in late))
    put(app, "default", *(member(number, expiry=PAST) for number in (0, 1)), member(2))
    put(app, "default", write(f"{BID}{FIRST_CALLBACK:08x}", cb=f"{BID}:death:0", expiry=PAST))
    hands = Hands(app)
    claimed = hands.claim()
    assert len(claimed.payloads) == 1
    assert (stat(app, "expired"), stat(app, f"expired:{DAY}")) == (4, 4)
    assert raw(app, "TTL", app.keys("stat", f"expired:{DAY}")) > 4 * 365 * 86400
    assert (counts(app), app.stats.expired) == ({1: 1, 4: 2}, 4)
    hands.ack(claimed.first)
    assert "success_at" in fields(app)


def test_a_copy_of_what_expired_does_not_run(app: App) -> None:
    """In one claim as in two: it counts once, and one that has no deadline is over too."""
    start(app, 1)
    raw(app, "DEL", "queue:default")
    put(app, "default", *[member(0, expiry=PAST)] * 2, member(0))
    assert Hands(app).claim().payloads == []
    assert (stat(app, "expired"), counts(app)) == (1, {4: 1})


def test_a_burst_of_expired_jobs_is_dropped_in_steps(app: App) -> None:
    """As many a script as it may look at; members of batches too."""
    late = [write(f"{number:024x}", expiry=PAST) for number in range(700)]
    call = commit(
        app,
        create=["tags", "[]"],
        ranges=[(0, 700)],
        queues=[("default", [*late, *(member(number, expiry=PAST) for number in range(700))])],
        first_queue="default",
    )
    assert app.perform(call) == 1
    put(app, "default", OTHER)
    hands = Hands(app)
    answers = [hands.claim(want=1) for _ in range(4)]
    assert [(len(one.payloads), one.more) for one in answers] == [
        *[(0, True)] * 2,
        (1, True),
        (0, False),
    ]
    assert (stat(app, "expired"), counts(app)) == (1400, {4: 700})


def test_a_retry_by_hand_clears_the_deadline(app: App) -> None:
    """It runs however late; a retry by itself would have died of it."""
    text = write("a", expiry=NOW / 1000 + 1)
    put(app, "default", text)
    hands = Hands(app)
    failed = dump({**json.loads(text), "retry_count": 0})
    hands.ack(Other("retry", hands.take(), failed, NOW))
    assert app.retries.retry("a")
    assert hands.claim(now=NOW + 5000).payloads != []
    assert scored(app, "dead") == []
