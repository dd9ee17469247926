"""Counts, facets and groups of failures over HTTP: whole, or said not to be; no secrets."""

from __future__ import annotations

import json
from typing import Any

import pytest

from outrider import App
from tests.app.hands import put, write
from tests.app.test_failures import failed, fill
from tests.app.test_search import everywhere, lay
from tests.web.site import API, READER, Site

SECRET = "hunter2hunter2"


@pytest.fixture
def reader(app: App) -> Site:
    """Asked by who may read and nothing else."""
    return Site(app, auth=lambda _: READER)


def test_counting(site: Site, app: App) -> None:
    """How many match, and whether that is all."""
    everywhere(app, 10)
    whole = site.get("/jobs:count")
    assert (whole["count"], whole["is_complete"], whole["next"]) == (70, True, None)
    some = site.get("/jobs:count", filter="job:job state:dead")
    assert (some["count"], some["scanned"], some["total"]) == (10, 10, 10)
    assert site.refused("GET", "/jobs:count", params={"filter": "state:died"})[0] == 400
    assert site.refused("GET", "/jobs:count", params={"after": "x"})[0] == 400
    assert site.refused("GET", "/jobs:count", params={"limit": "5"})[0] == 400


def test_what_is_not_whole_says_so(site: Site, app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """And goes on, with numbers that are to be added."""
    monkeypatch.setattr("outrider.web.api.counting.MOST", 30)
    everywhere(app, 10)
    for path, name in (("/jobs:count", "count"), ("/jobs:facets", "count"), ("/errors", "count")):
        counts, after = [], ""
        while True:
            part = site.get(path, filter="job:job", **({"after": after} if after else {}))
            counts.append(part[name])
            assert part["is_complete"] == (part["next"] is None)
            if part["is_complete"]:
                break
            after = part["next"]
        assert sum(counts) == (20 if path == "/errors" else 70)
        assert len(counts) == (1 if path == "/errors" else 3)


def test_facets(site: Site, app: App) -> None:
    """Values with their numbers, the most frequent first."""
    everywhere(app, 2)
    put(app, "low", write("x", "low"))
    found = site.get("/jobs:facets", filter="state:queued", limit=1)
    assert found["queues"] == {"values": [{"value": "low", "count": 3}], "others": 2}
    assert found["states"] == {"values": [{"value": "queued", "count": 5}], "others": 0}
    assert found["jobs"]["values"] == [{"value": "app.job", "count": 5}]
    assert found["errors"] == {"values": [], "others": 0}


def test_groups_of_failures(site: Site, app: App) -> None:
    """Each with a job and a filter; one by itself by its fingerprint, or a clean 404."""
    fill(app)
    page = site.get("/errors", limit=2)
    assert [one["count"] for one in page["groups"]] == [4, 1]
    assert (page["count"], page["others"], page["is_complete"]) == (7, 2, True)
    late = page["groups"][0]
    assert (late["job"], late["shape"], late["retrying"], late["dead"]) == (
        *("app.job", "no answer in * s"),
        *(3, 1),
    )
    assert late["last"]["jid"] == late["jids"][0]
    assert [one["jid"] for one in site.get("/jobs", filter=late["filter"])["jobs"]] == [
        *("late0", "late1", "late2", "late3")
    ]
    assert site.get("/jobs:count", filter=late["filter"])["count"] == 4
    one = site.get(f"/errors/{late['fingerprint']}")
    assert (one["group"], one["count"]) == (late | {"filter": one["group"]["filter"]}, 4)
    assert site.get("/jobs:count", filter=one["group"]["filter"])["count"] == 4
    begun = site.post("/operations", {"verb": "retry", "filter": late["filter"], "expect": 4})
    assert app.operations[begun["id"]].run().done == 4
    assert site.refused("GET", f"/errors/{late['fingerprint']}") == (404, "not-found")
    assert site.refused("GET", f"/errors/{'0' * 16}") == (404, "not-found")
    assert site.refused("GET", "/errors/x") == (400, "wrong-request")
    key, dead = page["groups"][1]["fingerprint"], {"filter": "state:dead"}
    assert site.get(f"/errors/{key}", **dead)["count"] == 1
    assert site.refused("GET", f"/errors/{key}", params={"filter": "state:retrying"})[0] == 404


def test_what_was_not_looked_at_is_told(
    site: Site, app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A group that was not met may lie further on."""
    monkeypatch.setattr("outrider.web.api.counting.MOST", 5)
    lay(app, "dead", *(write(f"{i}") for i in range(9)), failed("x", "E", "y"))
    answer = site.ask("GET", f"{API}/errors/{'0' * 16}")
    assert "among the 5 that were looked at" in answer.json()["detail"]


def secrets(app: App) -> None:
    """Failures that tell a password, by its name and as an argument that is quoted."""
    for number in range(3):
        fields: dict[str, Any] = {"kwargs": {"password": SECRET}}
        lay(app, "retry", failed(f"a{number}", "AuthError", f"{SECRET} is wrong", **fields))
        lay(app, "dead", failed(f"b{number}", "AuthError", f"password={SECRET}{number}"))


def test_secrets_are_hidden(site: Site, reader: Site, app: App) -> None:
    """From who may not see them, and where nobody has asked for them."""
    secrets(app)
    for one in (site, reader):
        told = one.get("/errors")
        assert SECRET not in json.dumps(told)
        assert {group["shape"] for group in told["groups"]} == {
            "[redacted] is wrong",
            "password=[redacted]",
        }
        for group in told["groups"]:
            assert SECRET not in json.dumps(one.get(f"/errors/{group['fingerprint']}"))
        assert SECRET not in json.dumps(one.get("/jobs:facets"))


def test_secrets_can_not_be_found_out(reader: Site, app: App) -> None:
    """By counting jobs with them, nor by their groups: a group is of what may be seen."""
    secrets(app)
    assert reader.get("/jobs:count", filter=SECRET)["count"] == 0
    assert reader.get("/jobs:count", filter="error:hunter")["count"] == 0
    assert reader.get("/jobs:count", filter="redacted")["count"] == 6
    assert reader.get("/errors", filter="error:hunter")["count"] == 0
    groups = reader.get("/errors")["groups"]
    assert [one["count"] for one in groups] == [3, 3]
    for one in groups:
        assert reader.get("/jobs:count", filter=one["filter"])["count"] == 3
    (raw,) = app.errors(f"error:{SECRET} state:retrying").groups
    assert raw.fingerprint not in {one["fingerprint"] for one in groups}
    assert reader.refused("GET", f"/errors/{raw.fingerprint}")[0] == 404


def test_fewer_are_looked_at_where_they_have_to_be_hidden(
    reader: Site, app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a search."""
    monkeypatch.setattr("outrider.web.api.counting.FEWER", 5)
    everywhere(app, 10)
    for path in ("/jobs:count", "/jobs:facets", "/errors"):
        assert reader.get(path, filter="job:job")["scanned"] == 5
