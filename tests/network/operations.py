"""Operations on many jobs, and the trash."""

from __future__ import annotations

from typing import Any

from outrider import App
from outrider.script import Call
from outrider.store import life, operation, place, trash
from outrider.store.operation import Aim
from tests.app.hands import NOW, member, put, raw, start, write
from tests.network.case import CALLED, GOES_ON, NOTE, SECONDS, TOLD_ONCE, case, plain

ID = "00000000000000aa"


def begun(app: App, verb: str = "delete") -> Call[Any]:
    """An operation begins."""
    fields: list[str | int] = ["id", ID, "verb", verb, "state", "running", "step", 0]
    return operation.begin(app.keys, id=ID, fields=fields, now=NOW)


def step(app: App, act: str, where: place.Place, *texts: str, ends: str = "") -> Call[Any]:
    """The first step of one that runs."""
    app.perform(begun(app))
    changes = [text[:-1] + ',"changed":1}' if act == "queue" else "" for text in texts]
    pairs = [*zip(texts, changes, strict=True)]
    return operation.operate(
        app.keys,
        id=ID,
        step=0,
        driver="d",
        act=act,
        place=where.kind,
        name=where.name,
        aims=[Aim(len(text), len(new), at, NOTE) for at, (text, new) in enumerate(pairs)],
        payloads="".join(text + new for text, new in pairs).encode(),
        fields=["scanned", 9],
        ends=ends,
        now=NOW,
    )


def trashed(app: App) -> list[int]:
    """Three jobs in the trash, one of them of a batch; their names, the newest first."""
    start(app, 1)
    texts = [*plain(2), member(0)]
    put(app, "default", *plain(2))
    app.perform(step(app, "trash", place.Place("queue", "default"), member(0), *plain(2)))
    raw(app, "DEL", app.keys("operation", ID), app.keys("operating"), app.keys("operations"))
    assert len(texts) == 3
    return [NOW * 1000 + number for number in (2, 1, 0)]


def back(app: App, id: str, ends: str = "") -> Call[Any]:
    """What was deleted is to go back."""
    entries = trashed(app)
    if id:
        app.perform(begun(app, "undo"))
    return trash.restore(
        app.keys,
        id=id,
        step=0,
        driver="d",
        entries=entries,
        fields=["scanned", 3],
        ends=ends,
        now=NOW,
    )


@case("begin")
def _(app: App) -> Call[Any]:
    return begun(app)


@case("halt")
def _(app: App) -> Call[Any]:
    app.perform(begun(app))
    return operation.halt(app.keys, id=ID, now=NOW)


@case("recent")
def _(app: App) -> Call[Any]:
    app.perform(begun(app))
    return operation.recent(app.keys, after="", count=9)


@case("operate", "deletes members of a line, and a callback comes of it")
def _(app: App) -> Call[Any]:
    start(app, 3, create=CALLED)
    put(app, "default", *plain(1))
    where = place.Place("queue", "default")
    return step(app, "trash", where, member(0), member(1), member(2))


@case("operate", "kills what is held, at the end")
def _(app: App) -> Call[Any]:
    raw(app, "LPUSH", app.keys("held", "app.job"), *plain(3))
    raw(app, "SADD", app.keys("heldnames"), "app.job")
    return step(app, "dead", place.Place("held", "app.job"), *plain(3), ends="done")


@case("operate", "retries members of a set")
def _(app: App) -> Call[Any]:
    start(app, 2)
    raw(app, "DEL", app.keys("queue", "default"))
    raw(app, "ZADD", "retry", SECONDS, member(0), SECONDS, write("e" * 24))
    return step(app, "queue", place.Place("retry"), member(0), write("e" * 24))


@case("rummage")
def _(app: App) -> Call[Any]:
    trashed(app)
    return trash.rummage(app.keys, before="+inf", count=2, operation="")


@case("restore", "by hand", again=TOLD_ONCE)
def _(app: App) -> Call[Any]:
    return back(app, "")


@case("restore", "a step of an operation", again="only how the operation stands is looked at")
def _(app: App) -> Call[Any]:
    return back(app, ID, "done")


@case("dispose", again=GOES_ON)
def _(app: App) -> Call[Any]:
    trashed(app)
    return trash.dispose(app.keys, before=NOW + 1, limit=9)


@case("upkeep", "an operation, and an old trash", again="another worker may have been told")
def _(app: App) -> Call[Any]:
    trashed(app)
    app.perform(begun(app))
    return life.upkeep(app.keys, limit=9, since=0, heard=0, now=NOW + 700_000)
