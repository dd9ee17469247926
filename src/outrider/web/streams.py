"""Numbers told again and again, as server-sent events: one reading for all who watch."""

from __future__ import annotations

import asyncio
import time
from asyncio import FIRST_COMPLETED, AbstractEventLoop, Task
from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeVar

from starlette.responses import Response

from outrider.web.guard import Receive, Send
from outrider.web.problems import Refusal, refusal_of
from outrider.web.status_asgi import PING, leaving, say
from outrider.web.status_events import event, retry

MOST = 100
"""How many streams are open at a time, of one application in one process."""
LONGEST = 600.0
"""Seconds after which a stream ends: who asks again is asked again who he is."""
GAP, HEARTBEAT, RETRY = 1.0, 15.0, 2.0

R = TypeVar("R")
T = TypeVar("T")
Read = Callable[[], Awaitable[R]]


class Stream(Generic[T]):
    """What is told every so many `seconds`, until it has `ended`."""

    def __init__(self, read: Read[T], seconds: float) -> None:
        self._read = read
        self.seconds = seconds
        self.ended = asyncio.Event()

    async def news(self, request_id: str) -> bytes:
        """One event: what there is to tell, or why there is nothing."""
        try:
            return event("", await self._read())
        except Exception as error:
            refusal = refusal_of(error)
            if refusal is None:
                raise
            return event("problem", refusal.problem(request_id))


class Streams:
    """The streams of one application in this process."""

    def __init__(self) -> None:
        self._open: set[Stream[Any]] = set()
        self._readings: dict[tuple[AbstractEventLoop, Any], _Reading] = {}

    def open(self, read: Read[R], show: Callable[[R], T], seconds: float) -> Stream[T]:
        """One more, of what `read` gives; who gives the same `read` shares what it gives."""
        if len(self._open) >= MOST:
            raise Refusal(
                503,
                "too-many-streams",
                f"{MOST} streams are open already: ask for the numbers themselves",
                Retry_After="30",
            )

        async def news() -> T:
            key = (asyncio.get_running_loop(), read)
            return show(await self._readings.setdefault(key, _Reading(read)).latest())

        stream = Stream(news, seconds)
        self._open.add(stream)
        return stream

    def close(self, stream: Stream[Any]) -> None:
        """Nobody is told any more."""
        self._open.discard(stream)
        if not self._open:
            self._readings.clear()

    def end(self) -> None:
        """End all of them, in their event loop: a server that stops waits for them."""
        for stream in self._open:
            stream.ended.set()


class _Reading:
    """A reading for all who want one within GAP."""

    def __init__(self, read: Read[Any]) -> None:
        self._read = read
        self._at = 0.0
        self._task: Task[Any] | None = None

    async def latest(self) -> Any:
        if self._task is None or (self._task.done() and time.monotonic() - self._at >= GAP):
            self._at = time.monotonic()
            self._task = asyncio.ensure_future(self._read())
            self._task.add_done_callback(_looked_at)
        # Who leaves takes it from nobody else.
        return await asyncio.shield(self._task)


def _looked_at(task: Task[Any]) -> None:
    """An error for which nobody waits any more is no news."""
    if not task.cancelled():
        task.exception()


class EventStream(Response):
    """Tells a stream to one viewer."""

    media_type = "text/event-stream"

    def __init__(self, streams: Streams, stream: Stream[Any], request_id: str) -> None:
        super().__init__(headers={"x-accel-buffering": "no"})
        del self.headers["content-length"]
        self._streams, self._stream, self._request_id = streams, stream, request_id

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """Until he leaves, the stream is ended, or it has been told for long enough."""
        try:
            head = {"status": self.status_code, "headers": self.raw_headers}
            await send({"type": "http.response.start", **head})
            if scope["method"] != "HEAD":
                await self._tell(receive, send)
            await say(send, b"", more=False)
        finally:
            self._streams.close(self._stream)

    async def _tell(self, receive: Receive, send: Send) -> None:
        stream, words = self._stream, retry(RETRY)
        ends = {asyncio.ensure_future(leaving(receive)), asyncio.ensure_future(stream.ended.wait())}
        due = time.monotonic()
        over, ping = due + LONGEST, due + HEARTBEAT
        try:
            while (now := time.monotonic()) < over:
                if now >= due:
                    due = now + stream.seconds
                    words += await stream.news(self._request_id)
                elif now >= ping:
                    words = PING
                if words:
                    await say(send, words)
                    words, ping = b"", now + HEARTBEAT
                seconds = max(0.0, min(due, ping, over) - time.monotonic())
                done, _ = await asyncio.wait(ends, timeout=seconds, return_when=FIRST_COMPLETED)
                if done:
                    return
        finally:
            for one in ends:
                one.cancel()
