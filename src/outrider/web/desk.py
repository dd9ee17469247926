"""Where a request is received: who asks, and as whom he is served."""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import Request

from outrider.app import App
from outrider.web.auth import Auth, ask, peer
from outrider.web.guard import is_here
from outrider.web.principals import Principal
from outrider.web.problems import Refusal
from outrider.web.showing import Redaction
from outrider.web.streams import Streams
from outrider.web.visit import Act, Visit

REQUEST_ID = "outrider.request_id"


class Desk:
    """Finds out who asks. `only_here`: `anonymous` is who asks on this machine, and nobody else."""

    def __init__(
        self,
        app: App,
        auth: Auth | None,
        anonymous: Principal | None,
        redaction: Redaction,
        on_act: Callable[[Act], None] | None,
        *,
        only_here: bool,
        allow_enqueue: bool,
    ) -> None:
        self._app = app
        self._auth = auth
        self._anonymous = anonymous
        self._redaction = redaction
        self._on_act = on_act
        self._only_here = only_here
        self._allow_enqueue = allow_enqueue
        self.streams = Streams()

    async def welcome(self, request: Request, needs: str | None) -> Visit:
        """The visit that a request begins; refused when nobody is known to ask."""
        who = None if self._auth is None else await ask(self._auth, request.scope)
        if who is None and (is_here(request.scope) or not self._only_here):
            who = self._anonymous
        if who is None and needs is None:
            who = Principal("anonymous", ())
        if who is None:
            raise self._refusal()
        return Visit(
            self._app,
            who,
            self._redaction,
            peer(request.scope),
            request.scope[REQUEST_ID],
            allow_enqueue=self._allow_enqueue,
            streams=self.streams,
            on_act=self._on_act,
        )

    def _refusal(self) -> Refusal:
        if self._auth is None:
            return Refusal(
                403,
                "closed",
                "only programs on this machine may ask, and directly: give create_app an auth, or "
                "allow_anonymous=True",
            )
        challenge = getattr(self._auth, "challenge", "Bearer")
        return Refusal(
            401,
            "unknown",
            "say who you are",
            WWW_Authenticate=f'{challenge} realm="outrider", charset="UTF-8"',
        )
