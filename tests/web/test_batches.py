"""Batches, workers, numbers and metrics over HTTP."""

from __future__ import annotations

from outrider import App
from outrider.clock import now
from outrider.job import Job
from outrider.script import command
from outrider.store import metrics
from tests.app.hands import Hands
from tests.web.site import Site, path_of


def test_a_batch(site: Site, app: App, job: Job[..., None]) -> None:
    """How it stands, its callbacks, what it waits for."""
    batch = app.batch(description="gallery", tags=["a"])
    batch.on("success", "tests.app.conftest.called")
    with batch.jobs():
        job.enqueue_many([(1,), (2,)])
    one = site.get(f"/batches/{batch.bid}")
    assert (one["bid"], one["description"], one["tags"]) == (batch.bid, "gallery", ["a"])
    assert (one["total"], one["pending"], one["percent"]) == (2, 2, 0.0)
    assert one["callbacks"] == [
        {"event": "success", "target": "tests.app.conftest.called", "state": "waiting"}
    ]
    assert "2 jobs" in site.get(f"/batches/{batch.bid}/explanation")["text"]
    (listed,) = site.get("/batches")["batches"]
    assert listed == {name: one[name] for name in listed}


def test_batches_page_by_page(site: Site, app: App, job: Job[..., None]) -> None:
    """Each once, and by state."""
    bids = set()
    for _ in range(5):
        batch = app.batch()
        with batch.jobs():
            job.enqueue(1)
        bids.add(batch.bid)
    page = site.get("/batches", limit=3)
    rest = site.get("/batches", limit=3, after=page["next"])
    assert {one["bid"] for one in page["batches"] + rest["batches"]} == bids
    assert (len(page["batches"]), len(rest["batches"]), rest["next"]) == (3, 2, None)
    assert site.get("/batches", state="dead")["batches"] == []


def test_children(site: Site, app: App, job: Job[..., None]) -> None:
    """The batches inside one, page by page."""
    parent = app.batch()
    with parent.jobs():
        for _ in range(3):
            child = app.batch()
            with child.jobs():
                job.enqueue(1)
    path = f"/batches/{parent.bid}/children"
    page = site.get(path, limit=2)
    rest = site.get(path, limit=2, after=page["next"])
    found = [one["bid"] for one in page["batches"] + rest["batches"]]
    assert found == app.batches[parent.bid].child_bids
    assert {one["parent_bid"] for one in page["batches"]} == {parent.bid}
    assert rest["next"] is None
    assert site.get(f"/batches/{parent.bid}")["children"] == 3


def test_retrying_cancelling_and_deleting(
    site: Site, app: App, job: Job[..., None], hands: Hands
) -> None:
    """What `app.batches` does, with its refusals."""
    batch = app.batch()
    with batch.jobs():
        enqueued = job.enqueue(1)
    assert enqueued is not None
    path = f"/batches/{batch.bid}"
    assert site.refused("POST", f"{path}:delete", json={}) == (409, "batch-unfinished")
    app.queues["default"].kill(enqueued.jid)
    (failed,) = site.get(path)["fail_info"]
    assert (failed["jid"], failed["error_message"]) == (enqueued.jid, "killed by hand")
    assert [one["bid"] for one in site.get("/batches", state="dead")["batches"]] == [batch.bid]
    assert site.post(f"{path}:retry-failed") == {"count": 1}
    site.post(f"{path}:cancel", {"running": True})
    assert site.get(path)["is_cancelled"] is True
    site.post(f"{path}:delete", {"force": True})
    assert site.refused("GET", path) == (404, "not-found")
    for act, body in (("retry-failed", None), ("cancel", {}), ("delete", {})):
        assert site.refused("POST", f"{path}:{act}", json=body) == (404, "not-found")


def test_numbers(site: Site, app: App, job: Job[..., None]) -> None:
    """The overview has all queues; history the days."""
    job.enqueue(1)
    job.using(queue="b").enqueue_in(60, 1)
    app.queues["b"].pause()
    found = site.get("/overview")
    assert (found["enqueued"], found["scheduled"], found["dead"]) == (1, 1, 0)
    assert {"name": "b", "size": 0, "latency": 0.0, "paused": True} in found["queues"]
    days = site.get("/stats/history", days=3)["days"]
    assert [day["processed"] for day in days] == [0, 0, 0]


def test_metrics_and_marks(site: Site, job: Job[..., None]) -> None:
    """Nothing was measured yet; a mark is made once a minute."""
    assert site.get("/metrics/jobs") == {"jobs": []}
    one = site.get("/metrics/jobs/some.job", hours=72)
    assert (one["name"], one["step"], one["points"], one["total"]["count"]) == (
        "some.job",
        3600,
        [],
        0,
    )
    assert len(one["run_times"]) == len(one["bounds"]) + 1
    assert site.get("/metrics/queues", minutes=5) == {"queues": []}
    assert site.post("/marks", {"label": "v1.2"})["label"] == "v1.2"
    assert [mark["label"] for mark in site.get("/marks")["marks"]] == ["v1.2"]
    assert site.refused("POST", "/marks", json={"label": "\n"}) == (400, "wrong-request")


def test_a_queue_that_was_looked_at(site: Site, app: App) -> None:
    """Each time has a point."""
    minute = int(now()) // 60
    app.perform(metrics.sample(app.keys, minute=minute, queues=[("low", 10, 4000)]))
    [one] = site.get("/metrics/queues", minutes=5)["queues"]
    point = {"at": minute * 60.0, "size": 10.0, "largest": 10, "latency": 4.0, "longest": 4.0}
    assert one == {"name": "low", "step": 60, "points": [point]}


def test_nobody_works(site: Site) -> None:
    """Lists are empty, and nobody can be signalled."""
    assert site.get("/processes") == {"processes": []}
    assert site.get("/running") == {"runs": [], "total": 0}
    for act in ("quiet", "stop", "dump"):
        assert site.refused("POST", f"/processes/host:1:abc:{act}") == (404, "not-found")


def test_workers(site: Site, app: App, hands: Hands) -> None:
    """A worker is shown and signalled."""
    (one,) = site.get("/processes")["processes"]
    path = path_of("/processes/{identity}", identity=one["identity"])
    assert site.get(path) == one
    assert one["is_quiet"] is False
    for act, word in (("dump", b"TTIN"), ("quiet", b"TSTP"), ("stop", b"TERM")):
        site.post(f"{path}:{act}")
        left = app.perform(command("LRANGE", f"{one['identity']}-signals", 0, -1, decode=list))
        assert word in left
