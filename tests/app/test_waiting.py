"""Waiting for a batch: woken by its channel, whatever happens to the connection."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from outrider import App, BatchNotFound, BatchStatus, waiting
from outrider.payload import decode
from outrider.store.queue import Other
from outrider.worker.outcome import decide
from tests.app.conftest import Way, loop
from tests.app.hands import BID, NOW, Hands, commit, member, put, raw, start

CHANNEL = f"batch-{BID}"


@pytest.fixture(autouse=True)
def no_poll(monkeypatch: pytest.MonkeyPatch) -> None:
    """What ends within a test has been woken."""
    monkeypatch.setattr(waiting, "POLL", 60.0)
    monkeypatch.setattr("outrider.status.POLL", 60.0)


def listeners(app: App) -> int:
    """How many listen to the batch."""
    return int(raw(app, "PUBSUB", "NUMSUB", CHANNEL)[1])


def until(condition: Callable[[], bool]) -> None:
    """Wait for something to become true."""
    pause = threading.Event()
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        pause.wait(0.002)


@contextmanager
def doing(work: Callable[[], Any]) -> Iterator[list[Any]]:
    """Something goes on in a thread meanwhile; what it returned or raised is in the list."""
    result: list[Any] = []

    def run() -> None:
        try:
            result.append(work())
        except Exception as error:
            result.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    yield result
    thread.join(30)
    assert not thread.is_alive()


def watch(way: Way, status: BatchStatus, meanwhile: Callable[[str], None]) -> list[str]:
    """All events of a batch; `meanwhile` is told of each."""
    kinds = []

    def note(kind: str) -> None:
        kinds.append(kind)
        meanwhile(kind)

    async def run() -> None:
        async for event in status.awatch():
            note(event.kind)

    if way.is_async:
        loop(way.app, run())
    else:
        for event in status.watch():
            note(event.kind)
    return kinds


def test_a_join_is_woken_and_does_not_ask(way: Way, app: App) -> None:
    """It reads when it has begun to listen and when the event comes, not at each success."""
    start(app, 50)
    hands = Hands(app)
    first = hands.claim(want=50).first
    status = app.batches[BID]
    with doing(lambda: way(status, "join", timeout=20)) as result:
        until(lambda: listeners(app) == 1)
        for token in range(first, first + 49):
            hands.ack(token)
        assert result == []
        hands.ack(first + 49)
    assert result == [status]
    assert status.is_complete
    until(lambda: listeners(app) == 0)


def test_a_cut_connection_is_made_anew(way: Way, app: App) -> None:
    """Also when the event came while nobody could hear it."""
    start(app, 1)
    hands = Hands(app)
    token = hands.take()
    with doing(lambda: way(app.batches[BID], "join", timeout=20)) as result:
        until(lambda: listeners(app) == 1)
        for _ in range(3):
            raw(app, "CLIENT", "KILL", "TYPE", "pubsub")
            until(lambda: listeners(app) == 1)
        raw(app, "CLIENT", "KILL", "TYPE", "pubsub")
        hands.ack(token)
    assert result[0].is_success


def test_a_batch_that_is_gone_is_noticed_by_the_poll(
    way: Way, app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody says when a batch expires."""
    monkeypatch.setattr(waiting, "POLL", 0.1)
    start(app, 1)
    with doing(lambda: way(app.batches[BID], "join", timeout=20)) as result:
        until(lambda: listeners(app) == 1)
        raw(app, "DEL", *(app.keys(kind, BID) for kind in ("batch", "slots", "batches")))
    assert isinstance(result[0], BatchNotFound)


@pytest.mark.parametrize("settled", [False, True])
def test_a_watched_batch_that_is_gone(
    way: Way, app: App, monkeypatch: pytest.MonkeyPatch, *, settled: bool
) -> None:
    """Deleted between two readings, or at its very end: one clear error."""
    monkeypatch.setattr("outrider.status.POLL", 0.1)
    start(app, 1)
    hands = Hands(app)
    token = hands.take()
    status = app.batches[BID]

    def lose(kind: str) -> None:
        if kind == "progress":
            if settled:
                hands.ack(token)
            raw(app, "DEL", *(app.keys(name, BID) for name in ("batch", "slots", "batches")))

    with pytest.raises(BatchNotFound):
        watch(way, status, lose)
    until(lambda: listeners(app) == 0)


