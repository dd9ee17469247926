"""`job.pause()` and `app.held`: jobs that are paused by their name, as users see them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from outrider import App
from outrider.job import Job
from outrider.store import held as store
from outrider.worker.audit import Audit
from tests.app.conftest import Way, called, loop
from tests.app.hands import Hands, counts, keys_of, listed, raw
from tests.app.test_audit import auditor, requests, rounds
from tests.app.test_cancel import filled, has_fired

CANCELLED, DELETED, DEAD = 7, 8, 6
REQUESTS = 20
"""A second look takes fewer, so the last of these is after its end."""


def is_paused(way: Way, owner: Any) -> bool:
    return bool(loop(way.app, owner.apaused()) if way.is_async else owner.paused)


def size(way: Way, owner: Any) -> int:
    return int(loop(way.app, owner.asize()) if way.is_async else owner.size)


def go_on(app: App, job: Job[..., None]) -> None:
    """Resume, and have it all back on its queues."""
    job.resume()
    while app.perform(store.handback_slice(app.keys)):
        pass


def names(hands: Hands, *queues: str) -> list[str]:
    """The jobs that a worker runs now, by their names."""
    return [one["class"].rpartition(".")[2] for one in hands.work(*queues)]


# -- pausing --------------------------------------------------------------------------------------


def test_a_job_is_paused_on_all_queues(way: Way, app: App, job: Job[..., None]) -> None:
    """It waits aside, others pass it by; then it goes first."""
    hands = Hands(app)
    assert not is_paused(way, job)
    for _ in range(2):
        way(job, "pause")
        assert is_paused(way, job)
    job.enqueue(1)
    job.using(queue="low").enqueue(2)
    app.enqueue("some.job")
    assert names(hands, "default", "low") == ["job"]
    held = app.held[job.name]
    assert (size(way, held), len(held), is_paused(way, held)) == (2, 2, True)
    app.enqueue("some.job")
    way(job, "resume")
    assert not is_paused(way, held)
    assert not app.perform(store.handback_slice(app.keys))
    assert names(hands, "default", "low") == ["resize", "job", "resize"]
    assert (size(way, held), list(app.held)) == (0, [])


def test_by_name(way: Way, app: App) -> None:
    """Code need not be here; iterating gives what is paused, or held still."""
    assert (list(app.held), len(app.held)) == ([], 0)
    held = app.held["some.job"]
    way(held, "pause")
    app.held["a.job"].pause()
    assert (list(app.held), len(app.held), held.name) == (["a.job", "some.job"], 2, "some.job")
    app.enqueue("some.job")
    assert Hands(app).work() == []
    way(held, "resume")
    app.held["a.job"].resume()
    assert (list(app.held), "some.job" in app.held, "a.job" in app.held) == (
        ["some.job"],
        True,
        False,
    )
    assert repr(held) == "<Held some.job>"
    assert held.clear() == 1
    assert list(app.held) == []


def test_a_pause_does_not_leak(app: App, url: str, job: Job[..., None]) -> None:
    """To another prefix, or another database of the same server (P200)."""
    others = [App(url, prefix="shop:"), App(f"{url}{'&' if '?' in url else '?'}db=1")]
    job.pause()
    app.queues["default"].pause()
    for other in others:
        other.enqueue(job.name)
        assert not other.queues["default"].paused
        assert list(other.held) == []
        assert len(Hands(other).work()) == 1
        raw(other, "FLUSHDB")
        other.close()


# -- looking and acting ---------------------------------------------------------------------------


@pytest.fixture
def held_batch(app: App, job: Job[..., None], hands: Hands) -> Any:
    """A batch of four jobs that are held."""
    batch = filled(app, job, 4, "settled", callback_queue="other")
    job.pause()
    assert hands.claim().payloads == []
    return batch


def test_what_is_held_can_be_looked_at(
    way: Way, app: App, job: Job[..., None], held_batch: Any
) -> None:
    """In the order in which it will be taken; found by id."""
    held = app.held[job.name]

    async def collect() -> list[str]:
        return [record.jid async for record in held]

    found = loop(app, collect()) if way.is_async else [record.jid for record in held]
    assert found == [f"{held_batch.bid}{number:08x}" for number in range(4)]
    assert way(held, "find", found[2]).jid == found[2]
    assert way(held, "find", "nobody") is None
    assert app.stats.enqueued == 0


def test_what_is_held_can_be_deleted_and_killed(
    way: Way, app: App, job: Job[..., None], held_batch: Any
) -> None:
    """Its batch is told, and when nothing is held no key is left."""
    held = app.held[job.name]
    jids = [record.jid for record in held]
    assert way(held, "delete", jids[1])
    assert not way(held, "delete", jids[1])
    assert way(held, "kill", jids[0])
    assert counts(app, held_batch.bid) == {1: 2, DELETED: 1, DEAD: 1}
    assert [record.jid for record in app.dead] == [jids[0]]
    assert way(held, "delete", jids[2])
    assert way(held, "clear") == 1
    assert counts(app, held_batch.bid) == {DELETED: 3, DEAD: 1}
    assert has_fired(app, held_batch) == {"complete", "settled", "death"}
    assert raw(app, "EXISTS", "o:held", f"o:held:{job.name}") == 0
    assert way(held, "clear") == 0


def test_many_are_cleared_in_slices(app: App, job: Job[..., None], hands: Hands) -> None:
    """And the name is forgotten with the last."""
    job.enqueue_many([(number,) for number in range(230)])
    job.pause()
    while hands.claim().met:
        pass
    assert (app.held[job.name].clear(), list(app.held[job.name])) == (230, [])
    assert raw(app, "EXISTS", "o:held") == 0


def test_explain_says_why_it_waits(app: App, job: Job[..., None], held_batch: Any) -> None:
    """The job's name; on its way back it says that."""
    text = held_batch_status(app, held_batch).explain()
    assert f"4 jobs held because the job {job.name} is paused" in text
    job.resume()
    assert "4 jobs on the way back to a queue" in held_batch_status(app, held_batch).explain()


