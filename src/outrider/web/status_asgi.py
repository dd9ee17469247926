"""The status endpoint under ASGI."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from outrider.errors import StoreError
from outrider.web.status_answers import Answer, Asked, Rules
from outrider.web.status_events import Tale
from outrider.web.status_viewers import Viewers

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
HEARTBEAT = 15.0
FIRST = asyncio.FIRST_COMPLETED
PING = b": still here\n\n"


class Asgi:
    """Answers requests; each event loop has connections of its own."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._viewers = Viewers(rules.app)

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """One connection of ASGI 3: a request, or the life of the server."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close"})
        else:
            await self._answer(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        """Run by a server directly, not mounted: the connections are ours to close."""
        while (await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        await self._rules.app.aclose()
        await send({"type": "lifespan.shutdown.complete"})

    async def _answer(self, scope: Any, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        seen = headers.get(b"last-event-id", b"").decode("latin-1")
        answer = asked = self._rules.asked(scope["method"], scope["path"], seen)
        if isinstance(asked, Asked):
            answer = await self._read(scope, asked)
        assert isinstance(answer, Answer)
        with_body = scope["method"] != "HEAD"
        await send(
            {
                "type": "http.response.start",
                "status": answer.status.value,
                "headers": [
                    (name.lower().encode(), text.encode()) for name, text in answer.headers
                ],
            }
        )
        if answer.tale is not None and with_body:
            await self._tell(answer.tale, receive, send)
        await say(send, answer.body if with_body else b"", more=False)

    async def _read(self, scope: Any, asked: Asked) -> Answer:
        rules = self._rules
        if rules.authorize is not None:
            allowed = rules.authorize(scope, asked.bid)
            if not (await allowed if inspect.isawaitable(allowed) else allowed):
                return rules.forbidden(asked)
        try:
            return rules.found(asked, await rules.app.batches.aget(asked.bid))
        except StoreError as error:
            return rules.away(asked, error)

    async def _tell(self, tale: Tale, receive: Receive, send: Send) -> None:
        """Tell what happens to the batch until it is settled, or the viewer has left."""
        left = asyncio.ensure_future(leaving(receive))
        try:
            await say(send, tale.begin())
            due = time.monotonic() + HEARTBEAT
            with self._viewers.look(tale.status) as look:
                while not tale.is_over:
                    change = look.change
                    words = tale.news(look.latest)
                    if words or time.monotonic() >= due:
                        await say(send, words or PING)
                        due = time.monotonic() + HEARTBEAT
                        continue
                    # Readings without news come more often than the heartbeat is due.
                    seconds = max(0.0, due - time.monotonic())
                    await asyncio.wait({left, change}, timeout=seconds, return_when=FIRST)
                    if left.done():
                        return
                    if change.done():
                        change.result()
        finally:
            left.cancel()


async def say(send: Send, text: bytes, *, more: bool = True) -> None:
    """Send a part of an answer's body."""
    await send({"type": "http.response.body", "body": text, "more_body": more})


async def leaving(receive: Callable[[], Awaitable[Mapping[str, Any]]]) -> None:
    """Return when the viewer is gone."""
    while (await receive())["type"] != "http.disconnect":
        pass