def test_a_time_out_is_kept_while_messages_come(way: Way, app: App) -> None:
    """Neither earlier nor much later."""
    start(app, 1)
    stop = threading.Event()

    def chatter() -> None:
        other = App(app.url)
        while not stop.is_set():
            raw(other, "PUBLISH", CHANNEL, "+")
        other.close()

    with doing(chatter):
        begun = time.monotonic()
        with pytest.raises(TimeoutError):
            way(app.batches[BID], "join", timeout=0.5)
        took = time.monotonic() - begun
        stop.set()
    assert 0.5 <= took < 10.0


def test_a_watch_tells_everything_once_and_ends(way: Way, app: App) -> None:
    """Progress first, then milestones as they come, `settled` at last."""
    start(app, 2)
    hands = Hands(app)
    first = hands.claim(want=2).first
    told: list[str] = []

    def go_on(kind: str) -> None:
        if kind == "progress" and not told:
            hands.ack(first)
        elif kind == "progress" and len(told) == 1:
            hands.ack(first + 1)
        told.append(kind)

    kinds = watch(way, app.batches[BID], go_on)
    assert kinds == ["progress", "progress", "progress", "complete", "success", "settled"]
    until(lambda: listeners(app) == 0)


def test_a_watch_of_what_is_over(way: Way, app: App) -> None:
    """What has come already is told; a death first, and `settled` last after a repair too."""
    start(app, 1)
    hands = Hands(app)
    payload = member(0, retry=0).encode()
    outcome = decide(decode(payload), payload, hands.take(), ValueError(), lambda n: 30.0, NOW)
    assert isinstance(outcome, Other)
    hands.ack(outcome)
    kinds = watch(way, app.batches[BID], lambda kind: None)
    assert kinds == ["progress", "death", "complete", "settled"]
    put(app, "default", member(0))
    Hands(app, child="1", now=NOW + 5000).work()
    kinds = watch(way, app.batches[BID], lambda kind: None)
    assert kinds == ["progress", "death", "complete", "success", "settled"]


def test_progress_is_coalesced(way: Way, app: App) -> None:
    """A thousand successes are at most twenty events a second."""
    start(app, 400)
    hands = Hands(app)
    first = hands.claim(want=400).first

    begun, is_seen = time.monotonic(), threading.Event()

    def work() -> None:
        assert is_seen.wait(20)
        for token in range(first, first + 400):
            hands.ack(token)

    with doing(work):
        kinds = watch(way, app.batches[BID], lambda kind: is_seen.set())
    assert 2 <= kinds.count("progress") <= (time.monotonic() - begun) / waiting.GAP + 3
    assert kinds[-3:] == ["complete", "success", "settled"]


def test_a_watch_survives_a_cut(way: Way, app: App) -> None:
    """It listens anew, and reads what it has missed."""
    start(app, 1)
    hands = Hands(app)
    token = hands.take()

    is_seen = threading.Event()

    def work() -> None:
        assert is_seen.wait(20)
        raw(app, "CLIENT", "KILL", "TYPE", "pubsub")
        hands.ack(token)

    with doing(work):
        kinds = watch(way, app.batches[BID], lambda kind: is_seen.set())
    assert kinds == ["progress", "progress", "complete", "success", "settled"]


def test_a_server_that_refuses_to_be_heard_is_asked(way: Way, app: App) -> None:
    """Without the right to listen, join still ends."""
    start(app, 1)
    raw(app, "ACL", "SETUSER", "deaf", "on", "nopass", "~*", "+@all", "resetchannels")
    deaf = App(app.url.replace("://", "://deaf:x@"))
    mine = Way(deaf, is_async=way.is_async)
    try:
        with doing(lambda: mine(deaf.batches[BID], "join", timeout=20)) as result:
            Hands(app).work()
        assert result[0].is_success
    finally:
        deaf.close()
        raw(app, "ACL", "DELUSER", "deaf")


def test_an_event_has_the_status_of_its_moment(app: App) -> None:
    """Events are pictures; the watched status is kept up to date."""
    start(app, 1)
    hands = Hands(app)
    status = app.batches[BID]
    events = status.watch()
    before = next(events)
    hands.work()
    rest = list(events)
    assert (before.status.pending, rest[0].status.pending, status.pending) == (1, 0, 0)
    assert app.perform(commit(app, bid="00aabbccddeeff22")) == 1
    assert [event.kind for event in app.batches["00aabbccddeeff22"].watch()][-1] == "settled"
