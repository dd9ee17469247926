"""Jobs over HTTP: lists, one job, acts on one, operations, the trash."""

from __future__ import annotations

from typing import Any

import pytest

from outrider import App
from outrider.job import Job
from outrider.script import command
from outrider.web.principals import Principal
from tests.app.hands import Hands, put, write
from tests.web.site import API, Site, path_of


def jids(found: dict[str, Any]) -> list[str]:
    return [job["jid"] for job in found["jobs"]]


def test_a_queue_page_by_page(site: Site, job: Job[..., None]) -> None:
    """The pages hold all jobs once, in their order; the cursor is for URLs."""
    expected = job.enqueue_many([(number,) for number in range(7)])
    found: list[str] = []
    after: dict[str, str] = {}
    while True:
        page = site.get("/queues/default/jobs", limit=3, **after)
        found += jids(page)
        assert len(page["jobs"]) <= 3
        if page["next"] is None:
            break
        after = {"after": page["next"]}
    assert found == expected


def test_cursors_of_long_ids(site: Site, app: App) -> None:
    """Others' ids may be long: pages go on all the same."""
    for number in range(30):
        payload = f'{{"jid":"{number:064}","class":"x","args":[{number}]}}'
        app.perform(command("LPUSH", "queue:default", payload, decode=int))
    page = site.get("/queues/default/jobs", limit=20)
    rest = site.get("/queues/default/jobs", limit=20, after=page["next"])
    assert [one["args"] for one in page["jobs"] + rest["jobs"]] == [[n] for n in range(30)]


def test_sets_and_one_job(site: Site, job: Job[..., None]) -> None:
    """A job is shown where it lies, with its arguments."""
    later = job.enqueue_in(60, 42)
    assert later is not None
    (listed,) = site.get("/sets/scheduled/jobs")["jobs"]
    one = site.get(f"/jobs/{later.jid}")
    assert listed == one
    assert (one["jid"], one["args"], one["state"]) == (later.jid, [42], "scheduled")
    assert (one["at"], one["is_readable"], one["is_cut"]) == (later.at, True, False)
    assert site.get("/sets/dead/jobs") == {"jobs": [], "next": None}


def test_acts_on_one_job(site: Site, app: App, job: Job[..., None]) -> None:
    """Kill, retry, delete and restore: the job goes from place to place, and no other with it."""
    first, second = (job.enqueue_in(60, number) for number in range(2))
    assert first is not None
    assert second is not None
    one = f"/jobs/{first.jid}"
    assert site.post(f"{one}:kill") == {"count": 1}
    assert [record.jid for record in app.dead] == [first.jid]
    assert site.post(f"{one}:retry") == {"count": 1}
    assert [record.jid for record in app.queues["default"]] == [first.jid]
    assert site.refused("POST", f"{one}:retry") == (409, "not-waiting")
    assert site.post(f"{one}:delete") == {"count": 1}
    assert app.queues["default"].size == 0
    (trashed,) = site.get("/trash")["jobs"]
    assert (trashed["job"]["jid"], trashed["place"]) == (first.jid, "queue default")
    assert site.post(f"/trash/{first.jid}:restore") == {"count": 1}
    assert [record.jid for record in app.queues["default"]] == [first.jid]
    assert [record.jid for record in app.scheduled] == [second.jid]
    for act in ("retry", "delete", "kill"):
        assert site.refused("POST", f"/jobs/nobody:{act}") == (404, "not-found")
    assert site.refused("POST", "/trash/nobody:restore") == (404, "not-found")


