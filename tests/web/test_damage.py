"""What others have written under our own keys: lists show the rest, and looking never fails."""

from __future__ import annotations

from typing import Any

import pytest

from outrider import App
from outrider.clock import now_ms
from outrider.job import Job
from outrider.operations.driving import drive
from outrider.store import operation as store
from tests.app.hands import put, raw, write
from tests.web.site import Site

JUNK = (b"junk", b"", b"-1", b"9" * 40, b"\xff\xfe", b"1.5", b"[[[", b"{}")


def put_back(app: App, key: str, name: str, value: bytes | None) -> None:
    """Make a field what it was."""
    raw(app, "HDEL", key, name)
    if value is not None:
        raw(app, "HSET", key, name, value)


@pytest.mark.parametrize("junk", JUNK)
def test_batches(site: Site, app: App, job: Job[..., None], junk: bytes) -> None:
    """Every field of a record, one after the other; the batch beside it is shown as ever."""
    bids = []
    for _ in range(2):
        batch = app.batch(description="gallery", tags=["a"], success_ratio=0.5)
        batch.on("success", "tests.app.conftest.called")
        with batch.jobs():
            job.enqueue(1)
        bids.append(batch.bid)
    damaged, whole = bids
    seen = site.get(f"/batches/{whole}")
    key = app.keys("batch", damaged)
    fields = app.batches[damaged].fields
    for name in sorted(set(fields) | {"complete_at", "settled_at", "held", "callbacks:death"}):
        before = fields.get(name)
        raw(app, "HSET", key, name, junk)
        listed = {one["bid"]: one for one in site.get("/batches")["batches"]}
        assert set(listed) == set(bids), name
        assert listed[whole] == {field: seen[field] for field in listed[whole]}, name
        assert site.get(f"/batches/{damaged}")["bid"] == damaged, name
        assert damaged in site.get(f"/batches/{damaged}/explanation")["text"], name
        put_back(app, key, name, before)


def test_notes_of_failed_members(site: Site, app: App, job: Job[..., None]) -> None:
    """What is no note is passed by."""
    batch = app.batch()
    with batch.jobs():
        job.enqueue_many([(1,), (2,)])
    raw(app, "HSET", app.keys("failures", batch.bid), "0", b"junk", "1", b"[]")
    assert site.get(f"/batches/{batch.bid}")["fail_info"] == []
    assert app.batches[batch.bid].to_dict()["fail_info"] == []


@pytest.mark.parametrize("junk", JUNK)
def test_operations(site: Site, app: App, junk: bytes) -> None:
    """A record that is damaged is no operation; nobody performs it, and the others are listed."""
    put(app, "default", write("0" * 24, "default"))
    damaged = app.operations.start("delete", "job:*")
    whole = app.operations.start("delete", "job:nothing")
    key = app.keys("operation", damaged.id)
    for name in ("verb", "state", "as_of", "expect", "step", "done", "started_at"):
        before = raw(app, "HGET", key, name)
        raw(app, "HSET", key, name, junk)
        listed = [one["id"] for one in site.get("/operations")["operations"]]
        assert whole.id in listed, name
        put_back(app, key, name, before)
    raw(app, "HDEL", key, "filter")
    assert [one["id"] for one in site.get("/operations")["operations"]] == [whole.id]
    app.perform(drive(app.keys, damaged.id, "driver", now_ms))
    assert app.queues["default"].size == 1, "it does not say which jobs are meant"
    fields = app.perform(store.read(app.keys, damaged.id))
    assert fields["state"] == "cancelled"
    whole.cancel()


@pytest.mark.parametrize("after", ["junk", "0" * 15, "../etc", "0" * 17])
def test_what_is_no_cursor_of_operations(site: Site, after: str) -> None:
    """It is refused, and not taken for the end of the list."""
    assert site.refused("GET", "/operations", params={"after": after}) == (400, "wrong-request")


def test_trash(site: Site, app: App) -> None:
    """What is no deleted job is passed by, and can't be restored."""
    put(app, "default", write("0" * 24, "default"))
    app.queues["default"].delete("0" * 24)
    for place, junk in enumerate((*JUNK, b"1:queue:x:y:z:a", b"1:nowhere:::1:ab", b"::::::")):
        raw(app, "ZADD", app.keys("trash"), now_ms() * 1000 + place, junk)
    (shown,) = site.get("/trash")["jobs"]
    assert shown["job"]["jid"] == "0" * 24
    assert site.post("/trash:restore-all") == {"count": 1}
    assert site.get("/trash")["jobs"] == []


LISTS: dict[str, tuple[Any, ...]] = {
    "/marks": ("ZADD", "marks", 1),
    "/held": ("SADD", "heldnames"),
    "/metrics/jobs": ("HSET", "totals", "name"),
    "/processes": ("SADD", "processes"),
    "/queues": ("SADD", "queues"),
    "/overview": ("SADD", "paused"),
}


@pytest.mark.parametrize("path", LISTS)
def test_other_lists(site: Site, app: App, path: str) -> None:
    """Names and numbers that are none."""
    command, kind, *words = LISTS[path]
    for junk in JUNK:
        raw(app, command, app.keys(kind), *words, junk)
        site.get(path)
    raw(app, "DEL", app.keys(kind))
