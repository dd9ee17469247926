"""Events of jobs, from their being enqueued to the end of each run."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from outrider import (
    App,
    BatchCancelled,
    Discard,
    EnqueueError,
    Kill,
    NotDurable,
    PoisonPill,
    Retry,
    Snooze,
    StoreUnavailable,
    UnknownJob,
)
from outrider.clock import now_ms
from outrider.errors import UnreadablePayload
from outrider.events import ENDS, JobEvent
from outrider.job import Job
from outrider.store.queue import Other
from outrider.worker.parking import Sent
from tests.app.conftest import Make, Way
from tests.app.hands import BID, member, promote, put, raw, write
from tests.app.runs import Runs


@pytest.fixture
def heard(app: App) -> list[JobEvent]:
    """All that is told of jobs."""
    events: list[JobEvent] = []
    app.events.on("job.*")(events.append)
    return events


@pytest.fixture
def runs(app: App) -> Runs:
    """A worker in this process."""
    return Runs(app)


def names(heard: list[JobEvent]) -> list[str]:
    """What was told, in order."""
    return [event.name.removeprefix("job.") for event in heard]


@pytest.fixture(params=["def", "async def"])
def raising(request: pytest.FixtureRequest, app: App) -> Callable[..., Job[..., Any]]:
    """Makes a job that ends in an error, or well; both kinds."""

    def make(error: BaseException | None, **options: Any) -> Job[..., Any]:
        def plain(secret: str) -> None:
            if error is not None:
                raise error

        async def coroutine(secret: str) -> None:
            plain(secret)

        function = plain if request.param == "def" else coroutine
        return app.job(name="app.job", queue="low", **options)(function)

    return make


ERROR = ValueError("boom")
RUNS: list[tuple[BaseException | None, dict[str, Any], str, bool, bool]] = [
    # what it raises, its options, how that is told, whether it runs again, whether it is kept dead
    (None, {}, "job.succeeded", False, False),
    (ERROR, {}, "job.failed", True, False),
    (Retry(30), {}, "job.failed", True, False),
    (ERROR, {"retry": 0}, "job.died", False, True),
    (ERROR, {"retry": False}, "job.died", False, False),
    (Kill("no"), {}, "job.died", False, True),
    (Discard("done"), {}, "job.discarded", False, False),
    (Snooze(30), {}, "job.snoozed", True, False),
    (SystemExit(1), {}, "job.failed", True, False),
]


@pytest.mark.parametrize(("error", "options", "end", "again", "kept"), RUNS)
def test_each_run_begins_and_ends_once(
    raising: Callable[..., Job[..., Any]],
    runs: Runs,
    heard: list[JobEvent],
    error: BaseException | None,
    options: dict[str, Any],
    end: str,
    again: bool,
    kept: bool,
) -> None:
    """It is told that a job is enqueued, that it begins, and in one event what became of it."""
    job = raising(error, **options).enqueue("secret")
    assert job is not None
    runs.run_all("low")
    first, begun, ended = heard
    assert (first.name, begun.name, ended.name) == ("job.enqueued", "job.started", end)
    assert ended.name in ENDS
    for event in heard:
        assert (event.jid, event.job, event.queue, event.bid) == (job.jid, "app.job", "low", None)
        assert (event.attempt, event.arguments) == (1, None)
        assert abs(event.at - time.time()) < 60
    assert (first.token, begun.token > 0, ended.token) == (0, True, begun.token)
    assert (ended.error, ended.kept) == (error, kept)
    assert (ended.due is not None and ended.due > ended.at) == again
    assert begun.waited is not None
    assert ended.elapsed is not None
    assert 0 <= begun.waited < 60
    assert 0 <= ended.elapsed < 60


def test_attempts_are_told_apart(app: App, runs: Runs, heard: list[JobEvent]) -> None:
    """The second attempt is told as such; with the last one it dies."""

    @app.job(retry=1, backoff=lambda n: 0)
    def hopeless() -> None:
        raise ERROR

    hopeless.enqueue()
    runs.run_all()
    promote(app, "retry", now_ms() + 1000)
    heard.clear()
    runs.run_all()
    assert [(event.name, event.attempt) for event in heard] == [
        ("job.started", 2),
        ("job.died", 2),
    ]


def test_arguments_are_those_that_may_be_seen(app: App, runs: Runs, heard: list[JobEvent]) -> None:
    """Handlers write them elsewhere: `log_arguments` is about all that leaves the job."""

    @app.job(log_arguments=["size"])
    def resize(secret: str, size: int) -> None: ...

    resize.enqueue("secret", 5)
    runs.run_all()
    assert [event.arguments for event in heard] == [None, {"size": 5}, {"size": 5}]
    assert "secret" not in repr(heard)


def test_what_is_no_job_of_ours_is_told(app: App, runs: Runs, heard: list[JobEvent]) -> None:
    """An unreadable payload dies, an unknown name fails; neither has begun."""
    unknown_job = write("j1").replace("app.job", "nobody.knows")
    for payload in (b"\xff", unknown_job.encode()):
        assert isinstance(runs.perform(payload, 7), Other)
    unreadable, unknown = heard
    assert (unreadable.name, unreadable.jid, unreadable.job) == ("job.died", "", "")
    assert (unreadable.kept, type(unreadable.error)) == (True, UnreadablePayload)
    assert (unknown.name, unknown.jid, unknown.job) == ("job.failed", "j1", "nobody.knows")
    assert type(unknown.error) is UnknownJob


def test_members_of_cancelled_batches(app: App, runs: Runs, heard: list[JobEvent]) -> None:
    """What a member raises after its batch was cancelled is neither a failure nor a death."""

    @app.job(retry=0)
    def doubtful(error: bool) -> None:
        batch.cancel()
        raise BatchCancelled("asked") if error else ERROR

    for wanted in (True, False):
        batch = app.batch()
        with batch.jobs():
            doubtful.enqueue(wanted)
        runs.run_all()
        assert names(heard) == ["enqueued", "started", "cancelled"]
        assert heard[-1].bid == batch.bid
        assert (heard[-1].kept, heard[-1].due) == (False, None)
        heard.clear()


def test_a_run_whose_batch_is_cancelled_is_not_begun(app: App, heard: list[JobEvent]) -> None:
    """It is given back as it came, so nothing has happened to it."""
    app.job(name="app.job")(lambda: None)
    performer = Runs(app).performer
    performer.refuse([BID])
    prepared = performer.prepare(member(0).encode(), 7)
    assert not isinstance(prepared, Other)
    assert performer.run(prepared) == Other("release", 7)
    assert heard == []


def test_where_nobody_listens_nothing_is_made(
    app: App, runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No event is put together for a run that ends well, nor for what is enqueued."""

    def refuse(*_: object, **__: object) -> JobEvent:
        raise AssertionError("an event was made")

    for place in ("outrider.client._enqueued", "outrider.worker.calling.made"):
        monkeypatch.setattr(place, refuse)

    @app.job
    def quiet() -> None: ...

    quiet.enqueue()
    assert [ran.end for ran in runs.run_all()] == ["success"]


