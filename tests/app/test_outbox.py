"""Outbox jobs: what they enqueue comes with their success, or not at all."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextvars import Context, copy_context
from typing import Any

import pytest

from outrider import (
    App,
    Batch,
    BatchFinished,
    BatchNotFound,
    ConfigError,
    Discard,
    EnqueueError,
    Kill,
    Retry,
    Snooze,
    StoreFull,
    current_batch,
)
from outrider.job import Job
from outrider.outbox import Outbox
from outrider.store import batch as store
from outrider.store import queue
from outrider.worker.parking import Sent, Unsent
from tests.app.hands import counts, raw, stat
from tests.app.runs import Runs

Body = Callable[[], Any]


@pytest.fixture
def runs(app: App) -> Runs:
    """A worker in this process."""
    return Runs(app)


@pytest.fixture
def following(app: App) -> Job[..., Any]:
    """What the outbox jobs here enqueue, on a queue of its own."""

    @app.job(name="following", queue="next")
    def following(number: int = 0) -> None: ...

    return following


@pytest.fixture(params=["def", "async def"])
def outbox(request: pytest.FixtureRequest, app: App) -> Callable[[Body], Job[..., Any]]:
    """Makes an outbox job of code, both kinds."""

    def make(body: Body, **options: Any) -> Job[..., Any]:
        def plain() -> None:
            body()

        async def coroutine() -> None:
            body()

        function = plain if request.param == "def" else coroutine
        return app.job(name="outbox", outbox=True, **options)(function)

    return make


def ends(runs: Runs, *queues: str) -> list[str]:
    """What comes of all that lies there."""
    return [ran.end for ran in runs.run_all(*queues)]


Make = Callable[..., Job[..., Any]]


def test_the_next_job_comes_with_the_success(
    app: App, runs: Runs, following: Job[..., Any], outbox: Make
) -> None:
    """Until the job has ended there is nothing of it; then all is there, delayed ones too."""
    seen: list[int] = []

    def body() -> None:
        job = following.enqueue(1)
        assert job is not None
        assert (job.queue, len(job.jid)) == ("next", 24)
        assert following.enqueue_many([(2,), (3,)]) != [None, None]
        following.enqueue_in(60, 4)
        app.enqueue("following", [5])
        seen.append(app.queues["next"].size + len(app.scheduled))

    outbox(body).enqueue()
    assert ends(runs) == ["success"]
    assert seen == [0]
    assert [job.args for job in app.queues["next"]] == [[1], [2], [3], [5]]
    assert [job.args for job in app.scheduled] == [[4]]
    assert (stat(app, "processed"), app.stats.busy) == (1, 0)


@pytest.mark.parametrize(
    ("error", "end"),
    [
        (ValueError("no"), "retry"),
        (Retry(5), "retry"),
        (Snooze(5), "snooze"),
        (Discard("done"), "discard"),
        (Kill("dead"), "dead"),
        (asyncio.CancelledError(), "retry"),
        (SystemExit(3), "retry"),
    ],
)
def test_nothing_comes_of_a_run_that_does_not_succeed(
    app: App, runs: Runs, following: Job[..., Any], outbox: Make, error: BaseException, end: str
) -> None:
    """However it ends: the job has not succeeded, so what it has enqueued is gone."""

    def body() -> None:
        following.enqueue(1)
        with app.batch().jobs():
            following.enqueue(2)
        raise error

    outbox(body).enqueue()
    assert ends(runs) == [end]
    assert (app.queues["next"].size, len(app.batches)) == (0, 0)


def test_a_job_without_the_option_pushes_at_once(
    app: App, runs: Runs, following: Job[..., Any]
) -> None:
    """And so does one whose caller asks for an outbox: it is the worker's."""

    @app.job(name="plain")
    def plain() -> None:
        following.enqueue(1)
        raise ValueError

    plain.using(outbox=True).enqueue()
    assert ends(runs) == ["retry"]
    assert app.queues["next"].size == 1
    with pytest.raises(ConfigError, match="outbox must be True or False"):
        plain.using(outbox=1)


def test_an_empty_outbox_is_reported_as_any_success(app: App, runs: Runs, outbox: Make) -> None:
    """No request of its own: the outcome is the token, gathered with others."""
    outbox(lambda: None).enqueue()
    claimed = runs.claim()
    assert runs.perform(claimed.payloads[0], claimed.first) == claimed.first


