"""The script that ends an outbox job: its success, and all that it has enqueued, or neither."""

from __future__ import annotations

from typing import Any

import pytest

from outrider import App
from outrider.ids import member_jid
from outrider.io.exchange import Lane
from outrider.script import Call
from outrider.store import batch, outbox
from outrider.store.batch import Committed, Part
from tests.app.hands import (
    BID,
    DAY,
    NOW,
    Hands,
    counts,
    fields,
    keys_of,
    listed,
    on_lane,
    put,
    raw,
    start,
    stat,
    twice,
    write,
)

OWNER = "host:1:ab:0"
NEW = "00aabbccddeeff22"


@pytest.fixture
def hands(app: App) -> Hands:
    """A worker moved by hand."""
    return Hands(app)


def deliver(app: App, token: int, *parts: Part, **changes: Any) -> Call[Committed]:
    """The end of a job that has enqueued one plain job, but for what is changed."""
    load: dict[str, Any] = {
        "queues": [("next", [write("f" * 24, "next")])],
        "scheduled": [],
        "staged": [],
    }
    return outbox.deliver(
        app.keys,
        owner=OWNER,
        token=token,
        now=NOW,
        day=DAY,
        batches=list(parts),
        **{**load, **changes},
    )


def test_success_and_push_are_one(app: App, hands: Hands) -> None:
    put(app, "default", write("a" * 24))
    token = hands.take()
    assert app.perform(deliver(app, token)) == Committed(1, "")
    assert len(listed(app, "next")) == 1
    assert (stat(app, "processed"), stat(app, "failed")) == (1, 0)
    assert raw(app, "KEYS", "o:claims:*") == []


def test_sent_twice_it_counts_once(app: App, hands: Hands) -> None:
    """On its own connection it is told that it was done; on another, that the claim is gone."""
    put(app, "default", write("a" * 24))
    call = deliver(app, hands.take())
    assert twice(app, call) == [[1, b""], [1, b""]]
    assert raw(app, *on_lane(call, Lane())) == [outbox.LATE, b""]
    assert (len(listed(app, "next")), stat(app, "processed")) == (1, 1)


def test_without_a_claim_nothing_is_pushed(app: App, hands: Hands) -> None:
    """Whether it was taken back, or never stood."""
    put(app, "default", write("a" * 24))
    token = hands.take()
    hands.recall()
    before = raw(app, "KEYS", "*")
    for number in (token, 99):
        part = Part(NEW, "", ["tags", "[]"], [], "")
        assert app.perform(deliver(app, number, part)) == Committed(outbox.LATE, "")
    assert sorted(raw(app, "KEYS", "*")) == sorted(before)
    assert (listed(app, "next"), stat(app, "processed")) == ([], 0)


@pytest.mark.parametrize(
    ("part", "answer"),
    [
        (Part(NEW, "", [], [], ""), Committed(batch.UNKNOWN, NEW)),
        (Part(NEW, NEW, ["tags", "[]"], [], ""), Committed(batch.UNKNOWN, NEW)),
        (Part(BID, "", [], [], ""), Committed(batch.SETTLED, BID)),
    ],
)
def test_a_refusal_leaves_everything(app: App, hands: Hands, part: Part, answer: Any) -> None:
    """The claim too: the job is to fail instead."""
    start(app, 0)
    put(app, "default", write("a" * 24))
    token = hands.take()
    before = fields(app)
    assert app.perform(deliver(app, token, part)) == answer
    assert (listed(app, "next"), stat(app, "processed")) == ([], 0)
    assert fields(app) == before
    assert hands.ack(token) == []


def test_what_has_lapsed_is_told(app: App, hands: Hands) -> None:
    put(app, "default", write("a" * 24))
    token = hands.take()
    call = deliver(app, token, staged=[(f"{NEW}:next", 3)])
    assert app.perform(call) == Committed(batch.LAPSED, "")
    assert hands.ack(token) == []


def test_the_last_member_adds_before_it_ends(app: App, hands: Hands) -> None:
    """Its batch is not settled in between, so it takes the jobs and waits for them."""
    start(app, 1)
    token = hands.take()
    text = write(member_jid(BID, 2), "next", bid=BID)
    part = Part(BID, "", [], [(2, 1)], "next", True)
    call = deliver(app, token, part, queues=[("next", [text])])
    assert app.perform(call) == Committed(1, "")
    assert counts(app) == {1: 1, 3: 1}
    assert "complete_at" not in fields(app)
    hands.work("next")
    assert "settled_at" in fields(app)


def test_the_last_member_without_additions_settles_its_batch(app: App, hands: Hands) -> None:
    """Batches that it makes are judged in the same step, an empty child too."""
    start(app, 1)
    part = Part(NEW, BID, ["tags", "[]"], [], "", True)
    assert app.perform(deliver(app, hands.take(), part)) == Committed(1, "")
    assert counts(app) == {3: 1}
    assert {"settled_at", "success_at"} <= fields(app).keys()
    assert "success_at" in fields(app, NEW)


def test_a_callback_ends_well(app: App, hands: Hands) -> None:
    create = ["callbacks:success", 1, "cb:success:0", '["calls","app.called","\\"args\\":[]"]']
    start(app, 0, create=create)
    assert fields(app)["callbacks_open"] == "1"
    assert app.perform(deliver(app, hands.take("calls"))) == Committed(1, "")
    assert (fields(app)["callbacks_open"], fields(app)["cs:success:0"]) == ("0", "succeeded")
    assert raw(app, "TTL", f"o:batch:{BID}") > 0


def test_a_member_of_a_forgotten_batch_is_a_plain_job(app: App, hands: Hands) -> None:
    start(app, 1)
    token = hands.take()
    raw(app, "DEL", *keys_of(app, BID)[:2])
    for name in ("o:batches", "o:audit"):
        raw(app, "ZREM", name, BID)
    assert app.perform(deliver(app, token)) == Committed(1, "")
    assert keys_of(app, BID) == []
    assert len(listed(app, "next")) == 1
