"""The status endpoint under WSGI, where a stream of events holds a thread of the server.

So a stream ends after some seconds, and few may be under way at a time: the others tell what is new
and end at once. A browser comes again by itself and says what it has seen, so it misses nothing.
"""

from __future__ import annotations

import inspect
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from outrider.errors import ConfigError, StoreError
from outrider.waiting import ALL, MILESTONES, POLL
from outrider.web.status_answers import Answer, Asked, Rules
from outrider.web.status_events import Tale
from outrider.web.status_viewers import GAP

THREADS = 4
HOLD = 20.0  # gunicorn kills what has not answered within 30


class Wsgi:
    """Answers requests."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._free = threading.Semaphore(THREADS)

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        """One request."""
        seen = environ.get("HTTP_LAST_EVENT_ID", "")
        method, path = environ["REQUEST_METHOD"], environ.get("PATH_INFO", "")
        answer = asked = self._rules.asked(method, path, seen)
        if isinstance(asked, Asked):
            answer = self._read(environ, asked)
        assert isinstance(answer, Answer)
        start(f"{answer.status.value} {answer.status.phrase}", answer.headers)
        if method == "HEAD":
            return []
        if answer.tale is None:
            return [answer.body]
        return self._tell(answer.tale, may_wait=environ.get("wsgi.multithread", False))

    def _read(self, environ: dict[str, Any], asked: Asked) -> Answer:
        rules = self._rules
        if rules.authorize is not None:
            allowed = rules.authorize(environ, asked.bid)
            if inspect.isawaitable(allowed):
                if inspect.iscoroutine(allowed):
                    allowed.close()  # else it would be complained of as well
                raise ConfigError("authorize is async: under WSGI it must be a plain function")
            if not allowed:
                return rules.forbidden(asked)
        try:
            return rules.found(asked, rules.app.batches.get(asked.bid))
        except StoreError as error:
            return rules.away(asked, error)

    def _tell(self, tale: Tale, *, may_wait: bool) -> Iterator[bytes]:
        """Tell what is new, and while a thread may be held for it what comes."""
        yield tale.begin()
        if not tale.is_over and may_wait and self._free.acquire(blocking=False):
            try:
                yield from self._follow(tale)
            finally:
                self._free.release()

    def _follow(self, tale: Tale) -> Iterator[bytes]:
        app, bid, end = self._rules.app, tale.status.bid, time.monotonic() + HOLD
        with app.listener(bid) as listener:
            while not tale.is_over and (left := end - time.monotonic()) > 0:
                _ = listener.wait(GAP, MILESTONES) or listener.wait(min(POLL, left), ALL)
                try:
                    reading = app.batches.get(bid)
                except StoreError:  # the server is away: the viewer waits with us
                    continue
                if news := tale.news(reading):
                    yield news
