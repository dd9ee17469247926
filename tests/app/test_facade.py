"""Every name that does input or output has a twin with the prefix `a`, and both are alike."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

import outrider
from outrider import App, Batch, BatchStatus, Process, RunningJob
from outrider.block import Block
from outrider.buffer.buffer import Buffer
from outrider.hold import Hold
from outrider.inspection.batches import Batches
from outrider.inspection.held import Held, HeldNames
from outrider.inspection.processes import Processes
from outrider.inspection.queues import Queue, Queues
from outrider.inspection.server import ServerState
from outrider.inspection.sets import JobSet
from outrider.inspection.stats import Stats
from outrider.inspection.work import Work
from outrider.job import Enqueuer, Job
from outrider.metrics.metrics import Metrics
from outrider.operations.operations import Operation, Operations
from outrider.operations.trash import Trash
from outrider.watching import Events

CLASSES: list[type] = [
    App,
    Job,
    Enqueuer,
    Batch,
    BatchStatus,
    Batches,
    Queue,
    Queues,
    Held,
    HeldNames,
    JobSet,
    Process,
    Processes,
    Work,
    Stats,
    ServerState,
    Operation,
    Operations,
    Trash,
    RunningJob,
    Buffer,
    Metrics,
    Events,
]

COLLECTION = ("size", "page", "find", "delete", "kill", "clear")
PAUSE = ("paused", "pause", "resume")
ENQUEUE = ("enqueue", "enqueue_in", "enqueue_at", "enqueue_many")
TWINS: list[tuple[Any, tuple[str, ...]]] = [
    (App, ("enqueue", "search", "count", "facets", "errors", "perform", "close")),
    (Job, (*ENQUEUE, *PAUSE)),
    (Enqueuer, ENQUEUE),
    (Batch, ("on", "cancel", "invalidate_all")),
    (
        BatchStatus,
        ("refresh", "join", "watch", "pending_jids", "explain", "retry_failed", "delete"),
    ),
    (Batches, ("get", "open", "page", "size")),
    (Queue, (*COLLECTION, *PAUSE, "latency", "read")),
    (Held, (*COLLECTION, *PAUSE)),
    (Queues, ("size",)),
    (HeldNames, ("size", "read")),
    (JobSet, (*COLLECTION, "scan", "retry", "enqueue", "retry_all")),
    (Process, ("quiet", "stop", "dump")),
    (Processes, ("get", "size")),
    (Work, ("find", "size")),
    (Operation, ("refresh", "cancel", "join", "run", "undo")),
    (Operations, ("start", "get", "page")),
    (Trash, ("size", "page", "find", "restore", "restore_all", "empty")),
    (Stats, ("read", "latency", "queues", "history")),
    (ServerState, ("read",)),
    (RunningJob, ("still_mine",)),
    (Buffer, ("flush",)),
    (Metrics, ("jobs", "job", "queues", "queue", "totals", "prometheus", "mark", "marks")),
    (Events, ("watch",)),
    (outrider, ("valid_within_batch",)),
]


def public(kind: type) -> set[str]:
    return {name for name in dir(kind) if not name.startswith("_")}


def pairs() -> list[tuple[type, str]]:
    """All methods that have a twin, found by their names."""
    return [
        (kind, name)
        for kind in CLASSES
        for name in sorted(public(kind))
        if f"a{name}" in public(kind)
    ]


@pytest.mark.parametrize(("owner", "names"), TWINS, ids=lambda value: str(value)[-30:])
def test_both_exist(owner: Any, names: tuple[str, ...]) -> None:
    """What the contract promises in both forms is there in both forms."""
    for name in names:
        assert hasattr(owner, name)
        assert hasattr(owner, f"a{name}")
        assert _is_awaited(getattr(owner, f"a{name}"))


@pytest.mark.parametrize(
    ("kind", "name"), pairs(), ids=[f"{kind.__name__}.{name}" for kind, name in pairs()]
)
def test_both_are_called_alike(kind: type, name: str) -> None:
    """The same parameters, defaults and result; the one waits, the other is awaited."""
    found = inspect.getattr_static(kind, name)
    one: Any = found.fget if isinstance(found, property) else found
    other = getattr(kind, f"a{name}")
    ours, theirs = inspect.signature(one), inspect.signature(other)
    assert ours.parameters == theirs.parameters
    assert ours.return_annotation == theirs.return_annotation.removeprefix("Async")
    assert _is_awaited(other)
    assert not inspect.iscoroutinefunction(one)


def _is_awaited(function: Any) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)


def test_every_twin_is_known_here() -> None:
    """A new pair is checked for its signature, and must be promised above."""
    promised = {(kind, name) for kind, names in TWINS for name in names}
    assert set(pairs()) <= promised


def test_no_coroutine_without_a_twin() -> None:
    """An async method that has no plain form would leave out everybody without a loop."""
    alone = [
        f"{kind.__name__}.{name}"
        for kind in CLASSES
        for name in public(kind)
        if inspect.iscoroutinefunction(inspect.getattr_static(kind, name))
        and name.removeprefix("a") not in public(kind)
    ]
    assert alone == []


def test_context_managers_work_both_ways() -> None:
    """`with` and `async with`; sets are iterated with `for` and `async for`."""
    for name in ("__enter__", "__exit__", "__aenter__", "__aexit__"):
        assert hasattr(Block, name)
        assert hasattr(Hold, name)
    for name in ("__iter__", "__aiter__"):
        kinds = (Batches, Queue, Queues, Held, HeldNames, JobSet, Processes, Work)
        assert all(hasattr(kind, name) for kind in kinds)


def test_everything_public_is_documented() -> None:
    """A name that users may rely on says what it does."""
    silent = [
        f"{kind.__name__}.{name}"
        for kind in CLASSES
        for name in public(kind)
        if not inspect.getdoc(inspect.getattr_static(kind, name))
        and callable(getattr(kind, name, None))
    ]
    assert silent == []


def test_what_is_exported_is_there() -> None:
    """`from outrider import *` gives exactly the promised names."""
    assert sorted(outrider.__all__) == outrider.__all__
    assert all(hasattr(outrider, name) for name in outrider.__all__)
    assert outrider.__version__.count(".") == 2
