"""Secrets are hidden, sizes bounded, numbers kept; nothing that a job holds makes it fail."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outrider import App
from outrider.hub import Hub
from outrider.ids import member_jid
from outrider.payload import decode
from outrider.script import command
from outrider.web import veil
from outrider.web.showing import HIDDEN, LISTED, Redaction, Show
from outrider.web.veil import sought
from outrider.web.visit import Act
from outrider.worker.outcome import decide
from tests.app.hands import BID, NOW, Hands, start
from tests.web.site import API, READER, Site

SECRET = "hunter2-is-secret"


def login(name: str, password: str, *tokens: str, api_key: str = "", **more: Any) -> None: ...


def bury(app: App, name: str) -> None:
    """A dead job with a secret argument of this name, which its error quotes."""
    job = {"jid": "a1", "class": "x", "queue": "default", "args": [], "kwargs": {name: SECRET}}
    error = {"error_class": "ValueError", "error_message": f"no such user: {SECRET}"}
    payload = json.dumps(job | error | {"failed_at": 1.0})
    app.perform(command("ZADD", "dead", "1", payload, decode=int))


def show(value: Any, words: tuple[str, ...] = (), room: int = LISTED) -> Any:
    return Show(Redaction(words), room).value(value)


@pytest.mark.parametrize(
    "name",
    [
        *("password", "PASSWORD", "user_password", "apiKey", "api-key", "X-Auth-Token", "ssn"),
        *("client_secret", "aws_secret_access_key", "credit card number", "Authorization"),
        "Set-Cookie",
    ],
)
def test_names_of_secrets(name: str) -> None:
    """At any depth, in any spelling."""
    found = show({"a": [{name: SECRET, "b": 1}], name: {"c": SECRET}})
    assert found == {"a": [{name: HIDDEN, "b": 1}], name: HIDDEN}


def test_names_of_no_secrets() -> None:
    """What is like them is shown."""
    plain = {"passenger": 1, "author": "x", "keyboard": "y", "pass": 3, "tok": 4}
    assert show(plain) == plain
    assert show({"plate": "B-AD 1"}, ("plate",)) == {"plate": HIDDEN}


@pytest.mark.parametrize(
    "text",
    [
        f"login failed: password={SECRET}",
        f'{{"api_key": "{SECRET}", "x": 1}}',
        f"{{'token': '{SECRET}'}}",
        f"Authorization: Bearer {SECRET}",
        f"postgres://ann:{SECRET}@db.example/x",
        f"secret => {SECRET}, more",
        f"db_password: {SECRET}",
    ],
)
def test_secrets_in_texts(text: str) -> None:
    """Messages and texts are read for what looks like a secret."""
    found = show(text)
    assert SECRET not in found
    assert HIDDEN in found


def test_what_is_large_is_cut() -> None:
    """A bounded answer, which says that it is one."""
    for value in ("x" * 100_000, ["x"] * 100_000, {f"k{n}": n for n in range(10_000)}):
        one = Show(Redaction(), 100)
        assert len(str(one.value(value))) < 700
        assert one.is_cut
    assert len(str(Show(Redaction(), 1000).value(["x" * 90] * 1000))) < 2000
    deep: Any = "end"
    for _ in range(500):
        deep = [deep]
    one = Show(Redaction(), LISTED)
    assert "…" in str(one.value(deep))
    assert one.is_cut


def test_numbers_that_javascript_would_change_are_texts() -> None:
    """2^53 and beyond lose digits in browsers (O165)."""
    assert show([2**53 - 1, 2**53, -(2**53), True, 1.5]) == [
        2**53 - 1,
        str(2**53),
        str(-(2**53)),
        True,
        1.5,
    ]


@given(st.text(max_size=2000))
def test_any_text_can_be_shown(text: str) -> None:
    """Nothing is a reason to fail."""
    assert isinstance(show(text), str)


def test_hostile_texts_take_no_time() -> None:
    """No text makes the search for secrets slow: 256 KiB of each in seconds, not hours."""
    began = time.monotonic()
    for part in ("a", "token", "token=", 'token="', "password:" + " " * 50, "://a", "bearer ", "_"):
        show(part * (262_144 // len(part)), room=262_144)
    assert time.monotonic() - began < 20


def test_arguments_are_hidden_by_the_names_of_parameters(site: Site, app: App) -> None:
    """Positional arguments have no names on the wire; the job's function knows them (O163)."""
    app.job(name="login")(login)
    app.enqueue("login", ["ann", SECRET, SECRET], {"api_key": SECRET, "note": "x"})
    (job,) = site.get("/queues/default/jobs")["jobs"]
    assert job["args"] == ["ann", HIDDEN, HIDDEN]
    assert job["kwargs"] == {"api_key": HIDDEN, "note": "x"}


