"""Which queues a worker serves, and in which order."""

from __future__ import annotations

from collections import Counter
from types import ModuleType

from outrider import App
from tests.process.conftest import StartWorker
from tests.process.harness import ask, length, listed, measured, until


def test_strict_order_starves_the_lower_queue(
    app: App, work: ModuleType, worker: StartWorker
) -> None:
    """With one slot and no weights, nothing of `low` starts while `high` holds jobs (P135)."""
    for i in range(100):
        work.low.enqueue(i)
    for i in range(100):
        work.high.enqueue(i)
    assert worker("-c", "1", "-q", "high", "-q", "low", "--drain", ready=False).wait() == 0
    ran = [text.split()[0] for text in listed(app, "ran")]
    assert ran == ["high"] * 100 + ["low"] * 100


def test_strict_order_holds_while_the_higher_queue_is_refilled(
    app: App, work: ModuleType, worker: StartWorker
) -> None:
    """A job of `high` that comes while `low` is served goes before the rest of `low`."""
    one = worker("-c", "1", "-q", "high", "-q", "low")
    work.gated.using(queue="low").enqueue(1, "gate")
    until(lambda: length(app, "started") == 1, "a job of low runs")
    work.low.enqueue(2)
    work.high.enqueue(3)
    ask(app, "SET", "gate", 1)
    until(lambda: length(app, "ran") == 3, "all have run")
    assert listed(app, "ran") == ["1", "high 3", "low 2"]
    assert one.stop() == 0


def test_weights_give_shares(app: App, work: ModuleType, worker: StartWorker) -> None:
    """While both queues hold jobs, 3 to 1 is about what each gets, also of quick ones."""
    for i in range(600):
        work.brief.using(queue="high").enqueue(i)
        work.brief.using(queue="low").enqueue(1000 + i)
    one = worker("-c", "1", "-q", "high,3", "-q", "low,1")
    until(lambda: length(app, "ran") >= 400, "400 have run")
    ran = Counter(int(i) // 1000 for i in listed(app, "ran")[:400])
    share = ran[0] / 400
    measured(f"share of the queue with weight 3 of 4: {share:.2f}")
    assert 0.6 < share < 0.9
    assert one.stop() == 0


def test_shares_follow_the_weights(app: App, work: ModuleType, worker: StartWorker) -> None:
    """3 to 2 to 1, by a chi-square test over 300 claims of one job each (P105, P117)."""
    weights = {"high": 3, "default": 2, "low": 1}
    for name in weights:
        work.dull.using(queue=name).enqueue_many([(name,)] * 300)
    options = [word for name, weight in weights.items() for word in ("-q", f"{name},{weight}")]
    one = worker("-c", "1", "-p", "2", *options)
    until(lambda: length(app, "ran") >= 300, "300 have run")
    ran = Counter(listed(app, "ran")[:300])
    measured(f"shares of 300 claims at weights 3, 2, 1: {dict(ran)}")
    expected = {name: 300 * weight / 6 for name, weight in weights.items()}
    chi_square = sum((ran[name] - mean) ** 2 / mean for name, mean in expected.items())
    assert chi_square < 20  # by chance once in 20,000 runs; equal shares give 67
    assert one.stop() == 0


def test_no_queue_starves(app: App, work: ModuleType, worker: StartWorker) -> None:
    """Where a heavy queue always holds quick jobs, a light one has its turn all the same (P105)."""
    work.noop.using(queue="high").enqueue_many([(i,) for i in range(20_000)])
    for i in range(20):
        work.low.enqueue(i)
    one = worker("-c", "2", "-q", "high,20", "-q", "low,1")
    until(lambda: length(app, "ran") == 20, "the light queue is served")
    left = length(app, "queue:high")
    measured(f"of 20,000 quick jobs {left} were left when the light queue was empty")
    assert left > 0
    assert one.stop() == 0


def test_equal_weights_are_no_strict_order(app: App, work: ModuleType, worker: StartWorker) -> None:
    """`-q a,1 -q b,1` serves both while both hold jobs (P126)."""
    for name in ("high", "low"):
        work.dull.using(queue=name).enqueue_many([(name,)] * 60)
    one = worker("-c", "1", "-q", "high,1", "-q", "low,1")
    until(lambda: length(app, "ran") >= 60, "half have run")
    assert 10 <= Counter(listed(app, "ran")[:60])["low"] <= 50
    assert one.stop() == 0


def test_without_queues_all_registered_jobs_are_served(
    app: App, work: ModuleType, worker: StartWorker
) -> None:
    """No -q: the queues that jobs declare, and no others (P135)."""
    work.mark.enqueue(1)
    work.high.enqueue(2)
    work.low.enqueue(3)
    work.mark.using(queue="elsewhere").enqueue(4)
    one = worker("--drain", ready=False)
    assert one.wait() == 0
    assert sorted(listed(app, "ran")) == ["1", "high 2", "low 3"]
    assert ask(app, "LLEN", "queue:elsewhere") == 1
    assert one.said("on queues default high low:")


def test_only_the_queues_named_are_served(app: App, work: ModuleType, worker: StartWorker) -> None:
    """With -q, drain and work mean these queues alone."""
    work.mark.enqueue(1)
    work.low.enqueue(2)
    assert worker("-q", "low", "--drain", ready=False).wait() == 0
    assert listed(app, "ran") == ["low 2"]
    assert ask(app, "LLEN", "queue:default") == 1


def test_a_paused_queue_waits(app: App, work: ModuleType, worker: StartWorker) -> None:
    """Jobs of a paused queue stay where they are until it is resumed."""
    ask(app, "SADD", "paused", "low")
    one = worker("-q", "low", "-q", "default")
    work.low.enqueue(1)
    work.mark.enqueue(2)
    until(lambda: listed(app, "ran") == ["2"], "the other queue is served")
    assert ask(app, "LLEN", "queue:low") == 1
    ask(app, "SREM", "paused", "low")
    until(lambda: length(app, "ran") == 2, "resumed")
    assert one.stop() == 0


def test_a_job_pushed_by_another_program_wakes_an_idle_worker(
    app: App, work: ModuleType, worker: StartWorker
) -> None:
    """A plain LPUSH of a Sidekiq payload is all it takes (P114)."""
    one = worker("-q", "default")
    work.mark.enqueue(1)
    until(lambda: length(app, "ran") == 1, "it has worked, and is idle")
    payload = b'{"class":"work.mark","args":[2],"retry":true,"queue":"default","jid":"ab12"}'
    ask(app, "LPUSH", "queue:default", payload)
    until(lambda: length(app, "ran") == 2, "the foreign job runs", 2.0)
    assert one.stop() == 0
