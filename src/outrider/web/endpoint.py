"""Service functions with what is known of them: routes and OpenAPI are made of this.

The console calls the same functions, so what each needs is checked here, not by who serves it.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin, get_type_hints

import msgspec

from outrider.web.principals import Permission
from outrider.web.problems import refusal_of
from outrider.web.streams import Stream
from outrider.web.visit import Visit

Method = Literal["GET", "POST"]
_IN_PATH = re.compile(r"\{(\w+)\}")
# Those of a job may be secrets, and are in no log.
_ARGUMENTS = ("args", "kwargs")


@dataclass(frozen=True)
class Endpoint:
    """A function of a Visit and of what is asked for, both as msgspec types.

    `asks` are the parameters of path and query, `body` what is posted, `answers` what comes back.
    `needs` is the permission without which it is refused; None for what everybody may know.
    `problems` are the statuses of refusals of its own. `created` gives the path of what it has
    made, below the API. With `keyed` it takes an Idempotency-Key. With `streams` it gives a Stream
    of its answers.
    """

    method: Method
    path: str
    needs: Permission | None
    function: Callable[..., Awaitable[Any]]
    asks: type[msgspec.Struct] | None
    body: type[msgspec.Struct] | None
    answers: type
    problems: tuple[int, ...]
    created: Callable[[Any], str] | None
    keyed: bool
    streams: bool

    @property
    def name(self) -> str:
        """Its name, of letters."""
        return self.function.__name__

    @property
    def words(self) -> str:
        """What it does."""
        return inspect.getdoc(self.function) or ""

    @property
    def in_path(self) -> frozenset[str]:
        """The parameters that stand in the path."""
        return frozenset(_IN_PATH.findall(self.path))

    @property
    def status(self) -> int:
        """The status of an answer."""
        return 200 if self.created is None else 202

    async def __call__(
        self, visit: Visit, ask: msgspec.Struct | None = None, body: msgspec.Struct | None = None
    ) -> Any:
        """Do it, if who asks may; what changes anything is logged as an Act."""
        given = [one for one in (ask, body) if one is not None]
        if self.method == "GET":
            self._check(visit)
            return await self.function(visit, *given)
        on = {name: value for one in given for name, value in msgspec.structs.asdict(one).items()}
        on = {name: value for name, value in on.items() if name not in _ARGUMENTS}
        outcome = "failed"
        try:
            self._check(visit)
            answer = await self.function(visit, *given)
            outcome = "done"
            return answer
        except Exception as error:
            refusal = refusal_of(error)
            outcome = refusal.name if refusal else outcome
            raise
        finally:
            visit.note(self.name, on, outcome)

    def _check(self, visit: Visit) -> None:
        if self.needs is not None:
            visit.require(self.needs)


def endpoint(
    method: Method,
    path: str,
    *,
    needs: Permission | None = "read",
    problems: tuple[int, ...] = (),
    created: Callable[[Any], str] | None = None,
    keyed: bool = False,
) -> Callable[[Callable[..., Awaitable[Any]]], Endpoint]:
    """Make a service function an endpoint: the types of `ask`, `body` and the answer are its."""

    def make(function: Callable[..., Awaitable[Any]]) -> Endpoint:
        hints = get_type_hints(function, include_extras=True)
        asks, body, answers = hints.get("ask"), hints.get("body"), hints["return"]
        streams = get_origin(answers) is Stream
        answers = get_args(answers)[0] if streams else answers
        return Endpoint(
            method, path, needs, function, asks, body, answers, problems, created, keyed, streams
        )

    return make


def endpoints(*modules: Any) -> list[Endpoint]:
    """All endpoints that these modules define."""
    return [
        value
        for module in modules
        for value in vars(module).values()
        if isinstance(value, Endpoint)
    ]
