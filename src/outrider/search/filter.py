"""A filter: which jobs it means, where they can lie, and which payloads need not be read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

from outrider.inspection.record import JobRecord
from outrider.search.seen import STATES, Seen, may_fold_to_ascii
from outrider.search.terms import Needles, OneOf, Term
from outrider.store.place import Place

SETS = {"retrying": Place("retry"), "dead": Place("dead"), "scheduled": Place("schedule")}


@dataclass(frozen=True)
class Filter:
    """Jobs for which every term holds; all jobs, where there is none.

    `now` is the time, in seconds, that ages are counted from. `str` gives a text that `parse` reads
    as the same filter.
    """

    terms: tuple[Term, ...]
    now: float = field(compare=False)

    def __str__(self) -> str:
        return " ".join(map(str, self.terms))

    def matches(self, record: JobRecord) -> bool:
        """Whether it means this job; nothing that a payload may hold is a reason to fail."""
        at = None if record.at is None else record.at.timestamp()
        return self.holds(Seen(record.raw, getattr(record, "state", ""), None, at))

    def holds(self, seen: Seen) -> bool:
        """The same for a job that is not read yet."""
        return all(term.holds(seen, self.now) for term in self.terms)

    def may_match(self, payload: bytes) -> bool:
        """False when the bytes alone show that it does not mean this job: quick, and never wrong.

        A payload with escapes has to be read, since any letter may be one.
        """
        if not self.needles:
            return True
        small = payload.lower()
        if all(any(one in small for one in needles) for needles in self.needles):
            return True
        return b"\\" in payload or may_fold_to_ascii(payload)

    @cached_property
    def needles(self) -> tuple[Needles, ...]:
        """Of each of these, a payload without escapes holds one when put in small letters."""
        return tuple(term.needles for term in self.terms if term.needles)

    @cached_property
    def states(self) -> frozenset[str]:
        """The states that its jobs can be in."""
        terms = self._of("state")
        return frozenset(state for state in STATES if all(term.allows(state) for term in terms))

    def places(self, queues: Iterable[str], held: Iterable[str]) -> list[Place]:
        """The places where its jobs can lie, in the order in which they are to be searched.

        `queues` and `held` are the names that are known. Jobs that run are in none.
        """
        found = [place for state, place in SETS.items() if state in self.states]
        for kind, state, names in (("queue", "queued", queues), ("held", "held", held)):
            terms = self._of("queue" if kind == "queue" else "job")
            if state in self.states:
                named = sorted(name for name in names if all(term.allows(name) for term in terms))
                found += [Place(kind, name) for name in named]
        return found

    def _of(self, name: str) -> list[OneOf]:
        return [term for term in self.terms if isinstance(term, OneOf) and term.name == name]
