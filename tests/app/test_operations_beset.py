"""Operations beset: by others who act on the same jobs, by wrong options, by their number."""

from __future__ import annotations

import re
from typing import Any

import pytest

from outrider import App, ConfigError
from outrider.clock import now_ms, utc
from outrider.operations import driving
from outrider.worker.operating import Operator
from tests.app.conftest import Way
from tests.app.hands import Hands, listed, put, raw
from tests.app.test_operations import jid, numbers, results, steps, texts


@pytest.mark.parametrize("gone", [(297, 298, 299), (100, 200, 299)])
def test_others_act_on_the_same_jobs(app: App, gone: tuple[int, ...]) -> None:
    """Whichever of a step they have taken, the others of it are found, on the last page too."""
    put(app, "default", *texts(*range(300)))
    operation = app.operations.start("delete", "job:app.job")
    for _ in steps(app, operation):
        # The first page is dealt with, and the second one is read.
        if operation.reading.done == 100:
            for number in gone:
                app.queues["default"].delete(jid(number))
        operation.refresh()
    assert results(operation) == ("done", 297, 297, 297, 0)
    assert not listed(app)


def test_a_line_that_moves_far_while_it_is_looked_at(
    app: App, hands: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who is not found any more is looked for once more, and counted once."""
    monkeypatch.setattr(driving, "STEP", 25)
    put(app, "default", *texts(*range(5000)), *texts(*range(5000, 6000), tags=["x"]))
    operation = app.operations.start("delete", "tag:x", expect=1000)
    for _ in steps(app, operation):
        if 25 <= operation.refresh().done < 50 and app.queues["default"].size > 3000:
            for _ in range(6):
                assert len(hands.claim(want=500).payloads) == 500
    assert results(operation.refresh())[2:] == (1000, 1000, 0)
    assert numbers(listed(app)) == [*range(3000, 5000)]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("expect", wrong) for wrong in (True, 1.5, -1, "5")),
        *(("as_of", wrong) for wrong in (utc(5).replace(tzinfo=None), 5)),
        *(("key", wrong) for wrong in (5, b"k")),
        *(("by", wrong) for wrong in (5, None)),
    ],
)
def test_wrong_options(way: Way, app: App, name: str, value: Any) -> None:
    """They would be stored, and read by everybody who looks at operations."""
    with pytest.raises(ConfigError, match=f"{name} must be"):
        way(app.operations, "start", "delete", "job:x", **{name: value})
    assert [*app.operations] == []


def test_pages_of_any_number(way: Way, app: App) -> None:
    """More than a page has, none, and where a record has expired: it goes on to the end."""
    known = [app.operations.start("kill", f"job:j{n}").run() for n in range(205)]
    assert len([*app.operations]) == 205
    page = way(app.operations, "page", 1000)
    assert (len(page.operations), page.next) == (200, page.operations[-1].id)
    assert len(way(app.operations, "page", 1000, page.next).operations) == 5
    raw(app, "DEL", *(app.keys("operation", one.id) for one in known[::2]))
    assert len([*app.operations]) == 102
    assert way(app.operations, "page", 205, "0" * 16) == ([], None)


@pytest.mark.parametrize("behind", [0, 5000])
def test_callbacks_that_it_causes_stay(
    app: App, monkeypatch: pytest.MonkeyPatch, behind: int
) -> None:
    """They came later, however quick it is, and if the clock of who performs it is behind."""
    began = now_ms()
    monkeypatch.setattr("outrider.operations.operation.now_ms", lambda: began - behind)
    raw(app, "SADD", app.keys("queues"), "later")
    batch = app.batch(callback_queue="later")
    batch.on("complete", app.job(name="called")(lambda status: None))
    with batch.jobs():
        for number in range(3):
            app.enqueue("member", [number])
    earlier = [re.sub('"enqueued_at":[0-9.]+', '"enqueued_at":1.5', text) for text in listed(app)]
    raw(app, "DEL", app.keys("queue", "default"))
    put(app, "default", *earlier)
    operation = app.operations.start("delete", "job:*", as_of=utc(began / 1000)).run()
    assert (operation.state, operation.done) == ("done", 3)
    assert [one.job for one in app.queues["later"]] == ["called"]


def test_workers_go_by_the_clock_of_the_server(app: App) -> None:
    """Not by that of their host: by the server's time others judge whether anybody is at it."""
    put(app, "default", *texts(*range(10)))
    operation = app.operations.start("delete", "job:app.job")
    ahead = now_ms() + 7_200_000
    operator = Operator(app.executor, app.keys, "host:1:ab", lambda: ahead)
    operator.add([operation.id])
    while not operation.refresh().done:
        operator.tick()
    assert raw(app, "ZSCORE", app.keys("operating"), operation.id) == b"%d" % (ahead + 5000)
    while operator.tick() == 0.0:
        pass
    assert operation.refresh().ended_at == utc(ahead / 1000)
    assert app.trash.page().jobs[-1].deleted_at == utc(ahead / 1000)