def test_a_handler_that_raises_changes_no_outcome(
    raising: Callable[..., Job[..., Any]], app: App, runs: Runs
) -> None:
    """Neither the job's nor that of the push: what is enqueued is enqueued (O62)."""

    @app.events.on("*")
    def bad(event: Any) -> None:
        raise SystemExit(3)

    job = raising(None)
    assert job.enqueue("s") is not None
    assert [ran.end for ran in runs.run_all("low")] == ["success"]


# -- enqueueing -----------------------------------------------------------------------------------


def test_each_job_is_told_when_it_is_handed_over(
    way: Way, job: Job[..., None], heard: list[JobEvent]
) -> None:
    """By whatever call; `due` says when one that is delayed runs."""
    way(job, "enqueue", 1)
    way(job, "enqueue_many", [(2,), (3,)])
    way(way.app, "enqueue", "elsewhere.job", queue="other")
    assert [(event.job, event.queue, event.due) for event in heard] == [
        *[(job.name, "default", None)] * 3,
        ("elsewhere.job", "other", None),
    ]
    assert [event.jid for event in heard[:3]] == [one.jid for one in way.app.queues["default"]]
    way(job, "enqueue_in", 60, 4)
    delayed = heard[-1]
    assert delayed.due is not None
    assert 59 < delayed.due - delayed.at < 61


