"""Requests and answers: what is read, what is refused, and where it is mounted."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from outrider import App
from outrider.job import Job
from outrider.web import create_app
from tests.app.conftest import closing, loop
from tests.web.site import API, Site


@pytest.mark.parametrize(
    "path",
    [
        "/me?x=1",
        "/overview?limit=1",
        "/queues/x/jobs?limits=1",
        "/queues/x/jobs?limit=0",
        "/queues/x/jobs?limit=201",
        "/queues/x/jobs?limit=x",
        "/queues/x/jobs?limit=1&limit=2",
        "/queues/x/jobs?name=y",
        "/queues/x/jobs?after=nonsense",
        "/queues/x/jobs?after=%ff",
        "/batches/nonsense",
        "/batches/" + "A" * 16,
        "/jobs?filter=nonsense:x",
        "/jobs?filter=%22",
        "/metrics/jobs?minutes=481",
        "/metrics/jobs?minutes=5&hours=5",
        "/operations/x",
        "/jobs/x?reveal=maybe",
    ],
)
def test_what_there_is_not_is_refused(site: Site, path: str) -> None:
    """Unknown and wrong parameters are 400, never ignored."""
    assert site.refused("GET", path) == (400, "wrong-request")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/nowhere", 404),
        ("/me/", 404),
        ("/batches/" + "0" * 16, 404),
        ("/jobs/x", 404),
        ("/processes/x", 404),
        ("/operations/" + "0" * 16, 404),
    ],
)
def test_what_is_not_there_is_not_found(site: Site, path: str, status: int) -> None:
    """In the same form as all problems."""
    assert site.refused("GET", path) == (status, "not-found")


def test_a_wrong_method_says_which_there_are(site: Site) -> None:
    """405, with the methods in Allow."""
    answer = site.ask("POST", f"{API}/me")
    assert answer.status_code == 405
    assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD"}
    assert site.refused("DELETE", "/queues/x") == (405, "method-not-allowed")
    assert site.refused("GET", "/trash:empty") == (405, "method-not-allowed")


@pytest.mark.parametrize(
    ("body", "media", "expected"),
    [
        (b"{}", "text/plain", (415, "wrong-media-type")),
        (b"{}", "", (415, "wrong-media-type")),
        (b"", "", (404, "not-found")),
        (b"", "text/plain", (415, "wrong-media-type")),
        (b"{", "application/json", (400, "wrong-request")),
        (b"", "application/json", (400, "wrong-request")),
        (b"[]", "application/json", (400, "wrong-request")),
        (b'{"running": 1}', "application/json", (400, "wrong-request")),
        (b'{"unknown": true}', "application/json", (400, "wrong-request")),
        (b"\xff", "application/json", (400, "wrong-request")),
        (b"[" * 100_000, "application/json", (400, "wrong-request")),
        (b" " * (1 << 20) + b"{}", "application/json", (413, "too-large")),
    ],
)
def test_bodies_are_read_with_care(
    site: Site, body: bytes, media: str, expected: tuple[int, str]
) -> None:
    """What is no JSON of the right form, or too much of it, is refused."""
    path = f"/batches/{'0' * 16}:cancel"
    headers = {"content-type": media} if media else {}
    assert site.refused("POST", path, content=body, headers=headers) == expected


def test_who_posts_nothing_lacks_what_is_needed(site: Site) -> None:
    """An empty body is one without fields."""
    assert site.refused("POST", "/marks") == (400, "wrong-request")


def test_a_path_that_there_is_not_leads_to_those_there_are(site: Site) -> None:
    """Also the root of the API, where people look first."""
    for path in ("", "/", "/nothing"):
        answer = site.ask("GET", API + path)
        assert (answer.status_code, "/openapi.json" in answer.json()["detail"]) == (404, True)


def test_a_client_that_leaves_is_no_fault(
    site: Site, app: App, caplog: pytest.LogCaptureFixture
) -> None:
    """In the middle of its body: nothing is done, and the log has no traceback for it."""
    scope = {
        "type": "http",
        "method": "POST",
        "path": f"{API}/marks",
        "query_string": b"",
        "headers": [(b"host", b"127.0.0.1"), (b"content-type", b"application/json")],
        "client": ("127.0.0.1", 5000),
    }
    come = iter([{"type": "http.request", "body": b'{"la', "more_body": True}])
    sent: list[Any] = []

    async def receive() -> Any:
        return next(come, {"type": "http.disconnect"})

    async def send(message: Any) -> None:
        sent.append(message)

    loop(app, site.asgi(scope, receive, send))
    assert sent[0]["status"] == 400
    assert caplog.records == []
    assert app.metrics.marks() == []


def test_an_answer_that_is_known_has_no_body(site: Site) -> None:
    """Each GET has an ETag, which is another as soon as anything is."""
    path = f"{API}/queues"
    first = site.ask("GET", path)
    tag = first.headers["etag"]
    for known in (tag, f'"x", W/{tag}', "*"):
        again = site.ask("GET", path, headers={"if-none-match": known})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert site.ask("GET", path, headers={"if-none-match": '"x"'}).status_code == 200
    site.app.enqueue("x")
    again = site.ask("GET", path, headers={"if-none-match": tag})
    assert again.status_code == 200
    assert again.headers["etag"] != tag


def test_what_was_not_foreseen_is_told_without_its_words(
    site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """500 says nothing of the inside; the log has it all."""

    async def fail() -> None:
        raise RuntimeError("the inside")

    monkeypatch.setattr(site.app.stats, "aread", fail)
    answer = site.ask("GET", f"{API}/overview")
    assert answer.status_code == 500
    assert "inside" not in answer.text
    assert "the inside" in caplog.text


def test_a_server_that_is_away_is_told_at_once(url: str) -> None:
    """503 with Retry-After; the health says nothing of the address."""
    site = Site(App("redis://127.0.0.1:1", timeout=0.1), allow_anonymous=True)
    answer = site.ask("GET", f"{API}/queues")
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"
    assert site.refused("GET", "/health") == (503, "store-unavailable")
    assert "127.0.0.1" not in site.ask("GET", f"{API}/health").text


def test_it_works_below_any_path(app: App, job: Job[..., None]) -> None:
    """Mounted, with parameters in the path of that, and behind a prefix of the server (O164)."""
    job.enqueue(1)
    inner = create_app(app, allow_anonymous=True, allowed_hosts=["*"])
    for root, below, host in (
        ("", "/a/x/jobs", Starlette(routes=[Mount("/a/{tenant}/jobs", inner)])),
        ("/a/x/jobs", "/a/x/jobs", inner),
        ("/b", "/b/a/x/jobs", Starlette(routes=[Mount("/a/x/jobs", inner)])),
    ):
        asyncio.run(_below(app, host, root, below))


async def _below(app: App, host: Any, root: str, below: str) -> None:
    transport = httpx.ASGITransport(host, root_path=root)
    async with (
        closing(app),
        httpx.AsyncClient(transport=transport, base_url="http://test") as client,
    ):
        queue = await client.get(f"{below}{API}/queues/default")
        assert queue.json()["size"] == 1
        described = (await client.get(f"{below}{API}/openapi.json")).json()
        assert described["servers"] == [{"url": below + API}]
        bare = await client.get(below)
        assert bare.is_redirect
        front = await client.get(bare.headers["location"])
        assert f'href="{below}{API}/openapi.json"' in front.text
        begun = await client.post(
            f"{below}{API}/operations", json={"verb": "delete", "filter": "state:dead"}
        )
        assert begun.status_code == 202
        assert begun.headers["location"] == f"{below}{API}/operations/{begun.json()['id']}"
        assert (await client.get(begun.headers["location"])).json()["verb"] == "delete"


def test_without_starlette_it_says_what_to_install() -> None:
    """The endpoint of batches needs nothing; the application says what it needs."""
    code = (
        "import sys; sys.modules['starlette'] = None\n"
        "from outrider.web import batch_status\n"
        "try:\n    from outrider.web import create_app\n"
        "except ModuleNotFoundError as error:\n    print(error)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "the web application needs starlette: pip install 'outrider[web]'\n"
