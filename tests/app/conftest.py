"""Fixtures of the tests of what users call: everything is called both ways."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import pytest

from outrider import App
from outrider.job import Job
from tests.app.hands import Hands

T = TypeVar("T")
Body = Callable[[], Any]
Make = Callable[..., Job[..., Any]]


class Way:
    """Calls a method, or its twin with the prefix `a` in an event loop of its own."""

    def __init__(self, app: App, *, is_async: bool) -> None:
        self.app = app
        self.is_async = is_async

    def __call__(self, owner: Any, name: str, /, *args: Any, **kwargs: Any) -> Any:
        if not self.is_async:
            return getattr(owner, name)(*args, **kwargs)
        return loop(self.app, getattr(owner, f"a{name}")(*args, **kwargs))


def loop(app: App, work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in a loop, and close the connections that it made there."""

    async def main() -> T:
        async with closing(app):
            return await work

    return asyncio.run(main())


@asynccontextmanager
async def closing(app: App) -> AsyncIterator[None]:
    """Close the loop's connections at the end."""
    try:
        yield
    finally:
        await app.aclose()


@pytest.fixture(params=["sync", "async"])
def way(request: pytest.FixtureRequest, app: App) -> Way:
    """Both ways to call."""
    return Way(app, is_async=request.param == "async")


def resize(number: int) -> None: ...


def called(status: Any, **options: Any) -> None: ...


@pytest.fixture
def job(app: App) -> Job[..., None]:
    """A job; and the target of all callbacks, registered."""
    app.job(called)
    return app.job(resize)


@pytest.fixture
def hands(app: App) -> Hands:
    """A worker moved by hand."""
    return Hands(app)


@pytest.fixture
def following(app: App) -> Job[..., Any]:
    """What outbox jobs enqueue, on a queue of its own."""

    @app.job(name="following", queue="next")
    def following(number: int = 0) -> None: ...

    return following


@pytest.fixture(params=["def", "async def"])
def outbox(request: pytest.FixtureRequest, app: App) -> Make:
    """Makes an outbox job of code, both kinds."""

    def make(body: Body, **options: Any) -> Job[..., Any]:
        def plain() -> None:
            body()

        async def coroutine() -> None:
            body()

        function = plain if request.param == "def" else coroutine
        return app.job(name="outbox", outbox=True, **options)(function)

    return make
