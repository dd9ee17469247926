"""Queues over time: one worker looks at them each minute."""

from __future__ import annotations

import pytest

from outrider import App, clock
from outrider.store import metrics as store
from outrider.store import overview
from outrider.worker import sampling
from outrider.worker.sampling import Sampler
from tests.app.hands import NOW, put, raw, write

MINUTE = NOW // 60_000


class Clock:
    """The server's time, as a worker knows it."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> int:
        return self.now


def sampler(app: App, now: Clock) -> Sampler:
    return Sampler(app.executor, app.keys, now)


def sampled(app: App, minute: int = MINUTE) -> dict[str, list[int]]:
    return app.perform(store.sampled(app.keys, "minute", minute))


def test_the_first_worker_of_a_minute_looks(app: App) -> None:
    """The others find it done; in the next minute it is looked at anew."""
    now = Clock()
    first, second = sampler(app, now), sampler(app, now)
    since = clock.now() - 30
    put(app, "low", write("1", "low", enqueued_at=since), write("2", "low"))
    put(app, "idle", write("3", "idle"))
    raw(app, "LPOP", "queue:idle")
    rest = first.tick()
    left = 60 - NOW % 60_000 / 1000
    assert left <= rest <= left + sampling.SPREAD
    found = sampled(app)
    assert found["idle"] == [1, 0, 0, 0, 0]
    assert found["low"][:3] == [1, 2, 2]
    assert 29_000 < found["low"][3] == found["low"][4] < 90_000
    put(app, "low", write("4", "low"))
    second.tick()
    assert sampled(app) == found
    now.now += 60_000
    second.tick()
    assert sampled(app, MINUTE + 1)["low"][:3] == [1, 3, 3]


def test_any_number_of_queues(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """Page by page; none at all is fine too."""
    now = Clock()
    sampler(app, now).tick()
    assert sampled(app) == {}
    raw(app, "SADD", "queues", *(f"q{number}" for number in range(700)))
    sampler(app, now).tick()
    assert len(sampled(app)) == 700
    pages: list[str] = []
    page = overview.page

    def noted(keys: object, queues_from: str, workers_from: str) -> object:
        pages.append(queues_from)
        return page(app.keys, queues_from, workers_from)

    monkeypatch.setattr(overview, "page", noted)
    sampler(app, now).tick()
    assert pages == [overview.BEGIN]


def test_a_job_that_says_anything_hurts_nobody(app: App) -> None:
    """A payload may say any time, or be none."""
    for number, text in enumerate(('"x"', "-5", "1e308", "null", "[1]")):
        put(app, f"q{number}", '{"jid":"1","class":"a","args":[],"enqueued_at":' + text + "}")
    put(app, "q9", "no job")
    sampler(app, Clock()).tick()
    assert {name: one[0] for name, one in sampled(app).items()} == dict.fromkeys(
        [*(f"q{number}" for number in range(5)), "q9"], 1
    )
