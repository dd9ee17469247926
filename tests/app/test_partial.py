"""Batches that succeed with a part of their jobs, and those that give up."""

from __future__ import annotations

from typing import Any

import pytest

from outrider import App, ConfigError
from outrider.job import Job
from outrider.store.queue import Other
from tests.app.hands import NOW, Hands, counts, fields, listed, raw, scored
from tests.app.test_cancel import filled, has_fired, upkeep


def end(hands: Hands, *, good: int = 0, dead: int = 0, discard: int = 0) -> None:
    """Let so many jobs end so."""
    claimed = hands.claim(want=good + dead + discard)
    assert len(claimed.payloads) == good + dead + discard
    kinds = ["dead"] * dead + ["discard"] * discard
    others = [Other(kind, claimed.first + good + at) for at, kind in enumerate(kinds)]
    hands.ack(*range(claimed.first, claimed.first + good), *others)


RATIO, COUNT = "success_ratio", "success_count"
CASES: list[tuple[str, float, int, int, int, bool]] = [
    (RATIO, 0.95, 19, 1, 0, True),
    (RATIO, 0.95, 18, 2, 0, False),
    (RATIO, 0.55, 55, 45, 0, True),
    (RATIO, 0.55, 54, 46, 0, False),
    (RATIO, 1, 3, 0, 0, True),
    (RATIO, 1, 3, 1, 0, False),
    (RATIO, 0.5, 1, 1, 2, True),
    (RATIO, 0.5, 0, 0, 2, True),
    (RATIO, 0.5, 0, 0, 0, True),
    (COUNT, 2, 2, 3, 0, True),
    (COUNT, 2, 1, 4, 0, False),
    (COUNT, 2, 1, 0, 4, True),
    (COUNT, 2, 0, 0, 0, True),
]


@pytest.mark.parametrize(("name", "value", "good", "dead", "discard", "is_success"), CASES)
def test_judged_when_it_settles(
    app: App,
    job: Job[..., None],
    hands: Hands,
    name: str,
    value: float,
    good: int,
    dead: int,
    discard: int,
    is_success: bool,
) -> None:
    """Over its own jobs less those discarded; none left counts as all."""
    batch = filled(app, job, good + dead + discard, **{name: value})
    end(hands, good=good, dead=dead, discard=discard)
    expected = {"complete", "settled"} | ({"death"} if dead else set())
    assert has_fired(app, batch) == expected | ({"success"} if is_success else set())


def test_not_before_it_settles(app: App, job: Job[..., None], hands: Hands) -> None:
    """Enough have succeeded, but others still run."""
    batch = filled(app, job, 4, success_ratio=0.5)
    end(hands, good=3)
    assert has_fired(app, batch) == set()
    end(hands, dead=1)
    assert has_fired(app, batch) == {"complete", "success", "death", "settled"}


def test_a_repair_after_settled(app: App, job: Job[..., None], hands: Hands) -> None:
    """Judged again: one brought back is enough here."""
    batch = filled(app, job, 4, success_count=3)
    end(hands, good=2, dead=2)
    assert "success" not in has_fired(app, batch)
    text = scored(app, "dead")[0][0]
    raw(app, "ZREM", "dead", text)
    raw(app, "LPUSH", "queue:default", text)
    hands.work()
    assert counts(app, batch.bid) == {3: 3, 6: 1}
    assert "success" in has_fired(app, batch)


@pytest.mark.parametrize("dead", [0, 1])
def test_children_must_succeed(app: App, job: Job[..., None], hands: Hands, dead: int) -> None:
    """All of them, whatever part of its own jobs is enough."""
    root = app.batch(success_ratio=0.5)
    with root.jobs():
        job.enqueue(1)
        job.enqueue(2)
        child = app.batch()
        with child.jobs():
            job.enqueue(3)
    assert len(listed(app)) == 3
    end(hands, good=1, dead=1)
    end(hands, good=1 - dead, dead=dead)
    assert ("success" in has_fired(app, root)) == (not dead)


def test_a_child_that_succeeds_in_part_has_succeeded(
    app: App, job: Job[..., None], hands: Hands
) -> None:
    """Its parent hears of its death, and of its success."""
    root = app.batch()
    with root.jobs():
        child = app.batch(success_ratio=0.5)
        with child.jobs():
            job.enqueue(1)
            job.enqueue(2)
    end(hands, good=1, dead=1)
    assert has_fired(app, root) == {"complete", "success", "death", "settled"}


def test_cancelled_when_too_many_are_dead(app: App, job: Job[..., None], hands: Hands) -> None:
    """The mark comes with the death; a worker does the rest. Success never follows."""
    from outrider import cancelling

    batch = filled(app, job, 5, cancel_when_dead=2, success_ratio=0.1)
    end(hands, good=1, dead=1)
    assert not app.batches[batch.bid].is_cancelled
    end(hands, dead=1)
    assert app.batches[batch.bid].is_cancelled
    undone = upkeep(app, since=NOW - 30_000).undone
    assert undone == [batch.bid]
    app.perform(cancelling.finish(app.keys, undone))
    assert counts(app, batch.bid) == {3: 1, 6: 2, 7: 2}
    assert hands.work() == []
    assert has_fired(app, batch) == {"complete", "death", "settled"}


def test_cancelled_by_its_last_job(app: App, job: Job[..., None], hands: Hands) -> None:
    """Nothing is left to cancel; it is cancelled all the same, and settles in that step."""
    batch = filled(app, job, 2, cancel_when_dead=1, success_count=1)
    end(hands, good=1, dead=1)
    assert has_fired(app, batch) == {"complete", "death", "settled"}
    assert "cancelled_at" in fields(app, batch.bid)


@pytest.mark.parametrize(
    "options",
    [
        {"success_ratio": 0},
        {"success_ratio": 1.1},
        {"success_count": 0},
        {"success_count": 1.5},
        {"cancel_when_dead": 0},
        {"success_ratio": 0.5, "success_count": 3},
    ],
    ids=str,
)
def test_wrong_use(app: App, options: dict[str, Any]) -> None:
    """It is said when the batch is made."""
    with pytest.raises(ConfigError, match=r"success|cancel_when_dead"):
        app.batch(**options)
