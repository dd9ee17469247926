"""A filter: which jobs it means, where they can lie, and which payloads need not be read."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from functools import cached_property

from outrider.inspection.record import STATES, JobRecord
from outrider.search.seen import ALL_STATES, KINDS, ODD_NUMBER, Seen, hiding, seen_of
from outrider.search.terms import Argument, Needles, OneOf, Term
from outrider.store.bundle import Bundle
from outrider.store.place import Place


@dataclass(frozen=True)
class Filter:
    """Jobs for which every term holds; all jobs, where there is none.

    `now` is the time, in seconds, that ages are counted from. `str` gives a text that `parse` reads
    as the same filter.
    """

    terms: tuple[Term, ...]
    now: float = field(compare=False)
    effort = 1  # a search reads so many times less: what it takes to judge a byte

    def __str__(self) -> str:
        return " ".join(map(str, self.terms))

    def shown(self, seen: Seen) -> Seen:
        """A job as who gave the filter may see it."""
        return seen

    def matches(self, record: JobRecord) -> bool:
        """Whether it means this job; nothing that a payload may hold is a reason to fail."""
        return self.holds(seen_of(record))

    def holds(self, seen: Seen) -> bool:
        """The same for a job that is not read yet."""
        for term in self.terms:  # noqa: SIM110 - a generator would take longer than many a test
            if term.test(seen, self.now) == term.negated:
                return False
        return True

    def sift(self, page: Bundle) -> Collection[int]:
        """Which payloads of a page it may mean, by their numbers in order: the bytes alone show
        that it means none of the others. Quick, and never wrong.
        """
        if not self.needles:
            return range(len(page))
        small = page.text.lower()
        found: set[int] | None = None
        for group in self.needles:
            holding = {number for needle in group for number in page.numbers(small, needle)}
            found = holding if found is None else found & holding
            if not found:
                break
        others = {number for text in hiding(page.text) for number in page.numbers(page.text, text)}
        if self._has_numbers:
            odd = ODD_NUMBER.finditer(page.text)
            others |= {bisect_right(page.ends, one.start()) - 1 for one in odd}
        return sorted(others | (found or set()))

    @cached_property
    def needles(self) -> tuple[Needles, ...]:
        """Of each of these, a payload without escapes holds one when put in small letters."""
        return tuple(needles for term in self.terms for needles in term.needles)

    @cached_property
    def _has_numbers(self) -> bool:
        return any(isinstance(term, Argument) and term.has_numbers for term in self.terms)

    @cached_property
    def states(self) -> frozenset[str]:
        """The states that its jobs can be in."""
        terms = self._of("state")
        return frozenset(state for state in ALL_STATES if all(term.allows(state) for term in terms))

    @cached_property
    def is_of_places(self) -> bool:
        """Whether it means all that lies where it looks, so that nothing has to be read."""
        free = ("state", "queue") if self.states <= {"queued"} else ("state",)
        return all(isinstance(term, OneOf) and term.name in free for term in self.terms)

    def places(self, queues: Iterable[str], held: Iterable[str]) -> list[Place]:
        """The places where its jobs can lie, in the order in which they are searched.

        `queues` and `held` are the names that are known. Jobs that run are in none.
        """
        named = {"queue": self._allowed("queue", queues), "held": self._allowed("job", held)}
        kinds = [kind for kind in KINDS if STATES[kind] in self.states]
        return [Place(kind, name) for kind in kinds for name in named.get(kind, [""])]

    def _allowed(self, qualifier: str, names: Iterable[str]) -> list[str]:
        terms = self._of(qualifier)
        return sorted(name for name in names if all(term.allows(name) for term in terms))

    @cached_property
    def jids(self) -> frozenset[str]:
        """The ids of which its jobs have one; none, when it asks for no id."""
        terms = [frozenset(term.values) for term in self._of("jid") if not term.negated]
        return frozenset.intersection(*terms) if terms else frozenset()

    def _of(self, name: str) -> list[OneOf]:
        return [term for term in self.terms if isinstance(term, OneOf) and term.name == name]
