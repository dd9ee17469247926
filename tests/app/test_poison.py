"""Poison pills and hard time-outs: what the child that claims such a job makes of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from outrider import App, RunningJob, current_job
from outrider.clock import now_ms
from outrider.job import Job
from outrider.payload import decode
from outrider.store.queue import Other
from outrider.worker.blame import LIMIT, is_suspect
from outrider.worker.perform import Performer
from tests.app.conftest import Way
from tests.app.hands import IDENTITY, counts, fields, listed, put, raw, scored
from tests.app.runs import Runs

PILL = "outrider.errors.PoisonPill"


class Ward:
    """An app with jobs of both kinds, and what they and the handlers of deaths leave behind."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.ran: list[tuple[Any, int]] = []
        self.deaths: list[tuple[str, str]] = []

        @app.job(name="plain")
        def plain(number: int) -> None:
            if number < 0:
                raise ValueError(number)
            self.ran.append((number, current_job().blamed))

        @app.job(name="coroutine")
        async def coroutine(number: int) -> None:
            self.ran.append((number, current_job().blamed))

        @app.job(name="told")
        def told(status: Any, **options: Any) -> None:
            self.ran.append((options, current_job().blamed))

        @app.on_death
        def noted(job: RunningJob, error: BaseException) -> None:
            self.deaths.append((job.jid, type(error).__name__))

        self.jobs: dict[str, Job[..., Any]] = {"plain": plain, "coroutine": coroutine}
        self.runs = Runs(app)

    def die(self, times: int = 1) -> None:
        """Claim one job, and die of it, so many times."""
        for _ in range(times):
            token = self.runs.take()
            self.runs.recall(blamed=[token], now=now_ms())
            self.runs = Runs(self.app)

    def work(self) -> list[str]:
        """Run everything; how each ended."""
        return [ran.end for ran in self.runs.run_all()]


@pytest.fixture
def ward(app: App) -> Ward:
    """Jobs, handlers, and a worker."""
    return Ward(app)


@pytest.mark.parametrize("kind", ["plain", "coroutine"])
def test_the_third_death_is_the_last(app: App, ward: Ward, kind: str) -> None:
    """Two leave it running, and it may know; after the third it is dead, unrun (P109, P111)."""
    ward.jobs[kind].enqueue(1)
    ward.die(LIMIT - 1)
    assert is_suspect(listed(app)[0].encode(), now_ms())
    assert ward.work() == ["success"]
    assert ward.ran == [(1, 2)]
    job = ward.jobs[kind].enqueue(2)
    ward.die(LIMIT)
    assert ward.work() == ["dead"]
    assert job is not None
    assert (ward.ran, ward.deaths) == ([(1, 2)], [(job.jid, "PoisonPill")])
    ((payload, _),) = scored(app, "dead")
    found = json.loads(payload)
    assert (found["error_class"], found["retry_count"]) == (PILL, 0)
    assert "3 processes died" in found["error_message"]
    assert scored(app, "retry") == []
    assert (app.stats.processed, app.stats.failed) == (2, 1)


def test_it_says_so_in_the_log(app: App, ward: Ward, caplog: pytest.LogCaptureFixture) -> None:
    """Under the job's own name, with the error (P101)."""
    ward.jobs["plain"].enqueue(1)
    ward.die(LIMIT)
    ward.work()
    (record,) = [record for record in caplog.records if record.name == "outrider.job"]
    assert record.message == "failed for good, dead"
    assert vars(record)["job"] == "plain"
    assert record.exc_info is None
    assert vars(record)["error"].startswith("PoisonPill: 3 processes died")


def test_not_kept_when_nobody_wants_it(app: App, ward: Ward) -> None:
    """`retry=False` is heeded here too (P100): handlers hear of it, and the dead set does not."""
    ward.jobs["plain"].using(retry=False).enqueue(1)
    ward.die(LIMIT)
    assert ward.work() == ["gone"]
    assert [name for _, name in ward.deaths] == ["PoisonPill"]
    assert scored(app, "dead") == []


def test_its_batch_is_told(app: App, ward: Ward, way: Way) -> None:
    """Death at once and why; brought back it starts afresh, and the batch succeeds."""
    batch = app.batch()
    for event in ("death", "settled", "success"):
        batch.on(event, "told", event=event)
    with batch.jobs():
        job = ward.jobs["coroutine"].enqueue(1)
    ward.die(LIMIT)
    assert ward.work() == ["dead", "success", "success"]
    assert [options for options, _ in ward.ran] == [{"event": "death"}, {"event": "settled"}]
    status = app.batches[batch.bid]
    assert (status.dead, status.pending, status.is_settled) == (1, 1, True)
    (info,) = status.failure_info
    assert job is not None
    assert (info.jid, info.error_class) == (job.jid, PILL)
    assert way(app.dead, "retry", job.jid)
    assert "blamed" not in listed(app)[0]
    ward.die(LIMIT - 1)
    assert ward.work() == ["success", "success"]
    assert app.batches[batch.bid].is_success
    assert len(ward.deaths) == 1