def test_messages_are_without_what_is_hidden_of_arguments(site: Site, app: App) -> None:
    """An error that quotes a secret argument is shown without it."""
    bury(app, "pin_token")
    (job,) = site.get("/sets/dead/jobs")["jobs"]
    assert job["error_message"] == f"no such user: {HIDDEN}"
    assert SECRET not in str(site.get("/jobs/a1"))


def test_messages_are_without_any_part_of_what_is_hidden() -> None:
    """Texts inside it, numbers, and one that is the beginning of another."""
    show = Show(Redaction(), LISTED)
    found = show.value(
        {"credentials": {"pin": "12ab", "old": ["12abcd", None, True]}, "cardnumber": 4111111111}
    )
    assert found == {"credentials": HIDDEN, "cardnumber": HIDDEN}
    told = show.words("was 12abcd, is 12ab; card 4111111111 is None or True")
    assert told == f"was {HIDDEN}, is {HIDDEN}; card {HIDDEN} is None or True"


def test_messages_of_a_batch_are_for_who_may_see_all(app: App, hands: Hands) -> None:
    """What they quote of arguments is not known there: the job has them, without that."""
    start(app, 1)
    payload = hands.claim().payloads[0]
    job = json.dumps({**json.loads(payload), "kwargs": {"password": SECRET}}).encode()
    error = ValueError(f"no such user: {SECRET}")
    hands.ack(decide(decode(job), job, hands.seen, error, lambda n: 30.0, NOW))
    jid = member_jid(BID, 0)
    reader, all_rights = Site(app, auth=lambda _: READER), Site(app, allow_anonymous=True)
    for path in (f"/batches/{BID}", f"/batches/{BID}/explanation", f"/jobs/{jid}"):
        assert SECRET not in reader.ask("GET", API + path).text
    [told] = reader.get(f"/batches/{BID}")["fail_info"]
    assert (told["error_class"], told["error_message"]) == ("ValueError", HIDDEN)
    assert reader.get(f"/jobs/{jid}")["error_message"] == f"no such user: {HIDDEN}"
    [told] = all_rights.get(f"/batches/{BID}")["fail_info"]
    assert told["error_message"] == f"no such user: {SECRET}"


def test_revealing_needs_a_right_and_is_noted(app: App) -> None:
    """Who may, asks for it, and the log says so."""
    acts: list[Act] = []
    app.enqueue("x", [], {"password": SECRET})
    site = Site(app, allow_anonymous=True, on_act=acts.append)
    jid = site.get("/jobs")["jobs"][0]["jid"]
    assert site.get(f"/jobs/{jid}")["kwargs"] == {"password": HIDDEN}
    assert acts == []
    assert site.get(f"/jobs/{jid}", reveal="yes")["kwargs"] == {"password": SECRET}
    assert [(act.what, act.on) for act in acts] == [("reveal", {"jid": jid})]
    reader = Site(app, auth=lambda _: READER)
    assert reader.refused("GET", f"/jobs/{jid}?reveal=yes") == (403, "forbidden")


@pytest.mark.parametrize(
    "filter", [SECRET, SECRET[:3], f"arg.password={SECRET}", f"error:{SECRET}", "is-secret"]
)
def test_what_is_hidden_is_not_found(app: App, filter: str) -> None:
    """A search can't be used to guess a secret: neither by finding nor by not finding it (O163)."""
    bury(app, "password")
    reader, all_rights = Site(app, auth=lambda _: READER), Site(app, allow_anonymous=True)
    assert reader.get("/jobs", filter=filter, limit=1)["jobs"] == []
    assert reader.get("/jobs", filter=filter, limit=1)["next"] is None
    assert len(reader.get("/jobs", filter=f"-{filter}")["jobs"]) == 1
    assert len(reader.get("/jobs", filter="job:x user")["jobs"]) == 1
    assert len(all_rights.get("/jobs", filter=filter)["jobs"]) == 1
    assert all_rights.get("/jobs", filter=f"-{filter}")["jobs"] == []


