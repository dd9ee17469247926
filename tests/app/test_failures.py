"""`app.errors`: failing and dead jobs in groups, each with a filter that means it alone."""

from __future__ import annotations

from typing import Any

import pytest

from outrider import App, ErrorGroup, ErrorPage
from outrider.clock import utc
from outrider.search.parse import parse
from tests.app.conftest import Way
from tests.app.hands import put, write
from tests.app.test_search import UNREADABLE, everywhere, found, lay

THEN = 1_700_000_000.0


def failed(jid: str, error_class: str, message: str, **more: Any) -> str:
    """A job that has failed."""
    fields = {"error_class": error_class, "error_message": message, "retry_count": 0, **more}
    return write(jid, **{"failed_at": THEN, **fields})


def fill(app: App) -> None:
    """Three kinds of failures of two jobs."""
    late = [failed(f"late{i}", "TimeoutError", f"no answer in {i} s") for i in range(4)]
    lay(app, "retry", *late[:3], failed("odd", "MyTimeoutError", "no answer in 5 s"))
    lay(app, "dead", late[3], failed("key", "KeyError", "'a'"), score=THEN + 100)
    other = failed("other", "TimeoutError", "no answer in 7 s").replace("app.job", "my.app.job")
    lay(app, "dead", other, score=THEN + 300)
    put(app, "low", failed("back", "TimeoutError", "no answer in 8 s"))


def test_failures_are_grouped(way: Way, app: App) -> None:
    """By job, class and what messages have in common, in both sets; the largest group first."""
    fill(app)
    page: ErrorPage = way(app, "errors")
    assert [(one.job, one.error_class, one.shape, one.count) for one in page.groups] == [
        ("app.job", "TimeoutError", "no answer in * s", 4),
        ("my.app.job", "TimeoutError", "no answer in * s", 1),
        ("app.job", "KeyError", "*", 1),
        ("app.job", "MyTimeoutError", "no answer in * s", 1),
    ]
    assert (page.count, page.others, page.scanned, page.total, page.next) == (7, 0, 7, 7, None)
    late = page.groups[0]
    assert (late.retrying, late.dead, late.last_at) == (3, 1, utc(THEN + 100))
    assert (late.last.jid, late.last.state, late.last.error_message) == (
        "late3",
        "dead",
        "no answer in 3 s",
    )
    assert late.jids == ["late3", "late2", "late1", "late0"]


def test_a_group_is_meant_by_its_filter(way: Way, app: App) -> None:
    """And no other job: none whose name ends so, nor whose class has the same letters (O180)."""
    fill(app)
    for group in app.errors().groups:
        jids = found(app, group.filter)
        assert sorted(jids) == sorted(group.jids)
        assert way(app, "count", group.filter).count == group.count
        assert parse(group.filter).states == {"retrying", "dead"}
        (again,) = way(app, "errors", f"group:{group.fingerprint}").groups
        assert (again.fingerprint, again.count, again.jids) == (
            group.fingerprint,
            group.count,
            group.jids,
        )
    late = app.errors().groups[0]
    assert late.filter == (
        f"state:retrying,dead job:app.job error:TimeoutError group:{late.fingerprint}"
    )
    assert found(app, f"-group:{late.fingerprint} state:dead") == ["key", "other"]


def test_an_operation_on_a_group(app: App) -> None:
    """Is for all of it, and nothing else (O180)."""
    fill(app)
    late = app.errors().groups[0]
    operation = app.operations.start("retry", late.filter, expect=late.count)
    assert operation.run().done == 4
    assert sorted(one.count for one in app.errors().groups) == [1, 1, 1]
    assert app.queues["low"].size == 1
    assert app.queues["default"].size == 4


@pytest.mark.parametrize("wanted", ["state:dead", "queue:default job:app.job", "state:queued", "x"])
def test_some_of_them(app: App, wanted: str) -> None:
    """A filter narrows it, and the filters of groups are as narrow."""
    fill(app)
    page = app.errors(wanted)
    meant = [jid for jid in found(app, wanted) if jid != "back"]
    assert page.count == len(meant) == sum(one.count for one in page.groups)
    for group in page.groups:
        assert set(found(app, group.filter)) <= set(meant)
        assert len(found(app, group.filter)) == group.count


def test_the_largest_groups_are_told(app: App) -> None:
    """What is in others is counted."""
    fill(app)
    page = app.errors(limit=1)
    assert ([one.count for one in page.groups], page.others) == ([4], 3)


def test_it_is_bounded_and_goes_on(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many jobs and groups there are."""
    monkeypatch.setattr("outrider.search.failures.MOST_VALUES", 3)
    words = [f"w{letter}" for letter in "abcdefghijkl"]
    lay(app, "dead", *(failed(word, "ValueError", f"no {word}") for word in words))
    first = app.errors(most=8)
    assert (first.scanned, first.total, first.is_complete) == (8, 12, False)
    assert (first.count, len(first.groups), first.others) == (8, 3, 5)
    rest = app.errors(after=first.next)
    assert (rest.count, rest.scanned, rest.is_complete) == (4, 4, True)


def test_the_last_failure(app: App) -> None:
    """Of all times that are told it is the latest; ids are of those that failed last."""
    lay(
        app,
        "retry",
        failed("a", "E", "x", retried_at=THEN + 50),
        failed("b", "E", "x", failed_at=int((THEN + 60) * 1000)),
        *(failed(f"c{i}", "E", "x", failed_at=THEN + i) for i in range(9)),
        failed("d", "E", "x", failed_at="never", retried_at=True),
    )
    (group,) = app.errors().groups
    assert (group.last.jid, group.last_at) == ("b", utc(THEN + 60))
    assert group.jids == ["b", "a", "c8", "c7", "c6"]
    lay(app, "dead", failed("e", "E", "x"), score=THEN + 99)
    (group,) = app.errors().groups
    assert (group.last.jid, group.last_at, group.count) == ("e", utc(THEN + 99), 13)


HOSTILE: list[dict[str, Any]] = [
    {"error_class": 5, "error_message": ["x"]},
    {"error_class": "a b", "error_message": 'say "x" \\ é \x00'},
    {"error_class": "x" * 500, "error_message": "y" * 5000},
    {"error_class": 'E" state:queued', "error_message": ""},
    {"error_class": "E:a,b*", "error_message": "\ud800"},  # this one is no JSON
]


def test_what_others_have_written(app: App) -> None:
    """Each is in some group, and the filter of the group is understood and means it."""
    lay(app, "dead", *UNREADABLE)
    lay(app, "retry", *(write(f"h{i}", **fields) for i, fields in enumerate(HOSTILE)))
    page = app.errors(limit=100)
    assert page.count == len(UNREADABLE) + len(HOSTILE)
    assert sum(one.count for one in page.groups) == page.count
    nameless: ErrorGroup = page.groups[0]
    assert (nameless.job, nameless.error_class, nameless.count) == ("", "", len(UNREADABLE) + 1)
    for group in page.groups:
        assert app.count(group.filter).count == group.count


def test_jobs_without_an_error(app: App) -> None:
    """Killed by hand: a group of its own, without a class."""
    everywhere(app, 2)
    (group,) = app.errors("state:dead").groups
    assert (group.error_class, group.shape, group.count, group.retrying) == ("", "", 2, 0)
