"""Somebody brings back the dead of a batch, and hurries what waits for a retry."""

from __future__ import annotations

from outrider.store.place import Place
from tests.simulator.messages.places import lying
from tests.simulator.messages.reviving import Bringback, Seek, belongs
from tests.simulator.operations.places import deliver
from tests.simulator.operations.producers import some_bid
from tests.simulator.operations.table import operation
from tests.simulator.payloads import read, retried
from tests.simulator.simulation import Simulation


@operation(2, calm=4)
def retry_failed(sim: Simulation) -> None:
    """All of one batch that a set holds; now and then somebody else's are named too."""
    where = Place(sim.rng.choice(("retry", "dead", "dead")))
    texts = lying(sim.before, where)
    jobs = [read(text) for text in texts]
    bids = [one[0] for job in jobs for one in (job.member, job.callback) if one]
    bid = sim.rng.choice(bids) if bids else some_bid(sim)
    if bid is None:
        return
    if sim.chance(0.3):
        sim.send(Seek(where, bid))
    strict = sim.chance(0.6)
    pairs = [
        (text.decode(), (sim.chance(0.5) and retried(text)) or text.decode())
        for text, job in zip(texts, jobs, strict=True)
        if belongs(job, bid) or (job.readable and not strict)
    ]
    deliver(sim, Bringback(where, bid, pairs[:100], sim.clock()))
