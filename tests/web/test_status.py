"""The status endpoint, answering once: JSON, refusals, who may ask; served by each kind of site."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from outrider import App, ConfigError
from outrider.web import batch_status
from outrider.web.status_answers import Answer, Asked, Rules
from tests.app.hands import BID, Hands, raw, start
from tests.app.test_status import fail
from tests.web.sites import KINDS, Site, serving

# What the contract names.
KEYS = {
    *("bid", "description", "total", "pending", "failures", "dead", "cancelled", "complete"),
    *("success", "settled", "percent", "created_at", "parent_bid", "fail_info"),
}
UNKNOWN = "00aabbccddeeff99"


@pytest.fixture(params=KINDS)
def site(request: pytest.FixtureRequest, app: App) -> Iterator[Site]:
    """Each kind of site."""
    with serving(request.param, app, batch_status(app)) as site:
        yield site


def test_how_a_batch_stands(site: Site, app: App) -> None:
    """All that the contract names, and no more; the same as `to_dict`. No browser guesses at what
    it is (P54).
    """
    start(app, 4, create=["description", "Gallery “7” </script>", "tags", "[]"])
    hands = Hands(app)
    claimed = hands.claim(want=2)
    hands.ack(claimed.first)
    fail(hands, claimed.first + 1, claimed.payloads[1].decode())
    answer = site.ask(f"/{BID}.json")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store, no-transform"
    found = answer.json()
    assert set(found) == KEYS
    assert found == app.batches[BID].to_dict()
    assert (found["total"], found["pending"], found["failures"], found["percent"]) == (4, 3, 1, 25)
    assert found["fail_info"][0]["error_message"] == "boom"


def test_an_unknown_batch(site: Site, app: App) -> None:
    """Never known or expired: JSON that says so (P49)."""
    start(app, 1)
    raw(app, "DEL", *(app.keys(kind, BID) for kind in ("batch", "slots", "batches", "audit")))
    for bid in (UNKNOWN, BID):
        for path in (f"/{bid}.json", f"/{bid}/events"):
            answer = site.ask(path)
            assert (answer.status_code, answer.headers["content-type"]) == (404, "application/json")
            assert answer.json() == {
                "error": f"no batch '{bid}': it never was, has expired, or was deleted"
            }


@pytest.mark.parametrize(
    "path",
    [
        *("/", "/.json", "//events", f"/{BID}", f"/{BID}.html", f"/{BID}/other", "/a.json"),
        *(f"/{BID.upper()}.json", f"/{BID}0/events", "/%00%ff%2e%2e/events", "/batch-*.json"),
    ],
)
def test_what_is_no_batch(site: Site, app: App, path: str) -> None:
    """Is not found, and the server is not asked."""
    start(app, 1)
    answer = site.ask(path)
    assert (answer.status_code, list(answer.json())) == (404, ["error"])


def test_only_reading(site: Site, app: App) -> None:
    """Anything else is refused; HEAD is GET without its body."""
    start(app, 1)
    for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
        answer = site.ask(f"/{BID}.json", method)
        assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")
    for path in (f"/{BID}.json", f"/{BID}/events"):
        answer = site.ask(path, "HEAD")
        assert (answer.status_code, answer.content) == (200, b"")


@pytest.mark.parametrize("kind", KINDS)
def test_the_server_is_away(kind: str) -> None:
    """JSON says so; a stream tells the browser to come again, which it does after a 200 only."""
    app = App("redis://127.0.0.1:1", timeout=0.2)
    with serving(kind, app, batch_status(app)) as site:
        answer = site.ask(f"/{BID}.json")
        assert (answer.status_code, list(answer.json())) == (503, ["error"])
        assert "127.0.0.1:1" not in answer.text, "where the server is, is nobody's business"
        answer = site.ask(f"/{BID}/events")
        assert (answer.status_code, answer.text) == (200, "retry: 5000\n\n")


@pytest.mark.parametrize("kind", KINDS)
def test_who_may_ask(kind: str, app: App) -> None:
    """Whoever may not is not told whether there is such a batch."""
    start(app, 1)
    asked: list[tuple[Any, str]] = []

    def authorize(request: Any, bid: str) -> bool:
        asked.append((request, bid))
        return bid == BID

    with serving(kind, app, batch_status(app, authorize=authorize)) as site:
        assert site.ask(f"/{BID}.json").status_code == 200
        for path in (f"/{UNKNOWN}.json", f"/{UNKNOWN}/events"):
            answer = site.ask(path)
            assert (answer.status_code, list(answer.json())) == (403, ["error"])
        assert site.ask("/nothing.json").status_code == 404
    assert [bid for _, bid in asked] == [BID, UNKNOWN, UNKNOWN]
    assert asked[0][0]["REQUEST_METHOD" if kind == "wsgi" else "method"] == "GET"


def test_an_async_authorize(app: App) -> None:
    """Is awaited under ASGI; under WSGI it would always say yes, so it is an error."""
    start(app, 1)

    async def authorize(request: Any, bid: str) -> bool:
        await asyncio.sleep(0)
        return False

    endpoint = batch_status(app, authorize=authorize)
    with serving("alone", app, endpoint) as site:
        assert site.ask(f"/{BID}.json").status_code == 403
    with pytest.raises(ConfigError, match="plain function"):
        endpoint({"REQUEST_METHOD": "GET", "PATH_INFO": f"/{BID}.json"}, None)


@pytest.mark.parametrize("kind", KINDS)
def test_without_errors(kind: str, app: App) -> None:
    """What exceptions say can be kept back, in events too."""
    start(app, 1)
    hands = Hands(app)
    claimed = hands.claim(want=1)
    fail(hands, claimed.first, claimed.payloads[0].decode(), retry=0)
    with serving(kind, app, batch_status(app, errors=False)) as site:
        found = site.ask(f"/{BID}.json").json()
        assert (found["failures"], found["fail_info"]) == (1, [])
        told = site.told(BID)
        assert [one.data["fail_info"] for one in told] == [[]] * len(told)


def test_no_extra_package() -> None:
    """To mount it, nothing is imported that Outrider does not need anyway."""
    code = (
        "import sys; from outrider import App; from outrider.web import batch_status;"
        "batch_status(App('redis://127.0.0.1:1'));"
        "print([name for name in ('starlette', 'uvicorn', 'anyio') if name in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"


@given(some.text(), some.text(), some.text())
def test_any_request(method: str, path: str, seen: str) -> None:
    """Nothing that can be asked is a reason to fail."""
    rules = Rules(App("redis://127.0.0.1:1"), None, errors=True)
    for end in ("", ".json", "/events"):
        answer = rules.asked(method, path + end, seen)
        assert isinstance(answer, Answer)
        assert answer.status in (404, 405)
    assert isinstance(rules.asked("GET", f"{path}/{BID}.json", seen), Asked)