def test_brought_back_by_another_program_it_starts_afresh(app: App, ward: Ward) -> None:
    """Sidekiq's web UI moves the payload as it is: nothing there is held against the job."""
    ward.jobs["plain"].enqueue(1)
    ward.die(LIMIT)
    ward.work()
    ((payload, _),) = scored(app, "dead")
    raw(app, "DEL", "dead")
    put(app, "default", payload)
    assert ward.work() == ["success"]


def test_a_callback_that_kills_ends_badly(app: App, ward: Ward) -> None:
    """It bars success above, and settles, as any dead callback."""
    batch = app.batch().on("success", "told")
    with batch.jobs():
        pass
    ward.die(LIMIT)
    assert ward.work() == ["dead"]
    assert fields(app, batch.bid)["cs:success:0"] == "dead"
    assert [name for _, name in ward.deaths] == ["PoisonPill"]


def test_of_a_cancelled_batch_nobody_dies(app: App, ward: Ward) -> None:
    """Claimed before it was cancelled, and judged after: it is cancelled with it."""
    batch = app.batch()
    with batch.jobs():
        ward.jobs["plain"].enqueue(1)
    ward.die(LIMIT)
    claimed = ward.runs.claim()
    batch.cancel()
    outcome = ward.runs.perform(claimed.payloads[0], claimed.first)
    assert isinstance(outcome, Other)
    ward.runs.ack(outcome)
    assert counts(app, batch.bid) == {7: 1}
    assert (ward.deaths, scored(app, "dead")) == ([], [])


def test_a_member_of_a_forgotten_batch(app: App, ward: Ward) -> None:
    """It is a plain job by now, and dies as one."""
    batch = app.batch()
    with batch.jobs():
        ward.jobs["plain"].enqueue(1)
    ward.die(LIMIT)
    raw(app, "DEL", *(f"o:{kind}:{batch.bid}" for kind in ("batch", "slots")))
    raw(app, "DEL", "o:batches", "o:audit")
    assert ward.work() == ["dead"]
    assert len(scored(app, "dead")) == 1


def test_what_expires_is_not_judged(app: App, ward: Ward) -> None:
    """Its time is over before anybody looks at its deaths: it never ran to an end."""
    ward.jobs["plain"].using(expires_in=60).enqueue(1)
    ward.die(LIMIT)
    assert ward.runs.claim(now=now_ms() + 61_000).payloads == []
    assert (ward.deaths, scored(app, "dead")) == ([], [])


def test_an_unknown_job_is_retried_all_the_same(app: App, ward: Ward) -> None:
    """Whoever knows it judges it: deploys roll."""
    app.enqueue("unknown", [1])
    ward.die(LIMIT)
    assert ward.work() == ["retry"]
    ((payload, _),) = scored(app, "retry")
    assert len(decode(payload.encode()).blamed or ()) == LIMIT


# -- killed for its time --------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["plain", "coroutine"])
def test_a_hard_time_out_is_a_failure(
    app: App, ward: Ward, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It counts as an attempt, has the job's own number of retries, and is no blame.

    The log has no traceback: nothing was called.
    """
    ward.jobs[kind].using(timeout=2.5, retry=1).enqueue(1)
    for end in ("retry", "dead"):
        token = ward.runs.take()
        ward.runs.recall(timed_out=[token])
        ward.runs = Runs(app)
        assert ward.work() == [end]
        ((payload, _),) = scored(app, end)
        found = json.loads(payload)
        assert found["error_class"] == "TimeoutError"
        assert "2.5 s" in found["error_message"]
        assert found.keys().isdisjoint({"timed_out", "blamed"})
        raw(app, "DEL", end)
        put(app, "default", payload)
    assert (ward.ran, app.stats.failed) == ([], 2)
    records = [record for record in caplog.records if record.name == "outrider.job"]
    assert [record.exc_info for record in records] == [None, None]


def test_a_time_out_waits_as_the_job_says(app: App) -> None:
    """Its own backoff decides, which only the app knows."""
    app.job(name="slow", backoff=lambda n, error: 1000.0 if type(error) is TimeoutError else 1.0)(
        lambda: None
    ).using(timeout=1).enqueue()
    runs = Runs(app)
    runs.recall(timed_out=[runs.take()])
    before = now_ms()
    assert [ran.end for ran in Runs(app).run_all()] == ["retry"]
    ((_, at),) = scored(app, "retry")
    assert 1000.0 <= at - before / 1000 < 1060.0


# -- whose time -----------------------------------------------------------------------------------


@pytest.mark.parametrize("days", [5, -5])
def test_a_host_whose_clock_is_days_off(app: App, ward: Ward, days: int) -> None:
    """Judging and failing go by the time that the performer is given, the server's."""
    ward.jobs["plain"].enqueue(-1)
    ward.die(LIMIT)
    ahead = days * 86_400_000
    ward.runs.performer = Performer(app, f"{IDENTITY}:0", lambda: now_ms() + ahead)
    claimed = ward.runs.claim()
    outcome = ward.runs.perform(claimed.payloads[0], claimed.first)
    assert isinstance(outcome, Other)
    # By then these deaths are long ago: it runs, and fails by itself.
    found = json.loads(outcome.payload)
    assert found["error_class"] == ("ValueError" if days > 0 else PILL)
    assert abs(found["failed_at"] * 1000 - now_ms() - ahead) < 60_000
    assert outcome.at >= now_ms() + ahead - 60_000
