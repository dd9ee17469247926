"""How a batch stands, over HTTP: to be mounted in a site of the user's own, ASGI or WSGI.

`GET /<bid>.json` is `status.to_dict()`; `GET /<bid>/events` tells each change as it comes, as
server-sent events. Needs no package but Outrider's own.
"""

from __future__ import annotations

import asyncio
import inspect
import sys
from typing import Any

from outrider.app import App
from outrider.web.status_answers import Authorize, Rules
from outrider.web.status_asgi import Asgi
from outrider.web.status_wsgi import Wsgi


def batch_status(
    app: App, *, authorize: Authorize | None = None, errors: bool = True
) -> StatusEndpoint:
    """An application that tells how batches of `app` stand: ASGI and WSGI in one object.

    `authorize(request, bid)` says whether a request may read this batch; `request` is the scope of
    ASGI or the environ of WSGI. Under ASGI it may be `async`. Without it whoever knows a bid may.
    `errors=False` leaves `fail_info` empty: messages of exceptions may say more than a visitor
    should know.
    """
    return StatusEndpoint(Rules(app, authorize, errors=errors))


class StatusEndpoint:
    """Made by `batch_status`."""

    def __init__(self, rules: Rules) -> None:
        self._asgi, self._wsgi = Asgi(rules), Wsgi(rules)

    def __call__(self, *arguments: Any) -> Any:
        """ASGI with `scope, receive, send`; WSGI with `environ, start_response`."""
        return self._asgi(*arguments) if len(arguments) == 3 else self._wsgi(*arguments)

    # Servers look whether it is ASGI before they call it. Marked in the way of asgiref, which all
    # of them know; `inspect` has a word for it from Python 3.12 on.
    if sys.version_info >= (3, 12):
        inspect.markcoroutinefunction(__call__)
    else:
        __call__._is_coroutine = asyncio.coroutines._is_coroutine  # type: ignore[attr-defined]  # noqa: SLF001
