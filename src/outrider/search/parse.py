"""The filter language: `job:resize state:dead error:Timeout -word "two words"`."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import NoReturn

from outrider import clock
from outrider.errors import FilterError
from outrider.search.filter import Filter
from outrider.search.seen import ALL_STATES
from outrider.search.terms import (
    COMPARE,
    FITS,
    UNITS,
    Age,
    Argument,
    Attempts,
    OneOf,
    Term,
    When,
    Word,
)

__all__ = ["Filter", "parse"]

LONGEST = 4096
NAMES = (*FITS, "attempt", "age", "before", "after")
MOST_SECONDS = 1000 * 366 * 86_400

_QUALIFIER = re.compile(r"([A-Za-z_]+):")
_ARGUMENT = re.compile(r"arg\.")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_WORD = re.compile(r'[^\s"]+')
_VALUE = re.compile(r'[^\s",]+')
_STEP = re.compile(r'[^\s".=]+')
_SIGN = re.compile("|".join(COMPARE))
_NUMBER = re.compile(r"[0-9]{1,9}(?![^\s])")
_DURATION = re.compile(rf"([0-9]{{1,12}}(?:\.[0-9]{{1,3}})?)([{''.join(UNITS)}])")


def parse(text: str, now: float | None = None) -> Filter:
    """The filter that a text means; `now`, in seconds, is when its ages are counted from.

    Raises FilterError, which says where it can't be understood, and what is possible.
    """
    if len(text) > LONGEST:
        raise FilterError(f"a filter has at most {LONGEST:,} characters, not {len(text):,}", 0)
    return Filter(tuple(_Reader(text).terms()), clock.now() if now is None else now)


class _Reader:
    """Goes through the text of a filter."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def terms(self) -> list[Term]:
        found: list[Term] = []
        while self._skip_blanks():
            found.append(self._term())
            if self._peek().strip():
                self._fail(f"there has to be a blank before {self._rest()}")
        return found

    def _term(self) -> Term:
        start = self._at
        negated = self._take("-")
        if named := self._match(_QUALIFIER):
            return self._qualified(negated, named[1], start)
        if self._match(_ARGUMENT):
            return self._argument(negated)
        text = self._text_of(_WORD, "a word")
        if not text:
            self._fail('"" would be in every job: say what to look for', start)
        return Word(negated, text)

    def _qualified(self, negated: bool, name: str, start: int) -> Term:
        if name not in NAMES:
            possible = ", ".join(f"{known}:" for known in NAMES)
            self._fail(
                f"there is no qualifier {name[:50]}:; there are {possible} and arg.PATH= (to look "
                f'for a text with a colon, write it in quotes, as "{name[:50]}:…")',
                start,
            )
        if name in FITS:
            return self._one_of(negated, name)
        if name in ("before", "after"):
            return self._when(negated, name == "before")
        sign = self._match(_SIGN)
        if name == "age":
            if not sign or sign[0] == "=":
                self._fail("age: needs > or <, as age:>1h")
            return Age(negated, sign[0], self._duration())
        number = self._match(_NUMBER)
        if not number:
            self._fail("attempt: needs a whole number, as attempt:3, attempt:>3 or attempt:<=3")
        return Attempts(negated, sign[0] if sign else "=", int(number[0]))

    def _one_of(self, negated: bool, name: str) -> Term:
        start = self._at
        values = self._values(f"{name}:")
        if not all(values):
            self._fail(f'{name}: with "" would mean nothing', start)
        for value in values:
            if name == "state" and value not in ALL_STATES:
                self._fail(
                    f"there is no state {value[:50]!r}; there are {', '.join(ALL_STATES)}", start
                )
        return OneOf(negated, name, values)

    def _argument(self, negated: bool) -> Term:
        steps = [self._text_of(_STEP, "a position or a name after arg.")]
        while self._take("."):
            steps.append(self._text_of(_STEP, "a position or a name after the dot"))
        if not self._take("="):
            self._fail("an argument is asked for as arg.PATH=VALUE, as arg.0=5 or arg.user.id=7")
        return Argument(negated, tuple(steps), self._values("="))

    def _when(self, negated: bool, is_before: bool) -> Term:
        start = self._at
        said = self._text_of(_VALUE, "a date, a time or a span after the colon")
        if _DURATION.fullmatch(said):
            self._at = start
            return When(negated, is_before, None, self._duration())
        try:
            moment = datetime.fromisoformat(said)
            moment = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
        except (ValueError, OverflowError):
            self._fail(
                f"{said[:50]!r} is no time: write a date (2026-11-01), a time in UTC or with its "
                "offset (2026-11-01T12:30, 2026-11-01T12:30+01:00), or how long ago (2h)",
                start,
            )
        return When(negated, is_before, moment)

    def _duration(self) -> float:
        start = self._at
        said = self._match(_DURATION)
        if not said:
            self._fail("a span of time is written as 90s, 15m, 1h, 2d or 1w")
        seconds = round(float(said[1]) * UNITS[said[2]], 3)
        if seconds > MOST_SECONDS:
            self._fail(f"{said[0]} is more than 1,000 years", start)
        return seconds

    def _values(self, after: str) -> tuple[str, ...]:
        values = [self._text_of(_VALUE, f"a value after {after}")]
        while self._take(","):
            values.append(self._text_of(_VALUE, "a value after the comma"))
        return tuple(values)

    def _text_of(self, bare: re.Pattern[str], wanted: str) -> str:
        """A text in quotes, or as it stands."""
        if found := self._match(_QUOTED):
            return _ESCAPE.sub(r"\1", found[1])
        if self._peek() == '"':
            self._fail("a quote is never closed")
        found = self._match(bare)
        if not found:
            self._fail(f"there has to be {wanted}")
        return found[0]

    def _skip_blanks(self) -> bool:
        while self._peek().isspace():
            self._at += 1
        return self._at < len(self._text)

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _take(self, sign: str) -> bool:
        if self._peek() != sign:
            return False
        self._at += 1
        return True

    def _match(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        found = pattern.match(self._text, self._at)
        if found:
            self._at = found.end()
        return found

    def _rest(self) -> str:
        rest = self._text[self._at :]
        return repr(rest if len(rest) <= 20 else rest[:20] + "…")

    def _fail(self, problem: str, at: int | None = None) -> NoReturn:
        raise FilterError(problem, self._at if at is None else at)