def test_jobs_of_a_block_are_told_after_its_commit(app: App, heard: list[JobEvent]) -> None:
    """All at once, those of the blocks inside it too; of a block that raises nothing is told."""
    job = app.job(name="app.job")(lambda number=0: None)
    outer, inner = app.batch(), app.batch()
    with outer.jobs():
        job.enqueue(1)
        with inner.jobs():
            job.enqueue(2)
        assert heard == []
    assert [event.bid for event in heard] == [outer.bid, inner.bid]
    heard.clear()
    with pytest.raises(ValueError, match="boom"):
        _fill(app, job, ERROR)
    assert heard == []


def _fill(app: App, job: Job[..., None], error: Exception | None) -> None:
    with app.batch().jobs():
        job.enqueue()
        if error is not None:
            raise error


def test_jobs_of_a_large_block_are_told(
    app: App, job: Job[..., None], heard: list[JobEvent], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that were staged ahead of the commit are told after it."""
    monkeypatch.setattr("outrider.staging.MAX_LOAD", 3)
    monkeypatch.setattr("outrider.staging.CHUNK", 3)
    with app.batch().jobs():
        for i in range(10):
            job.enqueue(i)
        assert heard == []
    assert len({event.jid for event in heard}) == len(heard) == 10


def test_jobs_of_an_outbox_are_told_with_the_success(
    app: App, runs: Runs, following: Job[..., Any], outbox: Make, heard: list[JobEvent]
) -> None:
    """Before the job has ended there are none; of a run that fails there never are."""
    fails = [True, False]

    def body() -> None:
        following.enqueue()
        with app.batch().jobs():
            following.enqueue()
        assert names(heard) == ["enqueued", "started"]
        if fails.pop(0):
            raise ERROR

    job = outbox(body)
    job.enqueue()
    runs.run_all()
    assert names(heard) == ["enqueued", "started", "failed"]
    heard.clear()
    job.enqueue()
    runs.run_all()
    assert names(heard) == ["enqueued", "started", "enqueued", "enqueued", "succeeded"]


def test_what_is_not_handed_over_is_not_told(job: Job[..., None], app: App) -> None:
    """A veto, arguments that do not fit, a server that is away: none of these enqueues."""
    heard: list[JobEvent] = []
    away = App("redis://localhost:1", timeout=0.1)
    away.events.on("*")(heard.append)
    with pytest.raises(StoreUnavailable):
        away.enqueue("app.job")
    app.events.on("*")(heard.append)
    with pytest.raises(TypeError):
        app.enqueue("app.job", "text")
    app.middleware.enqueue(lambda draft, push: None)
    assert job.enqueue(1) is None
    assert heard == []


def test_what_the_push_buffer_keeps_is_told(tmp_path: Any) -> None:
    """It is handed over, as far as the caller is concerned."""
    away = App(f"unix://{tmp_path}/nobody.sock", push_buffer=True, timeout=0.5)
    heard: list[JobEvent] = []
    away.events.on("job.enqueued")(heard.append)
    assert away.enqueue("app.job") is not None
    assert len(heard) == 1
    assert away.push_buffer is not None
    away.push_buffer._store.clear()
    away.close()


def test_a_handler_may_enqueue(app: App, job: Job[..., None]) -> None:
    """It is not told of what it enqueues itself, so it does not go on for ever."""
    heard: list[JobEvent] = []

    @app.events.on("job.enqueued")
    def again(event: JobEvent) -> None:
        heard.append(event)
        job.enqueue(2)

    job.enqueue(1)
    assert len(heard) == 1
    assert [one.args for one in app.queues["default"]] == [[1], [2]]
    job.enqueue(3)
    assert len(heard) == 2


def test_a_block_that_lapses_is_not_told(
    app: App, job: Job[..., None], heard: list[JobEvent], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commit was refused: nothing was pushed."""
    monkeypatch.setattr("outrider.staging.MAX_LOAD", 2)
    with pytest.raises(EnqueueError, match="lapsed"):
        _lapse(app, job)
    assert heard == []


def _lapse(app: App, job: Job[..., None]) -> None:
    with app.batch().jobs() as block:
        for i in range(4):
            job.enqueue(i)
        for name in block.staging.counts:
            raw(app, "UNLINK", app.keys("staged", name))


def test_what_is_there_is_told_though_its_durability_is_missed(
    app: App, heard: list[JobEvent]
) -> None:
    """NotDurable means that it is enqueued; alone and in a block."""
    app.durability, app.timeout = "replicated", 0.5
    job = app.job(name="app.job")(lambda: None)
    with pytest.raises(NotDurable):
        job.enqueue()
    with pytest.raises(NotDurable):
        _fill(app, job, None)
    assert [event.bid is None for event in heard] == [True, False]


def test_a_condemned_job_does_not_begin(app: App, heard: list[JobEvent]) -> None:
    """Three processes have died under it: it fails without being called."""
    app.job(name="app.job")(lambda: None)
    payload = write("j1", blamed=[time.time()] * 3)
    assert isinstance(Runs(app).perform(payload.encode(), 7), Other)
    assert [(event.name, type(event.error)) for event in heard] == [("job.died", PoisonPill)]


def test_an_outbox_that_comes_too_late_is_told_as_released(
    runs: Runs, following: Job[..., Any], outbox: Make, heard: list[JobEvent]
) -> None:
    """The claim stands no more: nothing was pushed, and the run counts for nothing."""
    outbox(following.enqueue).enqueue()
    claimed = runs.claim()
    assert runs.recall() == 1
    assert runs.perform(claimed.payloads[0], claimed.first) == Sent(claimed.first)
    assert names(heard) == ["enqueued", "started", "released"]


# -- by hand --------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["queue", "schedule", "retry", "dead"])
def test_what_people_do_to_one_job_is_told(way: Way, heard: list[JobEvent], place: str) -> None:
    """Where they do it, and only of what they have done."""
    app = way.app
    text = member(0, retry_count=1)
    homes: dict[str, Any] = {
        "queue": app.queues["default"],
        "schedule": app.scheduled,
        "retry": app.retries,
        "dead": app.dead,
    }

    def lay() -> str:
        if place == "queue":
            put(app, "default", text)
        else:
            raw(app, "ZADD", app.keys(place), 1_900_000_000, text)
        return str(json.loads(text)["jid"])

    verbs = {"delete": "deleted", "kill": "killed", "retry": "requeued"}
    verbs.pop({"queue": "retry", "dead": "kill"}.get(place, ""), None)
    for verb, name in verbs.items():
        assert way(homes[place], verb, lay()) is True
        assert way(homes[place], verb, "nobody") is False
        (event,) = heard
        assert (event.name, event.jid, event.job) == (f"job.{name}", f"{BID}00000000", "app.job")
        assert (event.queue, event.bid, event.attempt) == ("default", BID, 3)
        assert event.kept == (verb == "kill")
        heard.clear()
        raw(app, "FLUSHALL")


def test_a_dead_job_is_not_killed_again(app: App, heard: list[JobEvent]) -> None:
    """Nothing happens to it, so nothing is told."""
    raw(app, "ZADD", app.keys("dead"), 1_900_000_000, write("j1"))
    assert app.dead.kill("j1") is True
    assert heard == []


def test_all_that_are_retried_are_told(way: Way, heard: list[JobEvent]) -> None:
    """One by one, as they go."""
    for i in range(3):
        raw(way.app, "ZADD", way.app.keys("retry"), 1_900_000_000, write(f"j{i}"))
    assert way(way.app.retries, "retry_all") == 3
    assert [(event.name, event.jid) for event in heard] == [
        ("job.requeued", f"j{i}") for i in range(3)
    ]
