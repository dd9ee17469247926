"""Who is let in, from where, and what answers carry."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from outrider import App
from outrider.errors import ConfigError
from outrider.web import auth, create_app
from outrider.web.api import ENDPOINTS
from outrider.web.principals import Principal
from outrider.web.visit import Act
from tests.web.site import API, EVERY_NAME, READER, Site, path_of

TOKEN = "t0ken-" + "x" * 20
BEARER = {"authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def not_tested(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if pytest did not run."""
    monkeypatch.delenv("PYTEST_VERSION")


@pytest.mark.usefixtures("not_tested")
@pytest.mark.parametrize("one", ENDPOINTS, ids=lambda one: f"{one.method} {one.path}")
def test_others_are_refused_until_it_is_said(app: App, one: object) -> None:
    """Without `auth` and `allow_anonymous` all but the health is refused, and told why (O162)."""
    site = Site(app)
    endpoint = next(each for each in ENDPOINTS if each is one)
    path = path_of(endpoint.path, **{name: EVERY_NAME[name] for name in endpoint.in_path})
    more: dict[str, Any] = {"json": {}} if endpoint.body else {}
    answer = site.ask(endpoint.method, API + path, peer="192.0.2.7", **more)
    if endpoint.needs is None:
        assert answer.status_code == 200
    else:
        assert answer.status_code == 403
        assert "allow_anonymous=True" in answer.json()["detail"]


HERE = [
    ("127.0.0.1", {}, 200),
    ("::1", {}, 200),
    ("192.0.2.7", {}, 403),
    ("", {}, 403),
    ("127.0.0.1", {"X-Forwarded-For": "192.0.2.7"}, 403),
    ("127.0.0.1", {"Forwarded": "for=192.0.2.7"}, 403),
    ("127.0.0.1", {"X-Real-IP": "192.0.2.7"}, 403),
    ("127.0.0.1", {"Via": "1.1 proxy"}, 403),
    ("127.0.0.1", {"Host": "evil.example"}, 421),
]


@pytest.mark.usefixtures("not_tested")
@pytest.mark.parametrize(("peer", "headers", "status"), HERE, ids=str)
def test_this_machine_may_ask(app: App, peer: str, headers: dict[str, str], status: int) -> None:
    """Directly, and by its own name: behind a proxy everybody would be here (O162)."""
    answer = Site(app).ask("GET", f"{API}/me", peer=peer, headers=headers)
    assert answer.status_code == status


@pytest.mark.usefixtures("not_tested")
def test_a_part_of_a_site_is_closed(app: App) -> None:
    """Who runs the site may have put it behind anything."""
    site = Site(app)
    site.asgi = Starlette(routes=[Mount("/jobs", app=create_app(app))])
    assert site.ask("GET", f"/jobs{API}/me").status_code == 403
    assert site.ask("GET", f"/jobs{API}/health").status_code == 200


def test_under_pytest_it_is_open(app: App) -> None:
    """Users' tests need no settings, whatever host their client names."""
    assert Site(app, base="http://testserver").get("/me")["name"] == "anonymous"


def test_under_pytest_what_is_said_counts(app: App) -> None:
    """With an auth, nobody else is let in there either."""
    site = Site(app, auth=auth.bearer({TOKEN: READER}))
    assert site.refused("GET", "/me") == (401, "unknown")


@pytest.mark.usefixtures("not_tested")
@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:7433", 200),
        ("localhost", 200),
        ("LOCALHOST:1", 200),
        ("[::1]:7433", 200),
        ("evil.example", 421),
        ("127.0.0.1.evil.example", 421),
        ("evil.example:7433", 421),
        ("", 421),
    ],
)
def test_without_auth_only_this_machines_names_are_answered(
    app: App, host: str, status: int
) -> None:
    """A page whose name was made to lead here (DNS rebinding) reads nothing."""
    site = Site(app, allow_anonymous=True)
    assert site.ask("GET", f"{API}/me", headers={"host": host}).status_code == status


