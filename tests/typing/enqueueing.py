"""How jobs look to a type checker: what is wrong here must stay an error (see test_mypy.py)."""

from __future__ import annotations

from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, assert_type

from outrider import App, EnqueuedJob
from outrider.job import Enqueuer, Job

app = App("redis://h")


@app.job
def resize(image_id: int, width: int = 640, *, fast: bool = False) -> str:
    return f"{image_id} {width} {fast}"


@app.job(queue="low", retry=5, expires_in=timedelta(hours=1), tags=["a"])
def publish(gallery: str) -> None: ...


@app.job
async def crawl(url: str) -> bytes:
    return url.encode()


def plain_calls() -> None:
    """A job is still the function that it was."""
    assert_type(resize(1), str)
    assert_type(resize(1, width=2, fast=True), str)
    coroutine: Coroutine[Any, Any, bytes] = assert_type(crawl("u"), Coroutine[Any, Any, bytes])
    coroutine.close()
    resize("x")  # type: ignore[arg-type]
    resize()  # type: ignore[call-arg]
    resize(1, fast=1)  # type: ignore[arg-type]
    publish(b"x")  # type: ignore[arg-type]
    crawl(5).close()  # type: ignore[arg-type]


async def awaited_call() -> None:
    """An async job is awaited like its function."""
    assert_type(await crawl("u"), bytes)


def enqueue() -> None:
    """The parameters are those of the function."""
    assert_type(resize.enqueue(1), EnqueuedJob | None)
    assert_type(resize.enqueue(1, 2, fast=True), EnqueuedJob | None)
    assert_type(crawl.enqueue("u"), EnqueuedJob | None)
    assert_type(publish.enqueue(gallery="g"), EnqueuedJob | None)
    resize.enqueue("x")  # type: ignore[arg-type]
    resize.enqueue()  # type: ignore[call-arg]
    resize.enqueue(1, 2, True)  # type: ignore[call-arg]
    resize.enqueue(1, colour="red")  # type: ignore[call-arg]
    publish.enqueue(5)  # type: ignore[arg-type]
    crawl.enqueue(5)  # type: ignore[arg-type]


async def aenqueue() -> None:
    """The same for asyncio."""
    assert_type(await resize.aenqueue(1, fast=True), EnqueuedJob | None)
    assert_type(await crawl.aenqueue("u"), EnqueuedJob | None)
    await resize.aenqueue("x")  # type: ignore[arg-type]
    await resize.aenqueue()  # type: ignore[call-arg]
    await crawl.aenqueue(url=5)  # type: ignore[arg-type]


def later() -> None:
    """A time goes first, and the function's parameters follow."""
    when = datetime(2030, 1, 1, tzinfo=UTC)
    assert_type(resize.enqueue_in(60, 1), EnqueuedJob | None)
    assert_type(resize.enqueue_in(timedelta(days=1), 1, fast=True), EnqueuedJob | None)
    assert_type(resize.enqueue_at(when, 1), EnqueuedJob | None)
    resize.enqueue_in(60, "x")  # type: ignore[arg-type]
    resize.enqueue_in("60", 1)  # type: ignore[arg-type]
    resize.enqueue_in(60)  # type: ignore[call-arg]
    resize.enqueue_at(60, 1)  # type: ignore[arg-type]
    resize.enqueue_at(when, "x")  # type: ignore[arg-type]


async def alater() -> None:
    """The same for asyncio."""
    when = datetime(2030, 1, 1, tzinfo=UTC)
    assert_type(await resize.aenqueue_in(60, 1), EnqueuedJob | None)
    assert_type(await crawl.aenqueue_at(when, "u"), EnqueuedJob | None)
    await resize.aenqueue_in(60, "x")  # type: ignore[arg-type]
    await resize.aenqueue_at("now", 1)  # type: ignore[arg-type]


def many() -> None:
    """Tuples of arguments; the ids, None for what was vetoed."""
    assert_type(resize.enqueue_many([(1,), (2, 3)]), list[str | None])
    assert_type(resize.enqueue_many((n,) for n in range(3)), list[str | None])
    resize.enqueue_many([1, 2])  # type: ignore[list-item]
    resize.enqueue_many(5)  # type: ignore[arg-type]


def using() -> None:
    """Other options, the same parameters."""
    changed = resize.using(queue="bulk", retry=3)
    assert_type(changed.enqueue(1, fast=True), EnqueuedJob | None)
    assert_type(changed.enqueue_in(60, 1), EnqueuedJob | None)
    changed.enqueue("x")  # type: ignore[arg-type]
    changed.enqueue_in(60)  # type: ignore[call-arg]
    resize.using("bulk")  # type: ignore[call-arg]


async def ausing() -> None:
    """The same for asyncio."""
    assert_type(await crawl.using(queue="a").aenqueue("u"), EnqueuedJob | None)
    await crawl.using(queue="a").aenqueue(5)  # type: ignore[arg-type]


def options() -> None:
    """The decorator knows its options."""
    app.job(queue=5)  # type: ignore[call-overload]
    app.job(retry="often")  # type: ignore[call-overload]
    app.job(quue="a")  # type: ignore[call-overload]
    app.job(backoff=lambda n: n * 2.0)
    app.job(backoff=5)  # type: ignore[call-overload]
    app.job(log_arguments=True)
    app.job(log_arguments=["image_id"])
    app.job(log_arguments=5)  # type: ignore[call-overload]


def takes_jobs(job: Job[[str], None], changed: Enqueuer[[str]]) -> None:
    """A job can be handed on as what it is."""
    job.enqueue("x")
    changed.enqueue("x")


takes_jobs(publish, publish.using(queue="a"))
takes_jobs(resize, publish)  # type: ignore[arg-type]


def by_name() -> None:
    """Without the code nothing is known of the parameters, but of the result."""
    assert_type(app.enqueue("some.job", [1], {"a": 2}, queue="low"), EnqueuedJob | None)
    app.enqueue("some.job", 5)  # type: ignore[arg-type]
    app.enqueue(resize)  # type: ignore[arg-type]
    done = app.enqueue("some.job")
    done.jid  # type: ignore[union-attr]  # noqa: B018
    if done is not None:
        assert_type(done.jid, str)
        assert_type(done.at, float | None)
        done.jid = "x"  # type: ignore[misc]
