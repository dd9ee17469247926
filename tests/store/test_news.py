"""News: scripts tell what they bring about to jobs, on a channel each, to whoever listens."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from outrider import App
from outrider.checkup.roles import rights_of
from outrider.errors import UnreadablePayload
from outrider.events import BEGAN, BY_SERVER, Event, JobEvent
from outrider.store import process
from outrider.store.queue import Other
from tests import least
from tests.app.hands import (
    BID,
    IDENTITY,
    NOW,
    Hands,
    live,
    member,
    promote,
    put,
    raw,
    scored,
    start,
    stat,
    write,
)
from tests.app.outage import until

Told = Callable[[], list[JobEvent]]


def say(app: App, name: str, *payloads: bytes) -> None:
    """Tell news as a script does."""
    words = " ".join(f"{len(payload)}:" for payload in payloads)
    raw(app, "PUBLISH", app.keys.channel("news", name), words.encode() + b"\n" + b"".join(payloads))


def _up_to(end: str, watching: Iterator[Event]) -> list[JobEvent]:
    found: list[JobEvent] = []
    for event in watching:
        assert isinstance(event, JobEvent)
        if event.jid == end:
            break
        found.append(event)
    return found


@pytest.fixture
def told(app: App) -> Told:
    """What has been told since the last time."""
    watching = app.events.watch(*BY_SERVER, BEGAN)
    assert next(watching).name == BEGAN

    def since() -> list[JobEvent]:
        say(app, "job.due", write("end").encode())
        return _up_to("end", watching)

    return since


def facts(events: list[JobEvent]) -> list[tuple[str, str]]:
    """Which event, and of whom."""
    return [(event.name, event.jid) for event in events]


def test_what_is_due_is_told(app: App, told: Told) -> None:
    """Each job as it comes to its queue, of any number of queues; what is no job is buried."""
    member_text = member(3, "low", retry_count=1)
    raw(app, "ZADD", "retry", NOW / 1000, write("a"), NOW / 1000, member_text, 1, "no job")
    raw(app, "ZADD", "retry", NOW / 1000 + 1, write("later"))
    promote(app, "retry")
    events = {event.jid: event for event in told()}
    assert set(events) == {"a", f"{BID}00000003", ""}
    first, second, none = events["a"], events[f"{BID}00000003"], events[""]
    assert (first.name, first.job, first.queue, first.bid) == (
        "job.due",
        "app.job",
        "default",
        None,
    )
    assert (second.name, second.queue, second.bid, second.attempt) == ("job.due", "low", BID, 3)
    assert (none.name, none.job, none.kept) == ("job.buried", "", True)
    assert isinstance(none.error, UnreadablePayload)
    for event in events.values():
        assert (event.token, event.waited, event.blamed) == (0, None, False)
        assert abs(event.at - time.time()) < 60
    promote(app, "retry")
    assert told() == []


def test_what_expires_is_told(app: App, told: Told) -> None:
    """As often as it is counted; who has failed is buried, and copies are told once (O170)."""
    late = NOW / 1000 - 1
    start(app, 2)
    hands = Hands(app)
    first = hands.claim().first
    hands.ack(Other("retry", first + 1, "", NOW, "{}"), Other("release", first))
    raw(app, "DEL", "queue:default", "retry")
    put(app, "default", write("p", expiry=late), write("q"))
    put(app, "default", write("f", expiry=late, retry_count=0), "no job")
    put(app, "default", member(0, expiry=late), member(0, expiry=late), member(1, expiry=late))
    assert len(hands.claim().payloads) == 1
    events = sorted(told(), key=lambda event: (event.name, event.jid))
    assert facts(events) == [
        *[("job.buried", jid) for jid in ("", f"{BID}00000001", "f")],
        *[("job.expired", jid) for jid in (f"{BID}00000000", "p")],
    ]
    assert stat(app, "expired") == 2
    assert [event.kept for event in events] == [True, True, True, False, False]


def test_what_is_lost_is_told(app: App, told: Told) -> None:
    """With the token of the claim that stands no more, and whether it ran just then (O170)."""
    put(app, "default", *(write(jid) for jid in "abc"))
    hands = Hands(app)
    first = hands.claim().first
    assert hands.recall(2, blamed=[first + 1], timed_out=[first + 2]) == 2
    assert hands.recall(2) == 1
    assert hands.recall(2) == 0
    events = told()
    assert facts(events) == [("job.recovered", jid) for jid in "bca"]
    assert [event.token for event in events] == [first + 1, first + 2, first]
    assert [event.blamed for event in events] == [True, False, False]


def test_what_a_lost_host_held_is_told(app: App, told: Told) -> None:
    """Reaped by another worker; and what one that stops leaves behind."""
    put(app, "default", write("a"), write("b"))
    hands, other = Hands(app), Hands(app, "other:2:cd")
    token = hands.claim(want=1).first
    other.claim(want=1)
    live(app, life=-1)
    assert app.perform(process.reap(app.keys, limit=10, override=0)).identity == IDENTITY
    assert app.perform(process.farewell(app.keys, identity="other:2:cd", limit=10)) == 1
    events = told()
    assert facts(events) == [("job.recovered", "a"), ("job.recovered", "b")]
    assert events[0].token == token


def test_what_a_living_child_gives_back_is_not_told(app: App, told: Told) -> None:
    """It was not begun, and nobody died."""
    put(app, "default", write("a"))
    hands = Hands(app)
    token = hands.claim().first
    slice_of: dict[str, Any] = {**hands.owner, "limit": 10, "bytes": 10_000}
    assert app.perform(process.relieve(app.keys, begun=0, revoked=token, **slice_of)) == 1
    assert told() == []


def test_a_request_sent_again_tells_nothing(app: App, told: Told) -> None:
    """It finds done what it asks for."""
    put(app, "default", write("a", expiry=1))
    hands = Hands(app)
    for _ in range(2):
        assert hands.claim(request=1).payloads == []
    assert facts(told()) == [("job.expired", "a")]


def test_only_who_asks_for_an_event_is_told(app: App) -> None:
    """A listener to all channels has nothing put together for him."""
    # The server may not have heard yet that those of the test before have gone.
    channels = [app.keys.channel("news", name) for name in BY_SERVER]
    until(lambda: not any(raw(app, "PUBSUB", "NUMSUB", *channels)[1::2]))
    until(lambda: not raw(app, "PUBSUB", "NUMPAT"))
    ear = app.executor.address.connection()
    ear.connect()
    ear.send_command("PSUBSCRIBE", "*")
    assert ear.read_response()[-1] == raw(app, "PUBSUB", "NUMPAT") == 1
    watching = app.events.watch("job.expired", BEGAN)
    assert next(watching).name == BEGAN
    assert raw(app, "PUBSUB", "NUMPAT") == 1
    raw(app, "ZADD", "schedule", 1, write("a"))
    promote(app, "schedule")
    say(app, "job.expired", b"{}")
    assert ear.read_response()[-2] == app.keys.channel("news", "job.expired").encode()
    ear.disconnect()
    assert next(watching).name == "job.expired"


def test_who_may_not_publish_works_on(app: App, told: Told) -> None:
    """A user with the rights of the release before: all is done, and nothing is told (O171)."""
    more = ("resetchannels", f"&{app.keys.channels('progress')}")
    app.perform(least.make_user("old", rights_of("worker"), app.keys, *more))
    old = App(least.as_user(app.url, "old"))
    raw(app, "ZADD", "schedule", 1, write("a"), 2, "no job")
    promote(old, "schedule")
    hands = Hands(old)
    token = hands.take()
    assert hands.recall(blamed=[token]) == 1
    put(app, "default", write("b", expiry=1))
    assert len(hands.claim(request=hands.request + 1).payloads) == 0
    assert len(scored(app, "dead")) == 1
    assert told() == []
    old.close()
    raw(app, "ACL", "DELUSER", "old")