def test_one_job_is_looked_for_far(
    site: Site, job: Job[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Further than one search reads; what is not found so far is told so."""
    monkeypatch.setattr("outrider.search.scan.BYTES", 1)
    monkeypatch.setattr("outrider.search.scan.STRIDE", 5)
    last = job.enqueue_many([(n,) for n in range(45)])[-1]
    found = jids(site.get("/queues/default/jobs"))
    assert last == found[-1]
    assert site.get(f"/jobs/{found[39]}")["jid"] == found[39]
    detail = site.ask("GET", f"{API}/jobs/{last}").json()["detail"]
    assert detail == f"no job {last!r} lies anywhere or runs among the first 40"


def test_what_runs_is_told(site: Site, hands: Hands, job: Job[..., None]) -> None:
    """A running job can't be moved: it is told so, and stays."""
    enqueued = job.enqueue(1)
    assert enqueued is not None
    hands.claim()
    assert site.refused("POST", f"/jobs/{enqueued.jid}:delete")[0] in (404, 409)


def test_searching(site: Site, job: Job[..., None]) -> None:
    """A filter finds jobs wherever they lie, page by page, and says how far it looked."""
    job.enqueue_many([(number,) for number in range(5)])
    job.using(tags=["late"]).enqueue_in(60, 7)
    assert len(site.get("/jobs")["jobs"]) == 6
    assert [one["args"] for one in site.get("/jobs", filter="arg.0=3")["jobs"]] == [[3]]
    assert [one["args"] for one in site.get("/jobs", filter="tag:late")["jobs"]] == [[7]]
    page = site.get("/jobs", filter="state:queued", limit=2)
    rest = site.get("/jobs", filter="state:queued", limit=50, after=page["next"])
    assert [one["args"] for one in page["jobs"] + rest["jobs"]] == [[n] for n in range(5)]
    assert rest["next"] is None
    assert rest["total"] == 5


def test_an_operation_and_its_undo(site: Site, app: App, job: Job[..., None]) -> None:
    """Begun once for a key, performed by anyone, looked at, undone."""
    job.enqueue_many([(number,) for number in range(5)])
    wish = {"verb": "delete", "filter": "state:queued", "expect": 5}
    begun = site.post("/operations", wish, **{"Idempotency-Key": "once"})
    again = site.post("/operations", wish, **{"Idempotency-Key": "once"})
    assert again["id"] == begun["id"]
    assert (begun["state"], begun["by"]) == ("running", "anonymous")
    other = {"json": wish | {"verb": "kill"}, "headers": {"Idempotency-Key": "once"}}
    assert site.refused("POST", "/operations", **other) == (409, "key-used")
    app.operations[begun["id"]].run()
    done = site.get(f"/operations/{begun['id']}")
    assert (done["state"], done["matched"], done["done"]) == ("done", 5, 5)
    undo = site.post(f"/operations/{begun['id']}:undo")
    app.operations[undo["id"]].run()
    assert app.queues["default"].size == 5
    listed = site.get("/operations")["operations"]
    assert [one["id"] for one in listed] == [undo["id"], begun["id"]]
    assert site.refused(
        "POST", "/operations", json=wish, headers={"Idempotency-Key": "a key with blanks"}
    ) == (400, "wrong-request")


def test_keys_are_of_one_person(app: App) -> None:
    """Whatever he is called: the same key of another is another key."""
    wish = {"verb": "delete", "filter": "state:queued"}
    begun = set()
    for name, key in (("ann", "x:y"), ("ann:x", "y"), ("x:ann", "y"), ("ann", "x:y")):
        person = Principal(name)
        site = Site(app, auth=lambda _, person=person: person)
        begun.add(site.post("/operations", wish, **{"Idempotency-Key": key})["id"])
    assert len(begun) == 3


def test_an_operation_is_cancelled(site: Site, app: App, job: Job[..., None]) -> None:
    """Nothing more is done then."""
    job.enqueue(1)
    begun = site.post("/operations", {"verb": "kill", "filter": "job:*"})
    assert site.post(f"/operations/{begun['id']}:cancel")["state"] == "cancelled"
    assert app.operations[begun["id"]].run().done == 0
    assert app.queues["default"].size == 1


def test_emptying_the_trash(site: Site, app: App, job: Job[..., None]) -> None:
    """For good; or all back."""
    jids = job.enqueue_many([(number,) for number in range(4)])
    for jid in jids:
        app.queues["default"].delete(str(jid))
    assert site.post("/trash:restore-all") == {"count": 4}
    for jid in jids:
        app.queues["default"].delete(str(jid))
    assert site.post("/trash:empty") == {"count": 4}
    assert site.get("/trash") == {"jobs": [], "next": None}


@pytest.mark.parametrize("name", ["plain", "a/b", "a/jobs/b", "a:pause", "é €", "a?b#c%d"])
def test_queues_of_any_name(site: Site, app: App, name: str) -> None:
    """Others may have pushed to a queue of any name: it is looked at and paused as well."""
    assert site.get(path_of("/queues/{name}", name=name))["size"] == 0
    site.post(path_of("/queues/{name}:pause", name=name))
    assert app.queues[name].paused
    assert site.get(path_of("/queues/{name}", name=name))["paused"]
    site.post(path_of("/queues/{name}:resume", name=name))
    assert not app.queues[name].paused


@pytest.mark.parametrize("name", ["a/jobs", "a:pause", "..", ".", "é €", "~2e2e", "\n", "plain"])
def test_names_that_a_path_can_not_hold(site: Site, app: App, name: str) -> None:
    """Spelt in digits any name has an address, and all that others have."""
    put(app, name, write("0" * 24, name))
    path = f"/queues/~{name.encode().hex()}"
    assert site.get(path)["name"] == name
    assert [one["jid"] for one in site.get(f"{path}/jobs")["jobs"]] == ["0" * 24]
    site.post(f"{path}:pause")
    assert app.queues[name].paused
    assert site.post(f"{path}:clear") == {"count": 1}


@pytest.mark.parametrize("name", ["~", "~2", "~xy", "~2e2", "2e2e", "a~2e2e"])
def test_names_that_are_spelt_as_they_are(site: Site, name: str) -> None:
    """What is not all digits after its `~` is itself."""
    assert site.get(path_of("/queues/{name}", name=name))["name"] == name


def test_clearing_a_queue(site: Site, app: App, job: Job[..., None]) -> None:
    """All that waits there is deleted, and nothing elsewhere."""
    job.enqueue_many([(number,) for number in range(3)])
    job.using(queue="other").enqueue(1)
    assert site.post("/queues/default:clear") == {"count": 3}
    assert [(one["name"], one["size"]) for one in site.get("/queues")["queues"]] == [
        ("default", 0),
        ("other", 1),
    ]


def test_paused_names(site: Site, app: App, job: Job[..., None]) -> None:
    """A job's name is paused, what is held is listed."""
    site.post(path_of("/held/{name}:pause", name=job.name))
    assert app.held[job.name].paused
    (held,) = site.get("/held")["names"]
    assert held == {"name": job.name, "held": 0, "paused": True}
    assert site.get(path_of("/held/{name}/jobs", name=job.name))["jobs"] == []
    site.post(path_of("/held/{name}:resume", name=job.name))
    assert site.get("/held") == {"names": []}
