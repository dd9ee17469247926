"""The onions around enqueueing and running."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import ExitStack
from dataclasses import replace

import pytest

from outrider.context import RunningJob
from outrider.middleware import EnqueueMiddleware, Middleware, Push
from outrider.payload import Draft, Job


def draft() -> Draft:
    return Draft("app.job", [], {}, "default")


def note(seen: list[str], name: str) -> EnqueueMiddleware:
    def layer(draft: Draft, push: Push) -> Draft | None:
        seen.append(f"{name} in")
        result = push(draft)
        seen.append(f"{name} out")
        return result

    return layer


def test_the_first_registered_is_the_outermost() -> None:
    """Layers nest as they are registered, around the innermost step."""
    seen: list[str] = []
    middleware = Middleware()
    for name in ("a", "b"):
        middleware.enqueue(note(seen, name))

    def innermost(draft: Draft) -> Draft:
        seen.append("push")
        return draft

    one = draft()
    assert middleware.through(one, innermost) is one
    assert seen == ["a in", "b in", "push", "b out", "a out"]


def test_without_layers_the_innermost_is_all() -> None:
    """No middleware, no detour."""
    one = draft()
    assert Middleware().through(one, lambda draft: draft) is one


def test_a_layer_may_change_the_draft_and_add_fields() -> None:
    """What a layer does to the draft is what the next one and the innermost see."""
    middleware = Middleware()

    @middleware.enqueue
    def tenant(draft: Draft, push: Push) -> Draft | None:
        draft.queue = "bulk"
        draft.extra["tenant"] = 7
        return push(draft)

    @middleware.enqueue
    def other(draft: Draft, push: Push) -> Draft | None:
        assert draft.queue == "bulk"
        return push(replace(draft, queue="other"))

    found = middleware.through(draft(), lambda draft: draft)
    assert found is not None
    assert (found.queue, found.extra) == ("other", {"tenant": 7})


def test_a_veto_stops_the_chain() -> None:
    """A layer that does not push is a veto: nothing inside it is called."""
    middleware = Middleware()
    seen: list[str] = []
    middleware.enqueue(note(seen, "outer"))
    middleware.enqueue(lambda draft, push: None)
    middleware.enqueue(note(seen, "inner"))
    assert middleware.through(draft(), lambda draft: draft) is None
    assert seen == ["outer in", "outer out"]


def test_an_error_of_a_layer_goes_to_the_caller() -> None:
    """Middleware that fails makes the enqueueing fail, it is never passed over."""
    middleware = Middleware()

    @middleware.enqueue
    def fails(draft: Draft, push: Push) -> Draft | None:
        raise RuntimeError("no tenant")

    with pytest.raises(RuntimeError, match="no tenant"):
        middleware.through(draft(), lambda draft: draft)


def run(middleware: Middleware, seen: list[str], error: Exception | None = None) -> None:
    job = RunningJob(None, Job("j", "app.job", []), 1, "h:1:a:0")
    with ExitStack() as stack:
        for layer in middleware.around(job):
            stack.enter_context(layer)
        seen.append("job")
        if error is not None:
            raise error


def running_layers(seen: list[str]) -> Middleware:
    middleware = Middleware()

    @middleware.run
    def outer(job: RunningJob) -> Generator[None, None, None]:
        seen.append(f"outer in {job.jid}")
        try:
            yield
        finally:
            seen.append("outer out")

    @middleware.run
    def inner(job: RunningJob) -> Generator[None, None, None]:
        seen.append("inner in")
        try:
            yield
        except KeyError as error:
            seen.append(f"inner saw {error}")
            raise
        seen.append("inner out")

    return middleware


def test_run_middleware_nests_around_the_job() -> None:
    """The first registered is entered first and left last."""
    seen: list[str] = []
    run(running_layers(seen), seen)
    assert seen == ["outer in j", "inner in", "job", "inner out", "outer out"]


def test_run_middleware_sees_the_errors_of_the_job() -> None:
    """An error of the job is raised at the yield, and goes on outwards."""
    seen: list[str] = []
    middleware = running_layers(seen)
    with pytest.raises(KeyError):
        run(middleware, seen, KeyError("x"))
    assert seen == ["outer in j", "inner in", "job", "inner saw 'x'", "outer out"]


def test_each_run_has_layers_of_its_own() -> None:
    """A generator is used up by one run, so every run gets new ones."""
    seen: list[str] = []
    middleware = running_layers(seen)
    run(middleware, seen)
    run(middleware, seen)
    assert seen.count("job") == 2