def held_batch_status(app: App, batch: Any) -> Any:
    return app.batches[batch.bid]


# -- batches --------------------------------------------------------------------------------------


def test_members_and_callbacks_wait(app: App, hands: Hands, job: Job[..., None]) -> None:
    """Nothing fires meanwhile, then all does, once."""
    callback = app.registry.get(f"{called.__module__}.{called.__qualname__}")
    assert isinstance(callback, Job)
    batch = app.batch().on("success", callback)
    with batch.jobs():
        job.enqueue(1)
    job.pause()
    callback.pause()
    assert hands.work() == []
    assert not app.batches[batch.bid].is_complete
    go_on(app, job)
    assert names(hands) == ["resize"]
    assert app.batches[batch.bid].is_success
    assert len(app.held[callback.name]) == 1
    go_on(app, callback)
    assert names(hands) == ["called"]
    assert app.batches[batch.bid].callbacks[0].state == "succeeded"


def test_cancelled_while_it_is_held(
    app: App, job: Job[..., None], hands: Hands, held_batch: Any
) -> None:
    """It settles at once; nothing runs when the name goes on."""
    held_batch.cancel()
    assert counts(app, held_batch.bid) == {CANCELLED: 4}
    assert has_fired(app, held_batch) == {"complete", "settled"}
    assert len(hands.work("other")) == 1
    assert len(app.held[job.name]) == 4
    go_on(app, job)
    assert hands.work() == []
    assert listed(app) == []


def test_forgotten_while_it_is_held(
    app: App, job: Job[..., None], hands: Hands, held_batch: Any
) -> None:
    """Deleted by force, nothing is left of it but texts, and these never run."""
    app.batches[held_batch.bid].delete(force=True)
    assert len(hands.work("other")) == 1
    assert keys_of(app, held_batch.bid) == []
    go_on(app, job)
    assert hands.work() == []


def test_an_audit_finds_what_is_held(app: App, job: Job[..., None], held_batch: Any) -> None:
    """Who is held is not lost; one that is taken from there is."""
    audit = auditor(app)
    rounds(app, audit)
    assert counts(app, held_batch.bid) == {1: 4}
    raw(app, "LPOP", f"o:held:{job.name}")
    rounds(app, audit)
    assert counts(app, held_batch.bid) == {1: 3, DELETED: 1}


def test_an_audit_never_misses_who_is_held_or_comes_back(
    app: App, job: Job[..., None], hands: Hands
) -> None:
    """Put aside before any request of a second look, and handed back before any later one."""
    batch = filled(app, job, 1)
    for first in range(REQUESTS):
        for then in range(first, REQUESTS):
            audit = auditor(app)
            for _ in range(2):
                pretend_lost(app, audit)
            job.pause()
            for number, _ in enumerate(requests(app, audit)):
                if number == first:
                    assert hands.claim().met
                if number == then:
                    go_on(app, job)
            assert number < REQUESTS
            assert counts(app, batch.bid) == {1: 1}, (first, then)
            go_on(app, job)


def pretend_lost(app: App, audit: Audit) -> None:
    """A round in which the members lie where no audit looks."""
    hidden = raw(app, "LRANGE", "queue:default", 0, -1)
    raw(app, "DEL", "queue:default")
    rounds(app, audit, 1)
    raw(app, "RPUSH", "queue:default", *hidden)


def test_the_names_of_others_do_no_harm(app: App, hands: Hands) -> None:
    """A foreign job may be called anything."""
    name = 'odd "name"\n{}'
    text = json.dumps({"class": name, "args": [], "jid": "x", "queue": "default"})
    raw(app, "LPUSH", "queue:default", text)
    app.held[name].pause()
    assert hands.claim().payloads == []
    assert [record.job for record in app.held[name]] == [name]
    assert app.held[name].delete("x")
    app.held[name].resume()
    assert list(app.held) == []
