"""Blocks of any size: staged in chunks, committed in one step, and none of it seen before."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from outrider import App, EnqueueError
from outrider.inspection.queues import Queues
from outrider.job import Job
from outrider.store import queue
from tests.app.conftest import closing, loop
from tests.app.hands import Hands, raw

MANY = 20_000


def resize(image_id: int) -> None: ...


def called(status: Any) -> None: ...


@pytest.fixture
def job(app: App) -> Job[..., None]:
    return app.job(resize)


def keys(app: App) -> set[str]:
    """All keys but those of producers' lanes."""
    names = {name.decode().removeprefix(app.keys.prefix) for name in raw(app, "KEYS", "*")}
    return {name for name in names if not name.startswith("o:lane")}


def staged(app: App) -> set[str]:
    """The keys of what is staged."""
    return {name for name in keys(app) if name.startswith("o:staged")}


def size(app: App, name: str = "default") -> int:
    """How many jobs wait."""
    return Queues(app)[name].size


def move_all(app: App) -> int:
    """What the workers' schedulers do; how many slices that took."""
    slices = 1
    while app.perform(queue.move(app.keys, limit=1000, bytes=1 << 18)):
        slices += 1
    return slices


def numbers(app: App, name: str = "default") -> list[str]:
    """The numbers of the members on a queue, the oldest first."""
    found = raw(app, "LRANGE", app.keys("queue", name), 0, -1)
    return [payload.decode().split('"', 4)[3][16:] for payload in found[::-1]]


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_nothing_is_seen_before_the_commit(
    app: App, job: Job[..., None], *, is_async: bool
) -> None:
    """Chunks lie apart, each with a time to live; then all jobs are there at once, in order.

    P2.
    """
    batch = app.batch()

    def look() -> None:
        assert keys(app) == staged(app) != set()
        lives = [raw(app, "TTL", app.keys.prefix + name) for name in staged(app)]
        assert 0 < min(lives) <= max(lives) <= 600
        assert size(app) == 0

    async def fill() -> None:
        async with closing(app), batch.jobs():
            await job.aenqueue_many((i,) for i in range(MANY))
            look()

    if is_async:
        loop(app, fill())
    else:
        with batch.jobs():
            for i in range(MANY):
                job.enqueue(i)
            look()
    assert size(app) == app.batches[batch.bid].total == MANY
    assert numbers(app) == [f"{i:08x}" for i in range(MANY)]
    assert staged(app) == set()
    assert raw(app, "TTL", app.keys("queue", "default")) == -1


@pytest.mark.parametrize("many", [False, True])
def test_a_raise_at_the_end_leaves_no_key(app: App, job: Job[..., None], *, many: bool) -> None:
    """From the block or from the generator that fills it (P6)."""

    def calls() -> Iterator[tuple[int]]:
        for i in range(MANY - 1):
            yield (i,)
        raise KeyError

    def fill() -> None:
        with app.batch().jobs():
            if many:
                job.enqueue_many(calls())
            for call in calls():
                job.enqueue(*call)

    with pytest.raises(KeyError):
        fill()
    assert keys(app) == set()


def test_what_waits_already_comes_first(app: App, job: Job[..., None]) -> None:
    """On a queue that is not empty jobs arrive in slices; they count from the commit on."""
    job.enqueue(0)
    job.enqueue_in(60, 0)
    batch = app.batch()
    with batch.jobs():
        job.enqueue_in(3600, 1)
        job.enqueue_many((i,) for i in range(6000))
    assert size(app) == app.stats.enqueued == 6001
    assert len(staged(app)) == 2
    assert {raw(app, "TTL", app.keys.prefix + name) for name in staged(app)} == {-1}
    left = queue.outstanding(app.keys, queues=["default"], horizon=10**14)
    assert app.perform(left) == 6003
    assert 6 <= move_all(app) <= 9
    assert app.perform(left) == 6003
    assert numbers(app)[1:] == [f"{i:08x}" for i in range(1, 6001)]
    assert raw(app, "ZCARD", app.keys("schedule")) == 2
    assert staged(app) == set()
    assert size(app) == 6001