def test_a_run_whose_claim_is_lost_pushes_nothing(
    app: App,
    runs: Runs,
    following: Job[..., Any],
    outbox: Make,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A second run, elsewhere, hands over; the first is told that it ran twice."""
    outbox(lambda: following.enqueue(1)).enqueue()
    claimed = runs.claim()
    runs.recall()
    with caplog.at_level(logging.INFO):
        outcome = runs.perform(claimed.payloads[0], claimed.first)
    assert outcome == Sent(claimed.first)
    assert "ran twice" in caplog.text
    assert "done" not in caplog.messages
    assert (app.queues["next"].size, stat(app, "processed")) == (0, 0)
    assert ends(Runs(app, "host:2:cd")) == ["success"]
    assert (app.queues["next"].size, stat(app, "processed")) == (1, 1)


# -- batches --------------------------------------------------------------------------------------


def test_batches_come_with_the_success(
    app: App, runs: Runs, following: Job[..., Any], outbox: Make
) -> None:
    """Nested ones, with blocks that follow and callbacks that are added later."""
    made: list[Batch] = []

    @app.job(name="called", queue="calls")
    def called(status: Any) -> None: ...

    def body() -> None:
        outer = app.batch(description="outer").on("success", called)
        with outer.jobs():
            following.enqueue(1)
            inner = app.batch(description="inner")
            with inner.jobs():
                following.enqueue(2)
        with outer.jobs():
            following.enqueue(3)
        outer.on("complete", called)
        made.extend([outer, inner])
        with pytest.raises(BatchNotFound):
            app.batches[outer.bid]

    outbox(body).enqueue()
    assert ends(runs) == ["success"]
    outer, inner = (app.batches[batch.bid] for batch in made)
    assert (outer.total, inner.total, inner.parent_bid) == (2, 1, outer.bid)
    assert [job.args for job in app.queues["next"]] == [[1], [2], [3]]
    assert len({job.jid for job in app.queues["next"]}) == 3
    assert ends(runs, "next", "calls") == ["success"] * 5
    assert app.batches[outer.bid].is_success


def test_a_member_adds_to_its_batch(
    app: App, runs: Runs, following: Job[..., Any], outbox: Make
) -> None:
    """Jobs and children, in the step that makes it succeed: success waits for them."""

    def body() -> None:
        batch = current_batch()
        assert batch is not None
        with batch.jobs():
            following.enqueue(1)
        with app.batch().jobs():
            following.enqueue(2)

    job, batch = outbox(body), app.batch()
    with batch.jobs():
        job.enqueue()
    assert ends(runs) == ["success"]
    status = app.batches[batch.bid]
    assert (status.total, status.pending, status.is_complete) == (2, 1, False)
    assert len(status.child_bids) == 1
    assert ends(runs, "next") == ["success"] * 2
    assert app.batches[batch.bid].is_success


def test_a_callback_makes_a_child_of_the_parent(
    app: App, runs: Runs, following: Job[..., Any]
) -> None:
    """A callback may be an outbox job: its success and the next stage are one step."""
    seen: list[Any] = []

    @app.job(name="stage", queue="calls", outbox=True)
    def stage(status: Any) -> None:
        with app.batch(description="stage").jobs():
            following.enqueue(2)
        seen.append(app.queues["next"].size)

    root, inner = app.batch(), app.batch(parent=None)
    with root.jobs():
        inner = app.batch().on("success", stage)
        with inner.jobs():
            following.enqueue(1)
    assert ends(runs, "next", "calls") == ["success"] * 3
    assert seen == [0]
    assert app.batches[root.bid].is_success
    assert len(app.batches[root.bid].child_bids) == 2


def test_a_cancelled_batch_takes_nothing(
    app: App, runs: Runs, following: Job[..., Any], outbox: Make
) -> None:
    """The outcome is that of a member which ended with BatchCancelled."""

    def body() -> None:
        batch = current_batch()
        assert batch is not None
        with batch.jobs():
            following.enqueue(1)
        batch.cancel()

    job, batch = outbox(body), app.batch()
    with batch.jobs():
        job.enqueue()
    assert ends(runs) == ["cancel"]
    assert counts(app, batch.bid) == {7: 1}
    assert app.queues["next"].size == 0
    assert stat(app, "processed") == 1


def test_a_settled_batch_takes_nothing(
    app: App, runs: Runs, following: Job[..., Any], outbox: Make
) -> None:
    """A job from outside fails with BatchFinished, as if it had raised it."""
    other = app.batch()
    with other.jobs():
        following.enqueue(0)
    late: list[Any] = []

    def body() -> None:
        with app.batches.open(other.bid).jobs():
            following.enqueue(1)
        late.extend(runs.work("next"))

    outbox(body, retry=0).enqueue()
    deaths: list[BaseException] = []
    app.on_death(lambda job, error: deaths.append(error))
    assert ends(runs) == ["dead"]
    assert isinstance(deaths[0], BatchFinished)
    assert (len(late), app.queues["next"].size, app.batches[other.bid].total) == (1, 0, 1)


def test_a_batch_that_is_to_come_cannot_be_held(
    app: App, runs: Runs, following: Job[..., Any], outbox: Make
) -> None:
    """A hold would have to make it at once. One that exists is held at once."""
    known, held = app.batch(), []
    with known.jobs():
        following.enqueue(1)

    def body() -> None:
        batch = app.batch()
        with batch.jobs():
            pass
        with pytest.raises(EnqueueError, match="when this outbox job succeeds"), batch.open():
            pass
        with known.open(), known.jobs():
            held.append(app.perform(store.read(app.keys, known.bid))["holds"])
            following.enqueue(2)

    outbox(body).enqueue()
    assert ends(runs) == ["success"]
    assert held == [b"1"]
    assert (len(app.batches), app.batches[known.bid].total) == (1, 2)


# -- large ones -----------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1_001, 5_100])
def test_a_large_outbox_is_staged(
    app: App, runs: Runs, following: Job[..., Any], outbox: Make, count: int
) -> None:
    """Plain jobs and members, to a queue that holds some already, and delayed ones."""
    following.enqueue(-1)

    def body() -> None:
        following.enqueue_many([(number,) for number in range(count)])
        with app.batch().jobs():
            following.enqueue_many([(number,) for number in range(count)])
            following.enqueue_in(60, -2)
        assert raw(app, "KEYS", "o:staged:*") == []
        assert app.queues["next"].size == 1

    outbox(body).enqueue()
    assert ends(runs) == ["success"]
    assert app.queues["next"].size == 2 * count + 1
    assert len(app.scheduled) == 1
    while app.perform(queue.move_slice(app.keys)):
        pass
    numbers = [job.args[0] for job in app.queues["next"]]
    assert numbers == [-1, *range(count), *range(count)]
    assert [status.total for status in app.batches] == [count + 1]
    assert raw(app, "KEYS", "o:staged:*") == []


def test_nothing_is_left_of_what_was_staged_for_nothing(
    app: App, runs: Runs, following: Job[..., Any], outbox: Make
) -> None:
    """Refused at the end: what was staged is taken away."""

    def body() -> None:
        batch = current_batch()
        assert batch is not None
        with batch.jobs():
            following.enqueue_many([(number,) for number in range(1_500)])
        batch.cancel()

    job = outbox(body)
    with app.batch().jobs():
        job.enqueue()
    assert ends(runs) == ["cancel"]
    assert raw(app, "KEYS", "o:staged:*") == []


def test_what_has_lapsed_is_staged_anew(
    app: App, runs: Runs, following: Job[..., Any], outbox: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The job has all of it still: the time of staged jobs is no concern of its."""
    tried: list[int] = []
    call = Outbox._call

    def once(self: Outbox, *words: Any) -> Any:
        if not tried:
            tried.extend(raw(app, "DEL", key) for key in raw(app, "KEYS", "o:staged:*"))
        return call(self, *words)

    monkeypatch.setattr(Outbox, "_call", once)
    outbox(lambda: following.enqueue_many([(n,) for n in range(1_500)])).enqueue()
    assert ends(runs) == ["success"]
    assert tried == [1]
    assert app.queues["next"].size == 1_500


# -- a full server --------------------------------------------------------------------------------


@pytest.fixture
def full(app: App) -> Iterator[Callable[[bool], None]]:
    """Fills the server's memory, or makes room."""

    def fill(is_full: bool) -> None:
        raw(app, "CONFIG", "SET", "maxmemory", 1 if is_full else 0)

    yield fill
    fill(False)


@pytest.mark.parametrize("count", [1, 1_500])
def test_a_full_server_refuses_and_nothing_is_lost(
    app: App,
    runs: Runs,
    following: Job[..., Any],
    outbox: Make,
    full: Callable[[bool], None],
    count: int,
) -> None:
    """The claim stays, and the next attempt pushes all, once."""
    outbox(lambda: following.enqueue_many([(n,) for n in range(count)])).enqueue()
    claimed = runs.claim()
    full(True)
    unsent = runs.perform(claimed.payloads[0], claimed.first)
    assert isinstance(unsent, Unsent)
    assert isinstance(unsent.error, StoreFull)
    assert isinstance(unsent.again(), Unsent)
    assert app.perform(queue.stands(app.keys, "host:1:ab:0", claimed.first))
    full(False)
    assert unsent.again() == Sent(claimed.first)
    assert app.queues["next"].size == count
    assert unsent.again() == Sent(claimed.first)
    assert app.queues["next"].size == count


# -- who is in the job ----------------------------------------------------------------------------


def test_tasks_and_threads_of_the_job(app: App, runs: Runs, following: Job[..., Any]) -> None:
    """Tasks and `asyncio.to_thread` carry the job's context, and so its outbox."""
    seen: list[int] = []

    @app.job(name="outbox", outbox=True)
    async def job() -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(following.aenqueue(1))
            tasks.create_task(asyncio.to_thread(following.enqueue, 2))
        seen.append(app.queues["next"].size)

    job.enqueue()
    assert ends(runs) == ["success"]
    assert seen == [0]
    assert sorted(record.args[0] for record in app.queues["next"]) == [1, 2]


def test_whoever_outlives_the_job_is_refused(
    app: App, runs: Runs, following: Job[..., Any], outbox: Make
) -> None:
    """What goes on after it can't be part of its success: it is told so, and pushes nothing."""
    kept: list[Context] = []

    def go_on() -> None:
        with app.batch().jobs():
            pass

    def body() -> None:
        kept.append(copy_context())
        following.enqueue(1)

    outbox(body).enqueue()
    assert ends(runs) == ["success"]
    for late in (following.enqueue, go_on):
        with pytest.raises(EnqueueError, match="has ended"):
            kept[0].run(late)
    assert (app.queues["next"].size, len(app.batches)) == (1, 0)


def test_a_death_handler_is_not_in_the_job(
    app: App, runs: Runs, following: Job[..., Any], outbox: Make
) -> None:
    """What it enqueues goes at once."""

    @app.on_death
    def died(job: Any, error: BaseException) -> None:
        following.enqueue(9)

    def body() -> None:
        following.enqueue(1)
        raise Kill("dead")

    outbox(body).enqueue()
    assert ends(runs) == ["dead"]
    assert [job.args for job in app.queues["next"]] == [[9]]


def test_jobs_of_another_app_go_to_it_at_once(app: App, runs: Runs, outbox: Make) -> None:
    """Two servers have no step in common."""
    other = App(app.url, prefix="other:")
    job = other.job(name="theirs", queue="next")(lambda: None)

    def body() -> None:
        job.enqueue()
        with other.batch().jobs():
            job.enqueue()
        raise ValueError

    outbox(body).enqueue()
    assert ends(runs) == ["retry"]
    assert (other.queues["next"].size, app.queues["next"].size) == (2, 0)
    assert len(other.batches) == 1
    raw(app, "FLUSHALL")
    other.close()


def test_what_its_middleware_enqueues_belongs_to_it(
    app: App, runs: Runs, following: Job[..., Any], outbox: Make
) -> None:
    """A layer around the job is part of the run: it may fail it, too."""

    @app.middleware.run
    def layer(job: Any) -> Iterator[None]:
        yield
        following.enqueue(1)
        assert app.queues["next"].size == 0

    outbox(lambda: None).enqueue()
    assert ends(runs) == ["success"]
    assert app.queues["next"].size == 1
