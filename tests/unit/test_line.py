"""A child's line to the server, which gives up at the time to stop and no sooner."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import pytest

from outrider.errors import StoreError, StoreUnavailable
from outrider.script import Call, command
from outrider.worker.line import Line


class Refusing:
    """An executor whose server refuses, or is away, so many times."""

    def __init__(self, error: StoreError, times: int) -> None:
        self.error = error
        self.times = times

    def run_all(self, calls: Sequence[Call[Any]]) -> list[Any]:
        """Refuse, or answer."""
        if self.times:
            self.times -= 1
            raise self.error
        return [None for _ in calls]


ERRORS = [StoreError("READONLY no"), StoreUnavailable("away", executed=False)]


@pytest.mark.parametrize("error", ERRORS, ids=["refused", "away"])
def test_it_is_sent_until_it_is_answered(error: StoreError) -> None:
    executor: Any = Refusing(error, 1)
    line = Line(executor, lambda: None, lambda _: None, lambda: None)
    assert line.send(command("PING", decode=str)) == [None]


@pytest.mark.parametrize("error", ERRORS, ids=["refused", "away"])
def test_after_the_deadline_it_gives_up(error: StoreError) -> None:
    """Also where the server answers and will never do it: a stop must come to its end."""
    executor: Any = Refusing(error, 1000)
    line = Line(executor, lambda: None, lambda _: None, lambda: None)
    line.deadline = time.monotonic() + 0.1
    with pytest.raises(type(error)):
        line.send(command("PING", decode=str))
    assert executor.times > 900
