"""Handing jobs over to the server: the one way that all pushes, stagings and commits go."""

from __future__ import annotations

from typing import TypeVar

from outrider.hub import Flow, Hub
from outrider.script import Call

T = TypeVar("T")


def deliver(hub: Hub, call: Call[T]) -> Flow[T]:
    """Have the server take jobs; `call` pushes, stages or commits them."""
    answer: T = yield call
    return answer
