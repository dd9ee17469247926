"""When a child runs its suspects: alone, never for ever later, and never instead of all others."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable

import pytest

from outrider.clock import now_ms
from outrider.store.queue import Other
from outrider.worker.quarantine import LONGEST, PATIENCE, Quarantine
from outrider.worker.runner import Item


class Slots:
    """What a quarantine sees of a runner."""

    def __init__(self) -> None:
        self.active = 0
        self.ready: deque[Item] = deque()
        self.outcomes: deque[int | Other] = deque()

    def feed(self, items: Iterable[Item], slots: int) -> None:
        """Run jobs, as many as there are slots for."""
        self.ready.extend(items)
        assert slots == len(self.ready) == 1

    def begin(self) -> int:
        """The token of the job that is to run, as it begins."""
        self.active += 1
        return self.ready.popleft().token

    def end(self) -> None:
        """The job has ended, and is reported."""
        self.active -= 1


class Held:
    """A quarantine with a clock that is moved by hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.reasons: list[str] = []
        self.quarantine = Quarantine(self.reasons.append)
        self.slots = Slots()
        self.now = 1000.0
        monkeypatch.setattr(time, "monotonic", lambda: self.now)

    def claim(self, *payloads: str) -> list[int]:
        """Claim jobs; the tokens of those that are not kept."""
        found = [Item(token, text.encode(), self.now) for token, text in enumerate(payloads)]
        return [item.token for item in self.quarantine.sort(found, now_ms())]

    def empty(self) -> bool:
        """Whether no suspect waits."""
        return self.quarantine.empty

    def barred(self, *, retiring: bool = False) -> bool:
        """Go on; whether no jobs are to be claimed."""
        return self.quarantine.go_on(self.slots, retiring=retiring)  # type: ignore[arg-type]


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Held:
    """A quarantine, and the slots of its child."""
    return Held(monkeypatch)


def job(*blames: float) -> str:
    """A payload that was blamed so many seconds ago."""
    times = ",".join(str(time.time() - ago) for ago in blames)
    return '{"jid":"j","class":"work.job","args":["\\"blamed\\""],"blamed":[' + times + "]}"


PLAIN = '{"jid":"j","class":"work.job","args":["\\"blamed\\""]}'


def test_only_suspects_are_kept(held: Held) -> None:
    """Not who was blamed once or long ago, who is to be judged, or what is no job."""
    old = 73 * 3600.0
    assert held.claim(PLAIN, job(1), job(1, old), '{"blamed":[1', job(1, 2, 3)) == [0, 1, 2, 3, 4]
    assert held.empty()
    assert held.reasons == []
    assert held.claim(PLAIN, job(1, 2), job(1, 2, old)) == [0]
    assert not held.empty()
    assert len(held.reasons) == 1


def test_told_to_retire_they_run_one_by_one(held: Held) -> None:
    """Each when nothing else runs, and what came of the others has been reported."""
    held.claim(job(1, 2), job(1, 2))
    held.slots.active = 1
    assert not held.barred()
    assert held.barred(retiring=True)
    held.slots.end()
    held.slots.outcomes.append(9)
    assert held.barred(retiring=True)
    assert not held.slots.ready
    held.slots.outcomes.clear()
    for token in (0, 1):
        assert held.barred(retiring=True)
        assert held.quarantine.alone
        assert held.slots.begin() == token
        assert held.barred(retiring=True)
        assert not held.slots.ready
        held.slots.end()
    assert not held.barred(retiring=True)
    assert held.empty()


def test_without_a_successor_they_run_here_after_a_while(held: Held) -> None:
    """Then no jobs are claimed until what runs has ended, and they have."""
    held.claim(job(1, 2))
    held.slots.active = 1
    held.now += PATIENCE - 1
    assert not held.barred()
    held.now += 2
    assert held.barred()
    held.slots.end()
    assert held.barred()
    assert held.slots.begin() == 0
    held.now += 10_000
    assert held.barred()
    held.slots.end()
    assert not held.barred()


@pytest.mark.parametrize(("retiring", "patience"), [(False, 2 * PATIENCE), (True, LONGEST)])
def test_others_may_try_where_something_runs_for_long(
    held: Held, retiring: bool, patience: float
) -> None:
    """A suspect that waits for a job that does not end goes back to its queue."""
    held.claim(job(1, 2))
    held.slots.active = 1
    held.now += patience - 1
    assert held.barred(retiring=retiring)
    held.now += 2
    assert not held.barred(retiring=retiring)
    assert list(held.slots.outcomes) == [Other("release", 0)]
    assert held.empty()
