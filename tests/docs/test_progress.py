"""The page and the examples of docs/progress.md: what they ask for is what the endpoint gives."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx
from starlette.applications import Starlette

from outrider import App
from outrider.web import batch_status
from tests.app.hands import BID, Hands, start
from tests.web.sites import Site, starlette_site, uvicorn_site

GUIDE = (Path(__file__).parents[2] / "docs" / "progress.md").read_text("utf-8")
(PAGE,) = re.findall(r"```html\n(.*?)```", GUIDE, re.DOTALL)
EXAMPLES = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)


class _Ids(HTMLParser):
    """The ids of a page's elements, and its script."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: dict[str, str] = {}
        self.script = ""
        self.feed(PAGE)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.ids |= {value or "": tag for name, value in attrs if name == "id"}

    def handle_data(self, data: str) -> None:
        if self.lasttag == "script":
            self.script += data


def test_the_page(app: App) -> None:
    """Every element, key and event that its script names is there; it has 30 lines."""
    page = _Ids()
    assert len(PAGE.splitlines()) <= 30
    assert page.ids == {"bar": "progress", "words": "p"}
    assert set(re.findall(r'getElementById\("(\w+)"\)', page.script)) == {*page.ids}
    start(app, 1)
    told = app.batches[BID].to_dict()
    asked = set(re.findall(r"\bbatch\.(\w+)", page.script))
    assert {"percent", "pending", "failures"} <= asked <= {*told}
    # It may close its source with the last event only: a browser tells a closed one nothing more.
    assert re.findall(r'addEventListener\("(\w+)"', page.script) == ["success", "settled"]
    assert page.script.count("source.close()") == 1
    assert 'addEventListener("settled", ({ data }) => {\n    source.close();' in page.script


def test_what_the_page_asks_for(app: App) -> None:
    """The path in its script is that of the mounted example, whose stream moves the bar to 100."""
    (path,) = re.findall(r"new EventSource\(`(.*?)`\)", PAGE)
    path = path.replace("${encodeURIComponent(bid)}", BID)
    names: dict[str, Any] = {"app": app}
    for example in EXAMPLES[:2]:
        exec(example, names)
    start(app, 4)
    Hands(app).work()
    site: Starlette = names["site"]
    with uvicorn_site(site) as served:
        found = httpx.get(served.base + path, timeout=20)
        assert found.status_code == 200
        assert '"percent":100.0' in found.text
        assert "event: settled" in found.text


def test_examples_are_python() -> None:
    """Those for frameworks that are not at hand too."""
    for example in EXAMPLES:
        compile(example, "progress.md", "exec")
    assert len(EXAMPLES) == 5


def test_who_may_look(app: App) -> None:
    """The example of `authorize` is awaited, with what the site has put into the scope."""
    asked: list[tuple[str, object]] = []

    class Galleries:
        async def belongs_to(self, bid: str, user: object) -> bool:
            asked.append((bid, user))
            return False

    names: dict[str, Any] = {"app": app, "galleries": Galleries(), "batch_status": batch_status}
    exec(EXAMPLES[-1], names)

    async def with_session(scope: Any, receive: Any, send: Any) -> None:
        await names["status"](dict(scope, session={"user": 7}), receive, send)

    with starlette_site(app, with_session) as site:
        assert isinstance(site, Site)
        assert site.ask(f"/{BID}.json").status_code == 403
    assert asked == [(BID, 7)]


def test_the_keys(app: App) -> None:
    """The table names each key of the JSON."""
    start(app, 1)
    rows = [line.split("|")[1] for line in GUIDE.splitlines() if line.startswith("| `")]
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert named >= {*app.batches[BID].to_dict()}
