"""What all requests and answers have in common."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

Limit = Annotated[int, Meta(ge=1, le=200, description="How many at most.")]
After = Annotated[
    str, Meta(max_length=4096, description="`next` of the page before; without it, the first page.")
]


class Asked(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What is asked for: a parameter that there is not is refused."""


class Paged(Asked, kw_only=True):
    """A page of a list."""

    limit: Limit = 50
    after: After = ""


class Named(Asked, kw_only=True):
    """Something by its name."""

    name: Annotated[str, Meta(min_length=1, max_length=500)]


class PagedByName(Paged, kw_only=True):
    """A page of what lies under a name."""

    name: Annotated[str, Meta(min_length=1, max_length=500)]


class Done(msgspec.Struct, kw_only=True):
    """What was asked for is done. `count` is how many jobs it concerned."""

    count: int = 0


class Me(msgspec.Struct, kw_only=True):
    """Who asks, and what he may do."""

    name: str
    permissions: list[str]


class Health(msgspec.Struct, kw_only=True):
    """The API answers, and so does the server behind it; `seconds` it took."""

    seconds: float


def seconds(moment: datetime | None) -> float | None:
    """A time as it is sent."""
    return None if moment is None else moment.timestamp()
