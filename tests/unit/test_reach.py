"""An outage is told once a worker, whoever of it notices, and however often."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest

from outrider.errors import StoreError, StoreUnavailable
from outrider.script import command
from outrider.worker.keeping import AGAIN, IDLE, Keeper
from outrider.worker.line import Line
from outrider.worker.reach import Reach

AWAY = StoreUnavailable("the server at redis://h does not answer (no)", executed=False)


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """What was logged, by the first words."""
    caplog.set_level(logging.DEBUG, "outrider")
    return lambda: [record.getMessage().partition(" (")[0] for record in caplog.records]


def test_one_line_when_it_goes_and_one_when_it_is_back(told: Callable[[], list[str]]) -> None:
    """The first who is cut off is told of, and the last who is back."""
    reach = Reach()
    reach.say("heart", "")
    assert told() == []
    for who in ("heart", "1", "heart", "2"):
        reach.say(who, f"{who} is cut off")
    reach.say("heart", "")
    reach.say("heart", "")
    reach.say("1", "")
    assert len(told()) == 1
    assert told()[0].startswith("heart is cut off; ")
    reach.say("2", "")
    reach.say("2", "")
    assert told()[1:] == ["the server is back"]
    reach.say("1", "only one")
    reach.say("1", "")
    assert [text.partition(";")[0] for text in told()[2:]] == ["only one", "the server is back"]


class Patchy:
    """An executor, and a loop, that fails so many times."""

    def __init__(self, failures: int) -> None:
        self.failures = failures

    def run_all(self, _: object) -> list[Any]:
        """Fail, or answer."""
        self.tick()
        return [None]

    def tick(self) -> float:
        """Fail, or rest."""
        self.failures -= 1
        if self.failures >= 0:
            raise AWAY
        return IDLE


@pytest.mark.parametrize(
    ("failures", "said"), [(0, []), (1, []), (2, [str(AWAY), ""]), (5, [str(AWAY), ""])]
)
def test_a_line_tells_the_second_failure(failures: int, said: list[str]) -> None:
    """The first may be that of a connection which others have given up already."""
    heard: list[str] = []
    back: list[int] = []
    tried: list[int] = []
    executor: Any = Patchy(failures)
    line = Line(executor, lambda: back.append(1), heard.append, lambda: tried.append(1))
    line.send(command("PING", decode=str))
    assert (heard, len(back), len(tried)) == (said, failures > 0, failures)


@pytest.mark.parametrize("told_at", [1, 2])
def test_a_keeper_tells_in_its_time(told: Callable[[], list[str]], told_at: int) -> None:
    """A loop that fails comes again soon, and another's success is not taken for its own."""
    patchy, fine = Patchy(3), Patchy(0)
    keeper = Keeper([patchy, fine], Reach(), told_at=told_at)
    lines = []
    for _ in range(4):
        assert keeper._tick(patchy) in (AGAIN, IDLE)
        assert keeper._tick(fine) == IDLE
        lines.append(len(told()))
    assert lines == ([1, 1, 1, 2] if told_at == 1 else [0, 1, 1, 2])


def test_a_refusal_is_told_without_a_traceback(caplog: pytest.LogCaptureFixture) -> None:
    """And not each second: nothing is wrong with the worker."""

    class Refused(Patchy):
        def tick(self) -> float:
            raise StoreError("the server refused beat: NOAUTH Authentication required.")

    refused = Refused(0)
    keeper = Keeper([refused], Reach())
    for _ in range(3):
        assert keeper._tick(refused) == AGAIN
    (record,) = caplog.records
    assert "NOAUTH" in record.getMessage()
    assert record.exc_info is None
