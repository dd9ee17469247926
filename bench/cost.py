"""What one call costs: round trips, commands, and the server's time for them.

That is by the server's own clock (SLOWLOG). Other programs delay the server too, so a rule should
be for a median, or for the round with the least delay.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from bench.jobs import app
from bench.rig import Rig
from outrider.script import Call


class Cost(NamedTuple):
    """Round trips, milliseconds of each command, and seconds for the caller; `cpu` are those that
    he was not waiting.
    """

    trips: int
    times: list[float]
    wall: float
    cpu: float

    @property
    def longest(self) -> float:
        """The longest command."""
        return max(self.times, default=0.0)


def cost(rig: Rig, act: Callable[[], object]) -> Cost:
    """Let something happen, and add up what the server was asked for it."""
    rig.wire("CONFIG", "SET", "slowlog-log-slower-than", "0", "slowlog-max-len", "1000000")
    rig.wire("SLOWLOG", "RESET")
    with _sending() as sent:
        begin, cpu = time.perf_counter(), time.process_time()
        act()
        wall, cpu = time.perf_counter() - begin, time.process_time() - cpu
    rig.wire("CONFIG", "SET", "slowlog-log-slower-than", "-1")
    entries = rig.wire("SLOWLOG", "GET", "-1")
    times = [entry[2] / 1000 for entry in entries if _is_sent(entry[3], sent)]
    return Cost(sent.trips, times, wall, cpu)


class _Sent:
    """What our client has sent: its round trips, and its plain commands by their first words."""

    def __init__(self) -> None:
        self.trips = 0
        self.plain: Counter[tuple[bytes, ...]] = Counter()


@contextmanager
def _sending() -> Iterator[_Sent]:
    """Note what our client sends."""
    sent, send = _Sent(), app.executor.run_all

    def noting(calls: Sequence[Call[Any]], **options: Any) -> list[Any]:
        sent.trips += 1
        sent.plain.update(_head(call.words) for call in calls if call.script is None)
        return send(calls, **options)

    app.executor.run_all = noting  # type: ignore[method-assign]
    try:
        yield sent
    finally:
        app.executor.run_all = send  # type: ignore[method-assign]


def _head(words: Sequence[Any]) -> tuple[bytes, ...]:
    return tuple(one if isinstance(one, bytes) else str(one).encode() for one in words[:2])


def _is_sent(words: list[bytes], sent: _Sent) -> bool:
    """Whether it was sent by a client: what scripts do is listed as well."""
    if not sent.trips:  # another program, which has no scripts
        return words[0].upper() not in (b"CONFIG", b"SLOWLOG")
    sent.plain[_head(words)] -= 1
    return words[0] == b"EVALSHA" or sent.plain[_head(words)] >= 0
