"""How long a failed job waits."""

from __future__ import annotations

from typing import Any

import pytest

from outrider.backoff import LONGEST, default_delay, delay

ERROR = KeyError("x")


@pytest.mark.parametrize("n", range(26))
def test_the_default_is_sidekiqs_formula(n: int) -> None:
    """n⁴ + 15 + a jitter of at most ten times n + 1 seconds, both ends of it reached at times."""
    base = n**4 + 15
    waits = {default_delay(n) for _ in range(400)}
    assert min(waits) >= base
    assert max(waits) < base + 10 * (n + 1)
    assert len(waits) > 5
    assert delay(n, ERROR, None) - base in range(10 * (n + 1))


@pytest.mark.parametrize("n", [10_000, 2**40, 2**63 - 1])
def test_no_wait_is_longer_than_ten_years(n: int) -> None:
    """Others may have written any count; a time that no request can carry would end the child."""
    assert default_delay(n) == delay(n, ERROR, None) == LONGEST


def with_default(n: int, base: float = 2.0) -> float:
    return base**n


class Steps:
    def __call__(self, n: int) -> float:
        return n + 0.5

    def of(self, n: int, error: BaseException) -> float:
        return n if error is ERROR else -1


CUSTOM: list[tuple[Any, int, float]] = [
    (lambda n: n * 2, 3, 6),
    (lambda n: 0, 9, 0),
    (lambda n: 0.5, 0, 0.5),
    (lambda n, error: 7 if error is ERROR else 8, 0, 7),
    (lambda n, error=None: 1 if error is ERROR else 2, 0, 1),
    (lambda *both: len(both), 5, 2),
    (Steps(), 1, 1.5),
    (Steps().of, 4, 4),
    (lambda n: "12", 0, 12),
]


@pytest.mark.parametrize(("backoff", "n", "seconds"), CUSTOM, ids=range(len(CUSTOM)))
def test_a_backoff_of_the_user_is_taken_as_it_is(backoff: Any, n: int, seconds: float) -> None:
    """f(n) and f(n, error) both work, n counts from 0, and no jitter is added."""
    assert delay(n, ERROR, backoff) == seconds


def fails(n: int) -> float:
    raise RuntimeError("no")


def leaves(n: int) -> float:
    raise SystemExit(n)


NONSENSE: list[Any] = [
    fails,
    leaves,
    lambda: 5,
    lambda n: None,
    lambda n: "soon",
    lambda n: -1,
    lambda n: float("nan"),
    lambda n: float("inf"),
    lambda n: 11 * 366 * 86_400,
    max,
]


@pytest.mark.parametrize("backoff", NONSENSE, ids=range(len(NONSENSE)))
def test_a_backoff_that_fails_loses_no_job(backoff: Any) -> None:
    """Whatever a backoff does, the job is retried: with the default delay."""
    assert 2**4 + 15 <= delay(2, ERROR, backoff) < 2**4 + 15 + 30
