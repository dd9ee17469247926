"""One request as the service functions see it: the app, who asks, and what he is shown."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from outrider.app import App
from outrider.web.principals import Principal
from outrider.web.problems import forbidden
from outrider.web.showing import Redaction
from outrider.web.streams import Streams
from outrider.words import printable

_log = logging.getLogger("outrider.web")


@dataclass(frozen=True, slots=True)
class Act:
    """Something that was done or refused: who, what (a permission), on what, and the outcome.

    `outcome` is "done" or the name of a problem; `address` is where the request came from, and
    `request_id` what its answer names in X-Request-Id.
    """

    who: str
    what: str
    on: dict[str, Any]
    outcome: str
    address: str
    request_id: str

    def __str__(self) -> str:
        on = "".join(f" {name}={value}" for name, value in self.on.items())
        return printable(
            f"{self.outcome}: {self.what}{on} by {self.who} from {self.address or 'this machine'}, "
            f"request {self.request_id}"
        )


@dataclass(slots=True)
class Visit:
    """One request of one principal. `key` is its Idempotency-Key, "" without one.

    `allow_enqueue` says that jobs may be enqueued here, by who has the permission.
    """

    app: App
    who: Principal
    redaction: Redaction
    address: str = ""
    request_id: str = ""
    key: str = ""
    allow_enqueue: bool = False
    streams: Streams = field(default_factory=Streams, repr=False)
    on_act: Callable[[Act], None] | None = field(default=None, repr=False)

    def require(self, permission: str) -> None:
        """Go on only if who asks may do this."""
        if not self.who.may(permission):
            raise forbidden(f"{self.who.name} may not do this: it needs {permission!r}")

    def note(self, what: str, on: dict[str, Any], outcome: str) -> None:
        """Log something that changes, or reveals; a hook that fails hurts nobody."""
        act = Act(self.who.name, what, on, outcome, self.address, self.request_id)
        _log.info("%s", act)
        if self.on_act is not None:
            try:
                self.on_act(act)
            except Exception:
                _log.exception("on_act failed for %s", act)
