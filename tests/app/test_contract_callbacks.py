"""Callbacks as they run: what they are told, what they may do, and what their end means.

P-numbers are those of docs/lessons.md.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import outrider
from outrider import App, Batch, BatchStatus, current_job
from outrider.job import Job
from tests.app.hands import fields, listed, raw, scored
from tests.app.runs import Runs
from tests.app.test_cancel import EVENTS, has_fired


class Trouble(BaseException):
    """What no `except Exception` catches."""


def noop(number: int = 0) -> None: ...


def die(number: int = 0) -> None:
    raise ValueError(number)


def fails_once() -> Callable[..., None]:
    """A function that fails at its first call."""
    calls: list[int] = []

    def run(number: int = 0) -> None:
        calls.append(number)
        if len(calls) == 1:
            raise ValueError(number)

    return run


@pytest.fixture
def job(app: App) -> Job[..., None]:
    """A job that succeeds."""
    return app.job(noop)


@pytest.fixture
def runs(app: App) -> Runs:
    """A worker."""
    return Runs(app)


def tree(app: App, job: Job[..., None], depth: int) -> list[Batch]:
    """Batches in one another, the root first; the innermost has one job."""
    batches = [app.batch()]
    if depth == 1:
        with batches[0].jobs():
            job.enqueue()
        return batches
    with batches[0].jobs():
        return batches + tree(app, job, depth - 1)


@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("is_async", [False, True], ids=["def", "async def"])
def test_a_callback_sees_what_called_it(
    app: App, runs: Runs, event: str, *, is_async: bool
) -> None:
    """Its status has the time of the event already; its options come as keywords (P18)."""
    seen: list[Any] = []

    def look(status: BatchStatus, note: str) -> None:
        seen.append((status.bid, getattr(status, f"is_{'dead' if event == 'death' else event}")))
        seen.append((note, getattr(status, f"{event}_at") is not None))

    async def alook(status: BatchStatus, note: str) -> None:
        look(status, note)

    target = app.job(name="look")(alook if is_async else look)
    ends = app.job(retry=0)(die) if event == "death" else app.job(noop)
    batch = app.batch().on(event, target, note="é")
    with batch.jobs():
        ends.enqueue()
    runs.run_all()
    assert seen == [(batch.bid, True), ("é", True)]


def test_a_failing_callback_is_retried_alone(app: App, job: Job[..., None], runs: Runs) -> None:
    """The other callbacks and the jobs run once; its id stays the same for ever (P60, P88)."""
    jids: list[tuple[str, int]] = []

    @app.job(name="once")
    def once(status: BatchStatus) -> None:
        jids.append((current_job().jid, current_job().attempt))

    @app.job(name="thrice")
    def thrice(status: BatchStatus) -> None:
        jids.append((current_job().jid, current_job().attempt))
        if len(jids) < 4:
            raise OSError("mail server away")

    batch = app.batch().on("success", once).on("success", thrice)
    with batch.jobs():
        job.enqueue()
    runs.run_all()
    for _ in range(2):
        assert app.retries.retry_all() == 1
        assert [one.job.name for one in runs.run_all()] == ["thrice"]
    first, second = f"{batch.bid}f1000000", f"{batch.bid}f1000001"
    assert [jid for jid, _ in jids] == [first, second, second, second]
    status = app.batches[batch.bid]
    assert [one.state for one in status.callbacks] == ["succeeded", "succeeded"]
    assert (status.total, status.pending, status.failures) == (1, 0, 0)


@pytest.mark.parametrize("error", [Trouble("x"), SystemExit(1), KeyError("x")], ids=repr)
def test_whatever_a_callback_raises_is_a_failure(
    app: App, job: Job[..., None], runs: Runs, error: BaseException
) -> None:
    """Also what is no Exception: it is retried, and the batch says so (P64)."""

    @app.job(name="trouble")
    def trouble(status: BatchStatus) -> None:
        raise error

    batch = app.batch().on("complete", trouble)
    with batch.jobs():
        job.enqueue()
    assert [one.end for one in runs.run_all()] == ["success", "retry"]
    assert app.batches[batch.bid].callbacks == [("complete", "trouble", "failing")]
    raw(app, "DEL", "retry")
    app.perform(_end_callback(app, batch))


def _end_callback(app: App, batch: Batch) -> Any:
    from outrider.script import command

    keys = (app.keys(kind, batch.bid) for kind in ("batch", "slots"))
    return command("DEL", *keys, decode=int)


def test_a_callback_that_is_not_registered_any_more(
    app: App, url: str, job: Job[..., None], runs: Runs
) -> None:
    """A worker of another release: it fails in sight, and succeeds where it is known (P35)."""
    batch = app.batch().on("success", app.job(name="known")(lambda status: None))
    with batch.jobs():
        job.enqueue()
    runs.run_all(most=1)
    other = App(url)
    assert [one.end for one in Runs(other, "host:2:cd").run_all()] == ["retry"]
    (record,) = app.retries
    assert "has no job 'known'" in str(record.error_message)
    assert app.retries.retry_all() == 1
    assert [one.end for one in runs.run_all()] == ["success"]
    other.close()


def test_current_batch_in_a_callback(app: App, job: Job[..., None], runs: Runs) -> None:
    """The parent of the batch that fired, None at a root; a batch made there is its child."""
    made: list[Batch | None] = []

    @app.job(name="stage")
    def stage(status: BatchStatus) -> None:
        made.append(outrider.current_batch())
        batch = app.batch()
        made.append(batch)
        with batch.jobs():
            job.enqueue()

    root, child = tree(app, job, 2)
    child.on("complete", stage)
    root.on("complete", stage)
    runs.run_all()
    at_child, stage_two, at_root, free = made
    assert at_child is not None
    assert (at_child.bid, at_root) == (root.bid, None)
    assert stage_two is not None
    assert free is not None
    assert app.batches[stage_two.bid].parent_bid == root.bid
    assert app.batches[free.bid].parent_bid is None
    assert all(status.is_success for status in (app.batches[one.bid] for one in (root, child)))


@pytest.mark.parametrize("how", ["jobs", "open"])
def test_a_callback_that_adds_to_its_own_batch_dies(
    app: App, job: Job[..., None], runs: Runs, how: str
) -> None:
    """Also while the batch is not settled: BatchFinished, at once and without a retry (P31)."""

    @app.job(name="wrong")
    def wrong(status: BatchStatus) -> None:
        batch = app.batches.open(status.bid)
        with batch.jobs() if how == "jobs" else batch.open():
            pass

    flaky = app.job(name="flaky")(fails_once())
    batch = app.batch().on("complete", wrong)
    with batch.jobs():
        flaky.enqueue()
    assert [one.end for one in runs.run_all()] == ["retry", "dead"]
    assert "can't add to batch" in str(next(iter(app.dead)).error_message)
    app.retries.retry_all()
    runs.run_all()
    assert has_fired(app, batch) == {"complete", "success", "settled"}


ROADS = ["dead", "gone", "discarded", "deleted", "expired"]


@pytest.mark.parametrize("event", ["complete", "success", "death", "settled"])
@pytest.mark.parametrize("road", ROADS)
def test_a_callback_that_ends_badly(app: App, runs: Runs, road: str, event: str) -> None:
    """Of whatever event: no death, not counted; it bars success above, and never settled."""

    def end(status: BatchStatus) -> None:
        if road == "discarded":
            raise outrider.Discard("not needed")
        raise ValueError(road)

    target = app.job(name="end", queue="cb", retry=False if road == "gone" else 0)(end)
    twice = app.job(name="twice", retry=0)(fails_once())
    _, middle, leaf = batches = tree(app, twice, 3)
    leaf.on(event, target)
    runs.run_all()
    app.dead.retry_all()
    runs.run_all()
    (text,) = listed(app, "cb")
    if road == "deleted":
        app.queues["cb"].clear()
    elif road == "expired":
        raw(app, "DEL", "queue:cb")
        raw(app, "LPUSH", "queue:cb", text.replace('"class"', '"expiry":1.000,"class"', 1))
    assert [one.end for one in runs.run_all("cb")] in ([road], ["discard"], [])
    assert "success" in has_fired(app, leaf)
    settled = {"complete", "death", "settled"}
    assert [has_fired(app, one) for one in batches[:2]] == [settled, settled]
    status = app.batches[leaf.bid]
    assert (status.dead, status.failures, status.total) == (0, 0, 1)
    assert fields(app, leaf.bid)["callbacks_bad"] == "1"
    assert app.batches[middle.bid].dead == 0
    assert len(scored(app, "dead")) == (road == "dead")


def test_a_complete_callback_that_failed_has_run(app: App, job: Job[..., None], runs: Runs) -> None:
    """That is enough for the parent's complete; success and settled wait for its end (O7)."""
    fails = [True]

    @app.job(name="tell")
    def tell(status: BatchStatus) -> None:
        if fails:
            raise OSError

    root, child = tree(app, job, 2)
    child.on("complete", tell)
    runs.run_all(most=1)
    assert has_fired(app, root) == set()
    runs.run_all()
    assert has_fired(app, root) == {"complete"}
    fails.clear()
    app.retries.retry_all()
    runs.run_all()
    assert has_fired(app, root) == {"complete", "success", "settled"}


def test_a_listener_after_the_death(app: App, runs: Runs) -> None:
    """The event has fired: the callback is pushed at once."""
    told: list[str] = []
    batch = app.batch()
    with batch.jobs():
        app.job(retry=0)(die).enqueue()
    runs.run_all()
    batch.on("death", app.job(name="told")(lambda status: told.append(status.bid)))
    assert len(listed(app)) == 1
    runs.run_all()
    assert told == [batch.bid]


def test_children_and_callbacks_are_no_jobs_of_the_batch(
    app: App, job: Job[..., None], runs: Runs
) -> None:
    """Numbers are of its own jobs alone."""
    root, child = tree(app, job, 2)
    child.on("success", app.job(name="told")(lambda status: None))
    with root.jobs():
        job.enqueue()
    for total in (1, 1):
        status = app.batches[root.bid]
        assert (status.total, app.batches[child.bid].total) == (total, 1)
        runs.run_all()
    assert app.batches[root.bid].percent == 100.0
