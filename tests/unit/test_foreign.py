"""Whatever a payload says: it has an outcome that can be reported, and only jobs run."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from outrider import App
from outrider.payload import GROWTH
from outrider.store import queue
from outrider.store.queue import Other
from outrider.worker.calling import Prepared
from outrider.worker.parking import Outcome
from outrider.worker.perform import Performer

LIMIT = 1 << 16
app = App("redis://localhost:1", max_payload=LIMIT)
ran: list[Any] = []


@app.job(name="known")
def known(*args: Any, **kwargs: Any) -> None:
    ran.append(args)


@app.job(name="failing", backoff=lambda n: 1.0)
def failing(*args: Any, **kwargs: Any) -> None:
    raise ValueError("no")


@app.job(name="unprintable")
def unprintable(*args: Any, **kwargs: Any) -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no text")

    raise Mute


@app.job(name="typed")
def typed(number: int = 0, *, items: dict[str, int] | None = None) -> None: ...


PERFORMER = Performer(app, "host:1:ab:1")
KNOWN = ["known", "failing", "unprintable", "typed"]


@pytest.fixture(autouse=True)
def _silent() -> Iterator[None]:
    logging.getLogger("outrider").propagate = False
    yield
    logging.getLogger("outrider").propagate = True


def perform(payload: bytes) -> Outcome:
    """What a child's thread does with a claimed payload; the outcome as it is reported."""
    prepared = PERFORMER.prepare(payload, 7)
    outcome = PERFORMER.run(prepared) if isinstance(prepared, Prepared) else prepared
    others = [outcome] if isinstance(outcome, Other) else []
    owner = {"identity": "host:1:ab", "child": "1"}
    queue.ack(app.keys, **owner, request=1, now=0, day="", done=[], others=others, batches=1)
    return outcome


TEXTS = st.text(max_size=12) | st.sampled_from(
    ["\n", "\x1b[2J", "\0", "a" * 5000, "{x}", '"', "\\"]
)
NUMBERS = st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
FIELDS = st.fixed_dictionaries(
    {"jid": TEXTS, "class": st.sampled_from(KNOWN) | TEXTS, "args": st.lists(VALUES, max_size=3)},
    optional={
        "queue": TEXTS,
        "kwargs": st.none() | st.dictionaries(TEXTS, VALUES, max_size=2),
        "retry": st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1),
        "retry_count": st.none() | st.integers(-(2**63), 2**63 - 1),
        "retry_for": NUMBERS,
        "failed_at": NUMBERS,
        "timeout": NUMBERS,
        "blamed": st.none() | st.lists(NUMBERS, max_size=3),
        "timed_out": NUMBERS,
        "created_at": NUMBERS,
        "tags": st.lists(TEXTS, max_size=2),
        "forgotten": st.booleans(),
        "log_arguments": VALUES,
        "x": VALUES,
    },
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(fields=FIELDS, odd=st.dictionaries(st.sampled_from(["jid", "queue", "cb"]), VALUES))
def test_any_payload_has_an_outcome(fields: dict[str, Any], odd: dict[str, Any]) -> None:
    """Of any fields: nothing is raised, since that would cost a thread, or the whole child."""
    if odd.get("cb") is not None:
        fields["class"] = "no.callback"  # a known one would ask the server for its batch
    outcome = perform(json.dumps({**fields, **odd}, ensure_ascii=False).encode())
    assert isinstance(outcome, int | Other)
    assert isinstance(outcome, int) or outcome.kind in ("dead", "gone", "retry")


NOT_TO_BE_READ = {
    "a number of 5,000 digits": b"9" * 5000,
    "NaN": b"NaN",
    "infinity": b"1e999",
    "a lone surrogate": b'"\\ud800"',
    "invalid UTF-8": b'"\xff"',
    "nested 100,000 deep": b"[" * 100_000 + b"]" * 100_000,
}


@pytest.mark.parametrize("name", KNOWN[:2])
@pytest.mark.parametrize("field", ["args", "kwargs", "x"])
@pytest.mark.parametrize("value", NOT_TO_BE_READ.values(), ids=NOT_TO_BE_READ)
def test_what_json_can_not_carry(value: bytes, field: str, name: str) -> None:
    """In arguments and in fields of others: to the dead set as it is, or the job runs; no error."""
    fields = {"args": b"[]", "kwargs": b"{}", "x": b"0"}
    fields[field] = {"args": b"[%s]", "kwargs": b'{"a":%s}', "x": b"%s"}[field] % value
    rest = b",".join(b'"%s":%s' % (key.encode(), text) for key, text in fields.items())
    before = len(ran)
    outcome = perform(b'{"jid":"a","class":"%s","queue":"low",%s}' % (name.encode(), rest))
    if field == "x" and outcome != Other("dead", 7):
        return  # a number of another program's own field is no affair of ours
    assert outcome == Other("dead", 7)
    assert len(ran) == before


def test_a_job_that_is_too_large_is_not_run() -> None:
    """The limit of the app holds for what others push, with room for what retries add."""
    text = '{"jid":"a","class":"known","queue":"low","args":["%s"]}'
    before = len(ran)
    assert perform((text % ("x" * LIMIT)).encode()) == 7
    assert perform((text % ("x" * (LIMIT + GROWTH))).encode()) == Other("dead", 7)
    assert perform((text % ("x" * 100_000_000)).encode()) == Other("dead", 7)
    assert len(ran) == before + 1


# -- only what is registered ----------------------------------------------------------------------

imported: list[str] | None = None


def _note(event: str, details: tuple[Any, ...]) -> None:
    if imported is not None and event in ("import", "exec", "compile", "open", "os.system"):
        imported.append(f"{event} {details[0]}")


sys.addaudithook(_note)


@contextmanager
def watched() -> Iterator[list[str]]:
    """What is imported, compiled, opened or started meanwhile."""
    global imported  # noqa: PLW0603  (an audit hook can't be taken away)
    found: list[str] = []
    imported = found
    yield found
    imported = None


SEEN = set(sys.stdlib_module_names) - set(sys.modules)
WORDS = st.sampled_from(
    sorted(SEEN | {"os", "system", "popen", "builtins", "eval", "__init__", ""})
)
NAMES = st.builds(
    lambda parts, mark: mark.join(parts),
    st.lists(WORDS, min_size=1, max_size=4),
    st.sampled_from(".:/"),
)


def _named(name: str, cb: str | None) -> bytes:
    fields = {"jid": "a", "class": name, "queue": "low", "args": ["touch pwned"], "kwargs": {}}
    return msgspec.json.encode(fields | ({} if cb is None else {"cb": cb}))


@settings(max_examples=300, deadline=None)
@given(name=NAMES, cb=st.sampled_from([None, "00aabbccddeeff11:success:0", "os:system:0"]))
def test_a_name_is_never_imported(name: str, cb: str | None) -> None:
    """Dotted names of modules and functions, as jobs and as callbacks: nothing is loaded or run."""
    PERFORMER.prepare(_named("os.system", None), 1)  # whatever is loaded at the first failure
    with watched() as found:
        outcome = PERFORMER.prepare(_named(name, cb), 7)
    assert found == []
    assert isinstance(outcome, Other)
    assert b"UnknownJob" in outcome.payload.encode()


def test_an_import_would_be_noticed() -> None:
    """The test above can fail: this very watch sees a module that is loaded."""
    with watched() as found:
        __import__(min(SEEN - {"antigravity", "this"}))
    assert found != []