def test_large_payloads_are_staged_sooner(app: App, job: Job[..., None]) -> None:
    """Four megabytes are as much as one request takes (P76)."""
    with app.batch().jobs():
        for _ in range(60):
            job.enqueue("x" * 100_000)
        assert staged(app)
    assert size(app) == 60


def test_a_block_that_has_lapsed_says_so(app: App, job: Job[..., None]) -> None:
    """Nothing is pushed of what is left of it (P6)."""
    batch = app.batch()

    def fill() -> None:
        with batch.jobs():
            job.enqueue_many((i,) for i in range(6000))
            job.using(queue="low").enqueue(1)
            for name in staged(app):
                raw(app, "DEL", app.keys.prefix + name)

    with pytest.raises(EnqueueError, match="the block has lapsed, and nothing was pushed"):
        fill()
    assert keys(app) == set()


def test_a_slow_block_lives_on(
    app: App, job: Job[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each minute that brings a job renews all that is staged, also of the blocks around."""
    with app.batch().jobs():
        job.enqueue_many((i,) for i in range(6000))
        with app.batch().jobs():
            job.enqueue_many((i,) for i in range(6000))
            for name in staged(app):
                raw(app, "EXPIRE", app.keys.prefix + name, 30)
            monkeypatch.setattr("outrider.staging.RENEW", -1.0)
            job.enqueue(1)
            assert min(raw(app, "TTL", app.keys.prefix + name) for name in staged(app)) > 500
    assert size(app) == 12_001


def test_large_blocks_nest(app: App, job: Job[..., None]) -> None:
    """Several batches, too many jobs together or each by itself: one commit (P76)."""
    root, children = app.batch(), []
    with root.jobs():
        job.enqueue_many((i,) for i in range(4000))
        for count in (4000, 3000, 11_000, 1):
            child = app.batch()
            children.append((child, count))
            with child.jobs():
                job.enqueue_many((i,) for i in range(count))
        assert keys(app) == staged(app)
    assert size(app) == 22_001
    assert app.batches[root.bid].total == 4000
    assert [app.batches[child.bid].total for child, _ in children] == [n for _, n in children]


def test_an_inner_block_that_raises_is_left_out(app: App, job: Job[..., None]) -> None:
    """The outer one goes on."""

    def fail() -> None:
        with app.batch().jobs():
            job.enqueue_many((i,) for i in range(6000))
            raise KeyError

    root = app.batch()
    with root.jobs():
        job.enqueue_many((i,) for i in range(6000))
        with pytest.raises(KeyError):
            fail()
    assert size(app) == app.batches[root.bid].total == 6000
    assert staged(app) == set()


def test_a_batch_that_exists_takes_large_blocks(app: App, job: Job[..., None]) -> None:
    """Numbers are reserved in growing steps, and few are left over (P2)."""
    batch = app.batch()
    with batch.jobs():
        job.enqueue(0)
    with app.batches.open(batch.bid).jobs():
        job.enqueue_many((i,) for i in range(MANY))
    assert move_all(app)
    assert size(app) == app.batches[batch.bid].total == MANY + 1
    assert len(set(numbers(app))) == MANY + 1
    assert raw(app, "STRLEN", app.keys("slots", batch.bid)) <= MANY // 2 + 2


def test_jobs_of_a_large_block_run(app: App, job: Job[..., None]) -> None:
    """Claimed and reported like any others, and the batch succeeds."""
    with (batch := app.batch()).jobs():
        job.enqueue_many((i,) for i in range(5003))
    hands = Hands(app)
    while (claimed := hands.claim(want=500)).payloads:
        hands.ack(*range(claimed.first, claimed.first + len(claimed.payloads)))
    status: Any = app.batches[batch.bid]
    assert status.is_success
    assert (status.total, status.pending) == (5003, 0)


def test_a_batch_with_very_many_callbacks(app: App, job: Job[..., None]) -> None:
    """More than fit Lua's stack as arguments of one command: the commit must not fail half-way."""
    target = app.job(called)
    batch = app.batch()
    for _ in range(4200):
        batch.on("success", target)
    with batch.jobs():
        job.enqueue(1)
    assert len(app.batches[batch.bid].callbacks) == 4200