def test_hosts_may_be_named(app: App) -> None:
    """`allowed_hosts` are names, or all below one."""
    site = Site(app, allow_anonymous=True, allowed_hosts=["jobs.example", "*.jobs.example"])
    for host, status in (("jobs.example", 200), ("a.jobs.example:8", 200), ("xjobs.example", 421)):
        assert site.ask("GET", f"{API}/me", headers={"host": host}).status_code == status


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ({}, True),
        ({"sec-fetch-site": "same-origin"}, True),
        ({"sec-fetch-site": "none"}, True),
        ({"sec-fetch-site": "cross-site"}, False),
        ({"sec-fetch-site": "same-site"}, False),
        ({"sec-fetch-site": "same-origin", "origin": "http://evil.example"}, True),
        ({"origin": "http://127.0.0.1:7433"}, True),
        ({"origin": "http://127.0.0.1:1"}, False),
        ({"origin": "http://evil.example"}, False),
        ({"origin": "null"}, False),
        ({"origin": ""}, False),
    ],
)
def test_pages_of_other_sites_change_nothing(
    site: Site, app: App, headers: dict[str, str], allowed: bool
) -> None:
    """Each browser says where a request comes from; what is no browser says nothing (O161)."""
    answer = site.ask("POST", f"{API}/queues/x:pause", headers=headers)
    assert answer.status_code == (200 if allowed else 403)
    assert app.queues["x"].paused is allowed


