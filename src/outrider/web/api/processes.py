"""Workers, and the jobs that run there."""

from __future__ import annotations

from dataclasses import fields
from typing import Annotated

from msgspec import Meta

from outrider.inspection.processes import Described
from outrider.inspection.processes import Process as Found
from outrider.web import views
from outrider.web.endpoint import endpoint
from outrider.web.problems import not_there
from outrider.web.shapes.base import Asked, Done, Limit, seconds
from outrider.web.shapes.places import Process, Processes, Run, Runs
from outrider.web.showing import short
from outrider.web.visit import Visit


class OneProcess(Asked, kw_only=True):
    """A worker by its identity."""

    identity: Annotated[str, Meta(min_length=1, max_length=500)]


class Running(Asked, kw_only=True):
    """How many running jobs to show."""

    limit: Limit = 50


@endpoint("GET", "/processes")
async def processes(visit: Visit) -> Processes:
    """All workers that live, ours and Ruby's, by identity."""
    return Processes(processes=[_process(one) async for one in visit.app.processes])


@endpoint("GET", "/processes/{identity}", problems=(404,))
async def process(visit: Visit, ask: OneProcess) -> Process:
    """One worker."""
    return _process(await _found(visit, ask.identity))


@endpoint("POST", "/processes/{identity}:quiet", needs="processes.signal", problems=(404,))
async def quiet_process(visit: Visit, ask: OneProcess) -> Done:
    """Have a worker take no more jobs; what it has taken it finishes."""
    await (await _found(visit, ask.identity)).aquiet()
    return Done()


@endpoint("POST", "/processes/{identity}:stop", needs="processes.signal", problems=(404,))
async def stop_process(visit: Visit, ask: OneProcess) -> Done:
    """Have a worker stop in good order."""
    await (await _found(visit, ask.identity)).astop()
    return Done()


@endpoint("POST", "/processes/{identity}:dump", needs="processes.signal", problems=(404,))
async def dump_process(visit: Visit, ask: OneProcess) -> Done:
    """Have a worker write its stacks to its log."""
    await (await _found(visit, ask.identity)).adump()
    return Done()


@endpoint("GET", "/running")
async def running(visit: Visit, ask: Running) -> Runs:
    """Jobs that run now, on all workers."""
    runs: list[Run] = []
    async for record in visit.app.work:
        if len(runs) == ask.limit:
            break
        runs.append(views.run(visit, record))
    return Runs(runs=runs, total=await visit.app.work.asize())


async def _found(visit: Visit, identity: str) -> Found:
    process = await visit.app.processes.aget(identity)
    if process is None:
        raise not_there(f"no process {identity!r}: it never was, has stopped, or is dead")
    return process


def _process(found: Found) -> Process:
    shown = {field.name: getattr(found, field.name) for field in fields(Described)}
    for name in ("identity", "hostname", "tag", "version"):
        shown[name] = short(shown[name])
    for name in ("started_at", "beat"):
        shown[name] = seconds(shown[name])
    shown["queues"] = {short(name): weight for name, weight in list(found.queues.items())[:200]}
    shown["labels"] = [short(label) for label in found.labels[:20]]
    return Process(**shown)
