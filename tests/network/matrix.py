"""Performs a request with harm in its way, and compares what came of it with a run without."""

from __future__ import annotations

import asyncio
import itertools
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from outrider import App
from outrider.io import Address, AsyncExecutor, Executor
from outrider.script import Call, command
from tests.network.prepared import Case
from tests.process.proxy import HARMS, HOLES, Proxy

TIMES = (1, 2, 3)
SILENCE, PATIENCE = 0.05, 30.0
TTL_SLACK = 10_000
READS = {
    "string": ("GET",),
    "list": ("LRANGE", 0, -1),
    "set": ("SMEMBERS",),
    "hash": ("HGETALL",),
    "zset": ("ZRANGE", 0, -1, "WITHSCORES"),
}


class Harm(NamedTuple):
    """What comes of the request, how often in a row, and by which executor it is sent."""

    kind: str
    times: int
    is_async: bool


def harms() -> Iterator[Harm]:
    """All cells of one case: each harm one to three times for threads, and twice for asyncio."""
    kinds = (*HARMS, *HOLES)
    for kind, times in itertools.product(kinds, TIMES):
        yield Harm(kind, times, False)
    for kind in kinds:
        yield Harm(kind, 2, True)


class Outcome(NamedTuple):
    """The answer, and all that lies on the server: key -> type, value, ms to live."""

    answer: Any
    state: dict[str, tuple[str, Any, int]]


class Bench:
    """One server, and a proxy before it."""

    def __init__(self, app: App, proxy: Proxy) -> None:
        self.app = app
        self._proxy = proxy

    def run(self, case: Case, harm: Harm | None) -> Outcome:
        """Perform the request of a case on a fresh state."""
        self._raw("FLUSHALL")
        call = case.prepare(self.app)
        for key in self._raw("KEYS", self.app.keys("lane", "*")):
            self._raw("DEL", key)
        if harm is None:
            executor = Executor(Address(self.app.url))
            answer = executor.run(call)
            executor.close()
        else:
            if harm.is_async:
                self._raw("SCRIPT", "FLUSH")
            answer = self._harmed(call, harm)
        return Outcome(answer, self._state(case))

    def _harmed(self, call: Call[Any], harm: Harm) -> Any:
        self._proxy.plan.extend([harm.kind] * harm.times)
        address = Address(self._proxy.url, SILENCE)
        if harm.is_async:
            return asyncio.run(_aperform(AsyncExecutor(address, PATIENCE), call))
        executor = Executor(address, PATIENCE)
        try:
            return executor.run(call)
        finally:
            executor.close()

    def _state(self, case: Case) -> dict[str, tuple[str, Any, int]]:
        state = {}
        for raw in self._raw("KEYS", "*"):
            key = raw.decode()
            kind = self._raw("TYPE", key).decode()
            verb, *rest = READS[kind]
            value = _sorted(kind, self._raw(verb, key, *rest))
            if kind in ("hash", "zset"):
                value = {
                    name: word for name, word in value if (key, name.decode()) not in case.apart
                }
            lane = re.sub(r"(?<=o:lane:)[0-9a-f]{16}", "?", key)
            state[lane] = (kind, value, self._raw("PTTL", key))
        return state

    def _raw(self, *words: str | bytes | int) -> Any:
        return self.app.perform(command(*words, decode=lambda answer: answer))


async def _aperform(executor: AsyncExecutor, call: Call[Any]) -> Any:
    try:
        return await executor.run(call)
    finally:
        await executor.close()


def _sorted(kind: str, value: Any) -> Any:
    if kind == "set":
        return sorted(value)
    return sorted(zip(value[::2], value[1::2], strict=True)) if kind in ("hash", "zset") else value


def difference(case: Case, calm: Outcome, harmed: Outcome) -> str:
    """What the harm has changed; "" when nothing."""
    if harmed.answer != calm.answer and not case.again:
        return f"answered {harmed.answer!r} instead of {calm.answer!r}"
    for key in sorted({*calm.state, *harmed.state}):
        expected, found = calm.state.get(key), harmed.state.get(key)
        if expected is None or found is None or expected[:2] != found[:2]:
            return f"{key} is {found!r} instead of {expected!r}"
        (was, now) = (expected[2], found[2])
        if (was < 0) != (now < 0) or abs(was - now) > TTL_SLACK:
            return f"{key} lives for {now} ms instead of {was}"
    return ""