def test_hiding_is_work_too(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """A search that has to hide reads less at a time: a MiB may take a fifth of a second."""
    monkeypatch.setattr("outrider.search.scan.BYTES", 1000)
    monkeypatch.setattr("outrider.search.scan.STRIDE", 1)
    for number in range(20):
        app.enqueue("x", [number])
    reader, all_rights = Site(app, auth=lambda _: READER), Site(app, allow_anonymous=True)
    little, much = (one.get("/jobs", filter="word") for one in (reader, all_rights))
    assert 0 < little["scanned"] < much["scanned"] < 20
    assert reader.get("/jobs", filter="word", after=little["next"])["scanned"] > 0


def test_what_is_never_hidden_takes_no_veil(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """Covering a MiB takes long: not for a job that another term, or all that is asked, tells."""
    bury(app, "password")
    reader = Site(app, auth=lambda _: READER)
    covered: list[bytes] = []

    def shown(hub: Hub, redaction: Redaction, payload: bytes) -> bytes:
        covered.append(payload)
        return b"{}"

    monkeypatch.setattr(veil, "_shown", shown)
    assert len(reader.get("/jobs", filter="job:x state:dead jid:a1")["jobs"]) == 1
    assert reader.get("/jobs", filter="job:y word")["jobs"] == []
    assert covered == []
    assert reader.get("/jobs", filter="job:x word")["jobs"] == []
    assert len(covered) == 1


def test_operations_do_not_tell_what_is_hidden(app: App) -> None:
    """Who may delete, but not see secrets, can't count by them."""
    cleaner = Site(app, allow_anonymous=["read", "jobs.delete"])
    for filter in ("word", "arg.0=5", "error:x", "tag:x"):
        wish = {"verb": "delete", "filter": filter}
        assert cleaner.refused("POST", "/operations", json=wish) == (403, "forbidden")
    plain = "job:a queue:b state:dead -batch:c jid:d attempt:>3 age:>1h before:2026-11-01"
    assert cleaner.post("/operations", {"verb": "delete", "filter": plain})["state"] == "running"
    wish = {"verb": "retry", "filter": plain}
    assert cleaner.refused("POST", "/operations", json=wish) == (403, "forbidden")


def test_filters_of_operations_are_shown_without_secrets(app: App) -> None:
    """Who may see them may act by them; who may only read sees that somebody did."""
    begun = app.operations.start("delete", f"job:x arg.password={SECRET}")
    reader, all_rights = Site(app, auth=lambda _: READER), Site(app, allow_anonymous=True)
    for path in ("/operations", f"/operations/{begun.id}"):
        assert SECRET not in reader.ask("GET", API + path).text
        assert f"job:x arg.password={HIDDEN}" in reader.ask("GET", API + path).text
        assert SECRET in all_rights.ask("GET", API + path).text


def test_a_veiled_filter_matches_as_any_other(app: App) -> None:
    """Where nothing is hidden the two judge alike."""
    from outrider.web.visit import Visit

    visit = Visit(app, READER, Redaction())
    app.enqueue("x", [1, {"a": "b"}], {"note": "Some Words"})
    (record,) = app.queues["default"]
    for filter in ("", "some", '"some words"', "arg.0=1", "arg.note=x", "arg.1.a=b", "-x", "job:x"):
        allowed = Visit(app, READER.__class__("all"), Redaction())
        assert sought(visit, filter).matches(record) == sought(allowed, filter).matches(record)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"nonsense",
        b"\xff\xfe",
        b"[]",
        b"null",
        b"[" * 5000,
        b'{"jid":5}',
        b'{"jid":"' + b"j" * 5000 + b'","class":"' + b"c" * 5000 + b'","args":[]}',
        b'{"jid":"a","class":"x","args":{},"kwargs":[],"tags":"x","bid":7,"created_at":"x"}',
        b'{"jid":"a","class":"x","args":[1e400]}',
        b'{"jid":"a","class":"x","args":[' + b"9" * 5000 + b"]}",
        b'{"jid":"a","class":"<script>alert(1)</script>","args":["\\u0000\\u202e"]}',
        b'{"jid":"a","class":"x","args":' + b"[" * 300 + b"]" * 300 + b"}",
        b'{"jid":"a","class":"x","created_at":1e300,"failed_at":-1e300,"enqueued_at":true}',
    ],
)
def test_whatever_lies_there_is_shown(site: Site, app: App, payload: bytes) -> None:
    """Lists, searches and the like never fail for what others have written, and stay small."""
    app.perform(command("LPUSH", "queue:default", payload, decode=int))
    app.perform(command("SADD", "queues", "default", decode=int))
    app.perform(command("ZADD", "retry", "5", payload, decode=int))
    for path in ("/queues/default/jobs", "/sets/retries/jobs", "/jobs", "/overview", "/queues"):
        answer = site.ask("GET", f"/api/v1{path}")
        assert answer.status_code == 200, answer.text
        assert len(answer.content) < 20_000
        assert answer.headers["content-type"] == "application/json"
    (job,) = site.get("/queues/default/jobs")["jobs"]
    assert job["size"] == len(payload)


@given(st.text(max_size=50), st.text(max_size=50))
def test_what_may_hide_nothing_hides_nothing(name: str, text: str) -> None:
    """The quick look at a payload's bytes never passes what the slow one would hide."""
    payload = json.dumps({"class": "x", "args": [text], "kwargs": {name: text}}).encode()
    redaction = Redaction(["plate"])
    if not redaction.may_hide(payload):
        assert not redaction.hides(name)
        assert redaction.text(text) == text


@pytest.mark.parametrize("text", ["basic abcdefgh", "x://a:b@c", "API-key=5", "number_plate: 7"])
def test_what_may_be_hidden_is_looked_at(text: str) -> None:
    """Each kind of secret in texts, and the words of one's own."""
    redaction = Redaction(["plate"])
    assert redaction.text(text) != text
    assert redaction.may_hide(json.dumps({"args": [text]}).encode())
