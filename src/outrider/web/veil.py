"""Searching without finding out what is hidden."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import msgspec

from outrider.hub import Hub
from outrider.inspection.record import decode, read
from outrider.search.filter import Filter
from outrider.search.parse import parse
from outrider.search.seen import Seen
from outrider.search.terms import Age, Attempts, Needles, OneOf, Term, When
from outrider.web.problems import forbidden
from outrider.web.showing import Redaction, Show, are_hidden, positional
from outrider.web.visit import Visit

REVEAL = "jobs.reveal"
_ROOM = 1 << 30
_OPEN = ("job", "state", "queue", "batch", "jid")


@dataclass(frozen=True)
class Veiled(Filter):
    """A filter that sees jobs as they are shown.

    Else who may not see a secret could ask for its letters, one after the other.
    """

    hub: Hub
    redaction: Redaction
    effort = 8

    def holds(self, seen: Seen) -> bool:
        """Whether it means this job, going by what is shown of it."""
        if not self._open.holds(seen):
            return False
        if not self._others.terms:
            return True
        return self._others.holds(self.shown(seen))

    def shown(self, seen: Seen) -> Seen:
        """A job without what is hidden."""
        return Seen(self._veil(seen), seen.state, seen.lies_in, seen.at)

    @cached_property
    def _open(self) -> Filter:
        """Of what is never hidden: this is asked first, as it takes no veil."""
        return Filter(tuple(filter(_is_open, self.terms)), self.now)

    @cached_property
    def _others(self) -> Filter:
        return Filter(tuple(term for term in self.terms if not _is_open(term)), self.now)

    @cached_property
    def needles(self) -> tuple[Needles, ...]:
        """None: what is skipped for the bytes of a secret would be seen by the time it takes."""
        return ()

    def _veil(self, seen: Seen) -> bytes:
        if not seen.fields:
            return b""  # what can't be read is not shown
        hidden = are_hidden(self.hub, self.redaction, seen.text("class"))
        if hidden or self.redaction.may_hide(seen.payload):
            return _shown(self.hub, self.redaction, seen.payload)
        return seen.payload


def sought(visit: Visit, text: str) -> Filter:
    """The filter of a search by who asks. Raises FilterError."""
    found = parse(text)
    if visit.who.may(REVEAL):
        return found
    return Veiled(found.terms, found.now, visit.app, visit.redaction)


def check_operation(visit: Visit, text: str) -> None:
    """Refuse an operation whose count would tell what is hidden. Raises FilterError."""
    if visit.who.may(REVEAL):
        return
    for term in parse(text).terms:
        if not _is_open(term):
            raise forbidden(
                f"{visit.who.name} may not act by {term}: what it counts could tell something that "
                f"is hidden, so it needs {REVEAL!r}"
            )


def _is_open(term: Term) -> bool:
    """Whether it asks for nothing that could be hidden."""
    if isinstance(term, OneOf):
        return term.name in _OPEN
    return isinstance(term, Age | Attempts | When)


def _shown(hub: Hub, redaction: Redaction, payload: bytes) -> bytes:
    """A payload as it is shown."""
    show, record = Show(redaction, _ROOM), read(payload)
    # Arguments first: what is hidden of them is hidden where messages quote it, too.
    shown: dict[str, Any] = {"args": positional(hub, record, show)}
    for name, value in sorted(decode(payload).items(), key=lambda one: one[0] != "kwargs"):
        if name != "args":
            shown[name] = show.words(value) if isinstance(value, str) else show.named(name, value)
    return msgspec.json.encode(shown)
