"""A page of jobs as it comes from the server, looked through without cutting it up."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise


@dataclass(frozen=True, slots=True)
class Bundle:
    """Payloads that came as one text: what none of them holds is seen at one look."""

    sizes: bytes = b""
    text: bytes = b""
    ends: list[int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        ends = [0, *accumulate(map(int, self.sizes.split()))]
        object.__setattr__(self, "ends", ends)

    @classmethod
    def of(cls, payloads: Sequence[bytes]) -> Bundle:
        """These payloads."""
        return cls(b" ".join(b"%d" % len(one) for one in payloads), b"".join(payloads))

    def __len__(self) -> int:
        return len(self.ends) - 1

    def __getitem__(self, number: int) -> bytes:
        return self.text[self.ends[number] : self.ends[number + 1]]

    def cut(self) -> list[bytes]:
        """The payloads."""
        return [self.text[first:end] for first, end in pairwise(self.ends)]

    def holding(self, needles: Sequence[bytes], *, literally: bool) -> list[tuple[int, bytes]]:
        """Payloads that may hold all the needles, numbered.

        Others may write any letter as an escape: who has one is among them, unless `literally`.
        """
        if not needles:
            return list(enumerate(self.cut()))
        hides = not literally and b"\\" in self.text
        if not hides and not all(needle in self.text for needle in needles):
            return []
        return [
            (number, payload)
            for number, payload in enumerate(self.cut())
            if all(needle in payload for needle in needles) or (hides and b"\\" in payload)
        ]

    def numbers(self, text: bytes, needle: bytes) -> Iterator[int]:
        """Which payloads may hold it, in order; who does not is passed over by one search for all.

        It is looked for in `text`: that of all of them, perhaps with other letters.
        """
        at = text.find(needle)
        while at >= 0:
            number = bisect_right(self.ends, at) - 1
            yield number
            at = text.find(needle, self.ends[number + 1])

    def sifted(self, sieve: Sieve) -> list[tuple[int, bytes]]:
        """Payloads that pass a sieve, numbered."""
        numbers = sieve(self)
        if len(numbers) == len(self):
            return list(enumerate(self.cut()))
        return [(number, self[number]) for number in numbers]


Sieve = Callable[[Bundle], Collection[int]]
"""Says which payloads of a page may be wanted, by their numbers in order."""
