"""Queues, and jobs that are paused by their name."""

from __future__ import annotations

from itertools import islice

from outrider.web import views
from outrider.web.endpoint import endpoint
from outrider.web.shapes.base import Done, Named, PagedByName
from outrider.web.shapes.jobs import JobPage
from outrider.web.shapes.places import HeldName, Names, Queue, Queues
from outrider.web.showing import short
from outrider.web.visit import Visit

MOST = 200


@endpoint("GET", "/queues")
async def queues(visit: Visit) -> Queues:
    """All queues, by name."""
    found = await visit.app.stats.aread()
    return Queues(queues=views.queues(found))


@endpoint("GET", "/queues/{name}")
async def queue(visit: Visit, ask: Named) -> Queue:
    """One queue, whether anything was ever pushed to it or not."""
    return views.queue(ask.name, await visit.app.queues[ask.name].aread())


@endpoint("GET", "/queues/{name}/jobs")
async def queue_jobs(visit: Visit, ask: PagedByName) -> JobPage:
    """Jobs of a queue, the one to be taken first at first."""
    return await views.page(visit, visit.app.queues[ask.name], ask)


@endpoint("POST", "/queues/{name}:pause", needs="queues.pause")
async def pause_queue(visit: Visit, ask: Named) -> Done:
    """Let workers take no jobs from a queue; what they have goes on."""
    await visit.app.queues[ask.name].apause()
    return Done()


@endpoint("POST", "/queues/{name}:resume", needs="queues.pause")
async def resume_queue(visit: Visit, ask: Named) -> Done:
    """Let workers take jobs from a queue again."""
    await visit.app.queues[ask.name].aresume()
    return Done()


@endpoint("POST", "/queues/{name}:clear", needs="queues.clear")
async def clear_queue(visit: Visit, ask: Named) -> Done:
    """Delete all jobs that wait there now, for good; their batches are told."""
    return Done(count=await visit.app.queues[ask.name].aclear())


@endpoint("GET", "/held")
async def held(visit: Visit) -> Names:
    """Jobs that are paused by their name, or for which jobs are held: the first 200."""
    found = await visit.app.held.aread()
    return Names(
        names=[
            HeldName(name=short(name), held=one.size, paused=one.paused)
            for name, one in islice(found.items(), MOST)
        ]
    )


@endpoint("GET", "/held/{name}/jobs")
async def held_jobs(visit: Visit, ask: PagedByName) -> JobPage:
    """Jobs that are held because their name is paused, the oldest first."""
    return await views.page(visit, visit.app.held[ask.name], ask)


@endpoint("POST", "/held/{name}:pause", needs="queues.pause")
async def pause_name(visit: Visit, ask: Named) -> Done:
    """Let workers run no jobs of this name, wherever they lie."""
    await visit.app.held[ask.name].apause()
    return Done()


@endpoint("POST", "/held/{name}:resume", needs="queues.pause")
async def resume_name(visit: Visit, ask: Named) -> Done:
    """Let workers run jobs of this name again; what is held goes first."""
    await visit.app.held[ask.name].aresume()
    return Done()
