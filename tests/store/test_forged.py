"""Payloads that others have forged: no script fails on them, and none leads two lives or none."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from outrider import App
from outrider.store import held, pauses, process, queue, schedule
from outrider.store.place import Place
from outrider.store.queue import Other
from tests.app.hands import (
    BID,
    IDENTITY,
    NOW,
    Hands,
    counts,
    fields,
    listed,
    put,
    raw,
    start,
    write,
)

LATER = NOW + 400 * 86_400_000
MEMBERS = 3
TEXTS = st.text(max_size=6) | st.sampled_from(
    ["", "\n", "\r\n", "\0", "\x1b[2J", "{x}", "a:b", "%d", ":", "x" * 70_000, "\u2028", "ff" * 8]
)
NUMBERS = st.integers(-(2**70), 2**70) | st.floats() | st.sampled_from([0, 1, -1, 1e308])
ODD: st.SearchStrategy[Any] = (
    st.none() | st.booleans() | NUMBERS | TEXTS | st.lists(NUMBERS, max_size=1) | st.just({})
)
BIDS = st.sampled_from([BID, BID.upper(), BID[:-1], "0011223344556677"])
JIDS = st.builds(
    "{}{}".format,
    BIDS,
    st.sampled_from(["00000000", "00000001", "3fffffff", "40000000", "f0000000", "-0000001", "x"]),
)
CBS = st.builds("{}:{}:{}".format, BIDS, TEXTS | st.just("success"), TEXTS | st.sampled_from("09"))
EXPIRY = st.just(1) | st.just(NOW) | st.sampled_from(["nan", "0x10", "1.2.3", "inf"])
MORE: dict[str, st.SearchStrategy[Any]] = {
    "cb": CBS | ODD,
    "expiry": EXPIRY | ODD,
    "queue": st.sampled_from(["default", "low"]) | ODD,
    "retry_count": ODD,
    "blamed": ODD | st.lists(ODD, max_size=3),
    "timed_out": ODD,
    "timeout": ODD,
    "enqueued_at": ODD,
    "args": ODD,
}
ANYTHING = st.fixed_dictionaries(
    {"jid": JIDS | TEXTS | ODD},
    optional={"bid": BIDS | ODD, "class": st.just("app.job") | ODD, **MORE},
)
# What may be taken for a member of the batch, or for none.
CLOSE = st.fixed_dictionaries(
    {"jid": JIDS, "bid": st.just(BID), "class": st.just("app.job")}, optional=MORE
)
FORGED = ANYTHING | CLOSE
KINDS = st.sampled_from(
    ["done", "retry", "dead", "gone", "discard", "snooze", "release", "cancel", "recall"]
)
ENDS = {"done", "gone", "discard", "cancel"}


def homes(app: App) -> dict[int, list[str]]:
    """Where each payload lies, by the number at its end."""
    found: dict[int, list[str]] = {}
    for key in raw(app, "KEYS", "*"):
        kind = raw(app, "TYPE", key)
        if kind == b"list":
            payloads = raw(app, "LRANGE", key, 0, -1)
        elif key in (b"schedule", b"retry", b"dead"):
            payloads = raw(app, "ZRANGE", key, 0, -1)
        elif key.startswith(b"o:claims:"):
            payloads = raw(app, "HVALS", key)
        else:
            continue
        for payload in payloads:
            _, mark, number = payload.rpartition(b'"number":')
            if mark:
                number = number.split(b"}")[0].split(b",")[0]
                found.setdefault(int(number), []).append(key.decode("utf-8", "replace"))
    return found


def _end(app: App, hands: Hands, first: int, payloads: list[bytes], kinds: list[str]) -> set[int]:
    """Report outcomes, or lose the child; the numbers of jobs that are over."""
    outcomes: list[int | Other] = []
    over = set()
    for token, payload in enumerate(payloads, first):
        kind = kinds[token % len(kinds)]
        if kind == "done":
            outcomes.append(token)
        elif kind != "recall":
            outcomes.append(Other(kind, token, at=NOW + 1000, failure="{}"))
        if kind in ENDS or (kind != "recall" and BID.encode() in payload):
            over.add(int(payload.rpartition(b'"number":')[2].split(b"}")[0].split(b",")[0]))
    assert hands.ack(*outcomes) == []
    blamed = range(first, first + len(payloads))
    hands.recall(blamed=blamed, timed_out=blamed[:1])
    return over


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    forged=st.lists(FORGED, min_size=1, max_size=4),
    kinds=st.lists(KINDS, min_size=1, max_size=4),
    closely=st.booleans(),
)
def test_forged_payloads(
    app: App, forged: list[dict[str, Any]], kinds: list[str], closely: bool
) -> None:
    """Ids, callbacks, times and queues of any kind, on the way round: each is in one place."""
    raw(app, "FLUSHALL")
    start(app, MEMBERS, home="other")
    form: Any = (",", ":") if closely else None
    texts = [json.dumps({**one, "number": i}, separators=form) for i, one in enumerate(forged)]
    words = [word for text in texts[1:] for word in (NOW / 1000, text)]
    put(app, "default", texts[0])
    if words:
        raw(app, "ZADD", "schedule", *words)
    app.perform(schedule.promote_slice(app.keys, identity="", name="schedule", now=NOW))
    assert set(homes(app)) == set(range(len(forged)))
    for turn in range(3):
        hands = Hands(app, child=str(turn))
        names = [name.decode("utf-8", "replace") for name in raw(app, "SMEMBERS", "queues")]
        before = homes(app)
        claimed = hands.claim(*(name for name in names if name != "other"), now=NOW + turn)
        work = [("0", str(turn), token, 1) for token in range(claimed.first, claimed.first + 9)]
        beat: dict[str, Any] = {"identity": IDENTITY, "life": 30_000, "register": 0, "fields": []}
        assert app.perform(process.beat(app.keys, **beat, work=work, heard="", override=0)).alive
        held = [number for number, places in homes(app).items() if "o:claims" in places[0]]
        assert len(held) == len(claimed.payloads)
        over = _end(app, hands, claimed.first, claimed.payloads, kinds)
        after = homes(app)
        assert all(len(places) == 1 for places in after.values()), after
        lost = {number for number in held if number not in after}
        assert lost <= over, (before, after)
        for name in ("schedule", "retry"):
            app.perform(schedule.promote_slice(app.keys, identity="", name=name, now=LATER))
    assert sum(counts(app).values()) == int(fields(app)["total"]) == MEMBERS


def _give_back(app: App, hands: Hands, token: int, road: str) -> None:
    if road == "release":
        assert hands.ack(Other("release", token)) == []
    elif road == "recall":
        assert hands.recall() == 1
    elif road == "relieve":
        call = process.relieve(
            app.keys, **hands.owner, begun=0, revoked=token, limit=250, bytes=1000
        )
        assert app.perform(call) == 1
    elif road == "reap":
        raw(app, "ZADD", "o:leases", -1, IDENTITY)
        assert app.perform(process.reap(app.keys, limit=250, override=0)).moved == 1
    else:
        app.perform(pauses.resume(app.keys, Place("held", "app.job")))
        assert app.perform(held.handback_slice(app.keys)) == 0


@pytest.mark.parametrize("road", ["release", "recall", "relieve", "reap", "handback"])
def test_whose_queue_is_none(app: App, road: str) -> None:
    """Its own name leads to another program's key: to fail there would hold up all others, too."""
    raw(app, "SET", "queue:odd", "theirs")
    put(app, "default", write("a", "odd"))
    if road == "handback":
        app.perform(pauses.pause(app.keys, Place("held", "app.job")))
    hands = Hands(app)
    _give_back(app, hands, hands.claim().first, road)
    assert listed(app) == [write("a", "odd")]
    assert raw(app, "GET", "queue:odd") == b"theirs"


def test_a_callback_whose_queue_is_none(app: App) -> None:
    """It is pushed all the same: who reports the last job can't put it right."""
    callback = json.dumps(["odd", "app.done", '"args":[]'])
    create = ["tags", "[]", "callbacks:success", 1, "cb:success:0", callback]
    start(app, 1, create=create)
    raw(app, "SET", "queue:odd", "theirs")
    hands = Hands(app)
    assert hands.ack(hands.take()) == []
    assert [json.loads(payload)["class"] for payload in listed(app)] == ["app.done"]


def test_a_block_whose_queue_is_none(app: App) -> None:
    """It is committed and on its way: it must not stop there, and all others behind it."""
    raw(app, "SET", "queue:odd", "theirs")
    for at, name in enumerate(["odd", "low"]):
        raw(app, "ZADD", "o:moving", at, f"{BID}:{name}")
        raw(app, "RPUSH", f"o:staged:{BID}:{name}", write("a", name))
    assert app.perform(queue.move_slice(app.keys)) == 1
    assert app.perform(queue.move_slice(app.keys)) == 0
    assert (listed(app), listed(app, "low")) == ([write("a", "odd")], [write("a", "low")])