def test_every_answer_has_the_headers(site: Site) -> None:
    """Policy, no sniffing, no store: of pages, data and refusals alike."""
    for path in ("/", f"{API}/me", "/nowhere", f"{API}/batches/{'0' * 16}"):
        headers = site.ask("GET", path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
        assert len(headers["x-request-id"]) == 24


def test_bearer_tokens(app: App) -> None:
    """A program is known by its token, and by nothing like it."""
    site = Site(app, auth=auth.bearer({TOKEN: READER}))
    ask = f"{API}/me"
    assert site.ask("GET", ask, headers=BEARER).json() == {
        "name": "reader",
        "permissions": ["read"],
    }
    for wrong in ("", TOKEN, f"Bearer {TOKEN}x", "Bearer ", f"Basic {TOKEN}", "Bearer \xff"):
        answer = site.ask("GET", ask, headers={"authorization": wrong.encode("latin-1")})
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")
    with pytest.raises(ConfigError, match="16 characters"):
        auth.bearer({"short": READER})


def test_basic_passwords(app: App) -> None:
    """A browser's dialogue: the name, and a password that is kept as a hash only."""
    kept = auth.hash_password("grüße:x")
    assert "grüße" not in kept
    site = Site(app, auth=auth.basic({"ann": (kept, ["read", "jobs.retry"])}))
    for _ in range(2):  # the second time it is known already
        answer = site.ask("GET", f"{API}/me", auth=("ann", "grüße:x"))
        assert answer.json() == {"name": "ann", "permissions": ["jobs.retry", "read"]}
    for credentials in (("ann", "grüße"), ("bob", "grüße:x"), ("", ""), ("ann", "")):
        answer = site.ask("GET", f"{API}/me", auth=credentials)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Basic")
    for wrong in (b"Basic", b"Basic !!", b"Basic /w==", b"Basic \xff"):
        answer = site.ask("GET", f"{API}/me", headers={"authorization": wrong})
        assert answer.status_code == 401
    with pytest.raises(ConfigError, match="hash_password"):
        auth.basic({"ann": ("plain password", ["read"])})


def test_a_trusted_proxy_says_who_it_is(app: App) -> None:
    """Its header is believed from its address only."""
    site = Site(app, auth=auth.proxy("X-User", peers=["10.0.0.0/8"], permissions=["read"]))
    said = {"x-user": "ann"}
    assert site.ask("GET", f"{API}/me", peer="10.1.2.3", headers=said).json()["name"] == "ann"
    assert site.ask("GET", f"{API}/me", peer="10.1.2.3").status_code == 401
    assert site.ask("GET", f"{API}/me", peer="11.1.2.3", headers=said).status_code == 401
    twice = [("x-user", "ann"), ("x-user", "bob")]
    assert site.ask("GET", f"{API}/me", peer="10.1.2.3", headers=twice).status_code == 401
    with pytest.raises(ConfigError, match="peers"):
        auth.proxy("X-User", peers=["nonsense"])


def test_several_ways_to_be_known(app: App) -> None:
    """The first that knows anybody counts; a function of one's own may be a coroutine."""

    async def own(scope: auth.Scope) -> Principal | None:
        return Principal("own") if auth.header(scope, "x-own") else None

    site = Site(
        app, auth=auth.first_of(auth.bearer({TOKEN: READER}), own), allow_anonymous=["read"]
    )
    assert site.get("/me") == {"name": "anonymous", "permissions": ["read"]}
    assert site.ask("GET", f"{API}/me", headers=BEARER).json()["name"] == "reader"
    assert site.ask("GET", f"{API}/me", headers={"x-own": "1"}).json()["name"] == "own"


@pytest.mark.parametrize("answer", [True, False, "ann"])
def test_an_auth_that_says_no_principal(
    app: App, answer: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Lets nobody in, and the log says what it has to return."""
    site = Site(app, auth=lambda _: answer, allow_anonymous=True)
    assert site.refused("GET", "/me") == (500, "failed")
    assert f"a Principal or None, not {type(answer).__name__}" in caplog.text


def test_a_wrong_permission_is_refused_at_once(app: App) -> None:
    """A word that is no permission would allow nothing, silently."""
    with pytest.raises(ConfigError, match=r"jobs\.retyr"):
        create_app(app, allow_anonymous=["jobs.retyr"])
    with pytest.raises(ConfigError, match="no permission"):
        Principal("x", "everything")


def test_lists_are_no_texts(app: App) -> None:
    """A single text would be taken for its letters: no host would fit, and all names be hidden."""
    with pytest.raises(ConfigError, match="allowed_hosts must be a list of texts"):
        create_app(app, allowed_hosts="x.example")
    with pytest.raises(ConfigError, match="redact must be a list"):
        create_app(app, redact="plate")


def test_what_is_done_and_refused_is_logged(app: App, caplog: pytest.LogCaptureFixture) -> None:
    """A line each in the log, and an Act for a hook: who, what, on what, and the outcome."""
    acts: list[Act] = []
    site = Site(app, auth=auth.bearer({TOKEN: READER}), allow_anonymous=True, on_act=acts.append)
    with caplog.at_level(logging.INFO, "outrider.web"):
        site.post("/queues/a%0Ab:pause")
        site.refused("POST", "/queues/x:clear", headers=BEARER)
        site.get("/queues")
    assert [(act.who, act.what, act.outcome) for act in acts] == [
        ("anonymous", "pause_queue", "done"),
        ("reader", "clear_queue", "forbidden"),
    ]
    assert [act.on for act in acts] == [{"name": "a\nb"}, {"name": "x"}]
    lines = [record.getMessage() for record in caplog.records if record.name == "outrider.web"]
    assert len(lines) == 2
    assert "done: pause_queue name=a\ufffdb by anonymous from 127.0.0.1" in lines[0]


def test_a_hook_that_fails_hurts_nobody(app: App, caplog: pytest.LogCaptureFixture) -> None:
    """What was done stays done, and is answered so."""

    def fail(act: Act) -> None:
        raise RuntimeError("the hook")

    Site(app, allow_anonymous=True, on_act=fail).post("/queues/x:pause")
    assert app.queues["x"].paused
    assert "the hook" in caplog.text


@pytest.mark.usefixtures("not_tested")
def test_who_must_be_known_may_use_any_host(app: App) -> None:
    """Hosts are limited only where somebody unknown is let in."""
    foreign = {"host": "jobs.example"}
    site = Site(app, auth=auth.bearer({TOKEN: READER}))
    assert site.ask("GET", f"{API}/me", headers=foreign | BEARER).status_code == 200
    site = Site(app, auth=auth.bearer({TOKEN: READER}), allow_anonymous=["read"])
    assert site.ask("GET", f"{API}/me", headers=foreign | BEARER).status_code == 421
