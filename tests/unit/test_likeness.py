"""Failures that are alike have one shape and one fingerprint."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from outrider.search.likeness import LONGEST_MESSAGE, LONGEST_SHAPE, fingerprint, shape


@pytest.mark.parametrize(
    ("first", "second", "common"),
    [
        ("no answer within 30 s", "no answer within 5 s", "no answer within * s"),
        ("took 3.5s", "took 12s", "took *"),
        ("user 17: not found", "user 4711: not found", "user *: not found"),
        ("[Errno 111] on 10.0.0.1:6379", "[Errno 104] on db-2:6379", "[Errno *] on *"),
        (
            "order 550e8400-e29b-41d4-a716-446655440000 is gone",
            "order deadbeef-e29b-41d4-a716-446655440000 is gone",
            "order * is gone",
        ),
        ("token 9f86d081 at 2026-11-01T12:30:05+01:00", "token a1 at 2026-11-02", "token * at *"),
        ("can't open 'a.txt'", "can't open 'it is b.txt'", "can't open *"),
        ('no key "a b"', 'no key "c"', "no key *"),
        ("<Job object at 0x7f3a> failed", "<Job object at 0x7f4b> failed", "* failed"),
        (
            "mail to ann@example.com bounced",
            "mail to b.ob@mail.example bounced",
            "mail to * bounced",
        ),
        ("two\n lines", "two   lines", "two lines"),
    ],
)
def test_what_changes_is_left_out(first: str, second: str, common: str) -> None:
    """Numbers, ids, times, addresses, what is quoted; not the words around them."""
    assert shape(first) == shape(second) == common
    assert fingerprint("job", "Error", first) == fingerprint("job", "Error", second)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (("a", "E", "x"), ("b", "E", "x")),
        (("a", "E", "x"), ("a", "F", "x")),
        (("a", "E", "x"), ("a", "E", "y")),
        (("a", "bE", "x"), ("ab", "E", "x")),
        (("a", "E", "it's 'late'"), ("a", "E", "it's 'early', isn't it")),
    ],
)
def test_what_is_not_alike(first: tuple[str, str, str], second: tuple[str, str, str]) -> None:
    """Another job, class or wording is another group."""
    assert fingerprint(*first) != fingerprint(*second)


@given(some.text(max_size=2000), some.text(max_size=9), some.text(max_size=9))
def test_any_message(message: str, job: str, error_class: str) -> None:
    """Nothing that a message may hold is a reason to fail; what is long is cut."""
    assert len(shape(message)) <= LONGEST_SHAPE
    assert shape(message) == shape(message[:LONGEST_MESSAGE])
    assert len(fingerprint(job, error_class, message)) == 16


@pytest.mark.parametrize("sign", ["a", "'", '"', "<", "@", "a@", "-", "1.", "a1-", " '", "<a"])
def test_messages_that_were_made_for_it(sign: str) -> None:
    """Each takes no longer than its length: a repetition of anything ends."""
    assert len(shape(sign * 1_000_000)) <= LONGEST_SHAPE
