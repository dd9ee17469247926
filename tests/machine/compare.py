"""Compares the server with the model, all of it, after each step."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any

from outrider.status import BatchStatus
from tests.machine.model import EVENTS, SETS, STATES, WORKERS, Batch
from tests.machine.moves import Model
from tests.machine.stage import Stage, payloads, read
from tests.simulator.world import Snapshot, snapshot

DAY = 86_400
SLACK = 120
Stamps = dict[tuple[str, str], datetime]


def same(what: str, model: Any, server: Any) -> None:
    """The model and the server agree."""
    assert model == server, f"{what}: the model says {model!r}, the server {server!r}"


def compare(stage: Stage, model: Model, stamps: Stamps) -> Snapshot:
    """Everything; what was read comes back."""
    now = snapshot(stage.wire)
    _places(model, now)
    for batch in model.batches.values():
        status = stage.app.batches[batch.bid]
        _numbers(batch, status)
        _events(batch, status, stamps)
        _slots(batch, now)
        _lives(batch, now)
    _lists(model, now)
    return now


def _places(model: Model, now: Snapshot) -> None:
    """Every job lies where it should, once for each time that it was pushed."""
    found = Counter(read(raw, place) for place, raw in payloads(now))
    for copy, times in model.copies.items():
        if copy.place in SETS and 1 <= found[copy] < times:
            model.copies[copy] = found[copy]  # of equal bytes a set keeps one
    same("where jobs lie", +model.copies, found)


def _numbers(batch: Batch, status: BatchStatus) -> None:
    of, number = f"of {batch.bid}", batch.number
    failing = {one.name for one in batch.members if one.state in ("failing", "dead")}
    pending = failing | {one.name for one in batch.members if one.state == "waiting"}
    total = len(batch.members)
    same(f"total {of}", total, status.total)
    same(f"pending {of}", len(pending), status.pending)
    same(f"failures {of}", len(failing), status.failures)
    same(f"dead {of}", number("dead"), status.dead)
    same(f"cancelled members {of}", number("cancelled"), status.cancelled)
    percent = (total - len(pending)) / total * 100 if total else 100.0
    same(f"percent {of}", percent, status.percent)
    same(f"pending jids {of}", pending, set(status.pending_jids(1000)))
    same(f"failure info {of}", failing, {failed.jid for failed in status.failure_info})
    dead = {one.name for one in batch.members if one.state == "dead"}
    same(f"dead jobs {of}", dead, {failed.jid for failed in status.dead_jobs})
    same(f"whether {batch.bid} is cancelled", batch.cancelled, status.is_cancelled)
    same(f"parent {of}", batch.parent and batch.parent.bid, status.parent_bid)
    same(f"children {of}", sorted(child.bid for child in batch.children), status.child_bids)


def _events(batch: Batch, status: BatchStatus, stamps: Stamps) -> None:
    """What has fired, each at one time for ever, and how the callbacks stand."""
    for event in EVENTS:
        at = getattr(status, f"{event}_at")
        same(f"whether {event} of {batch.bid} has fired", event in batch.fired, at is not None)
        flag = {"complete": status.is_complete, "success": status.is_success}
        flag |= {"death": status.is_dead, "settled": status.is_settled}
        same(f"is_{event} of {batch.bid}", at is not None, flag[event])
        if at is not None:
            same(f"time of {event} of {batch.bid}", stamps.setdefault((batch.bid, event), at), at)
    assert batch.fired >= {"settled", "complete"} or "success" not in batch.fired
    assert "complete" in batch.fired or "settled" not in batch.fired
    callbacks = Counter((one.event, one.target, one.state) for one in batch.callbacks)
    same(f"callbacks of {batch.bid}", callbacks, Counter(tuple(one) for one in status.callbacks))


def _slots(batch: Batch, now: Snapshot) -> None:
    """The states of the members, each where its number is, and how many are in each."""
    slots = now.slots.get(batch.bid, b"")
    nibbles = [half for byte in slots for half in (byte >> 4, byte & 15)]
    states = {f"{batch.bid}{number:08x}": state for number, state in enumerate(nibbles) if state}
    expected = {one.name: STATES.index(one.state) + 1 for one in batch.members}
    same(f"states of the members of {batch.bid}", expected, states)
    counts = Counter(states.values())
    fields = now.batches[batch.bid]
    found = {state: int(fields.get(f"s{state}", 0)) for state in range(1, 9)}
    same(f"counts of {batch.bid}", {state: counts[state] for state in range(1, 9)}, found)


def _lives(batch: Batch, now: Snapshot) -> None:
    """A time to live where nothing can move any more, and there alone."""
    for kind in ("batch", "slots", "kids", "failures"):
        ttl = now.ttl.get(f"o:{kind}:{batch.bid}")
        if ttl is None:
            continue
        if not batch.counts_settled:
            same(f"time to live of {kind} of {batch.bid}", -1, ttl)
            continue
        life = DAY if batch.counts_succeeded else 180 * DAY
        assert life - SLACK <= ttl <= life, f"{kind} of {batch.bid} lives for {ttl} s, not {life}"


def _lists(model: Model, now: Snapshot) -> None:
    """What the server lists besides."""
    listed = {bid.decode() for bid in now.scored("o:batches")}
    unsettled = {batch.bid for batch in model.batches.values() if "settled" not in batch.fired}
    resting = {batch.bid for batch in model.batches.values() if batch.counts_settled}
    assert unsettled <= listed <= set(model.batches) - resting, f"not settled: {listed}"
    holds = Counter(word.decode().partition(":")[0] for word in now.scored("o:holds"))
    held = {batch.bid: len(batch.holds) for batch in model.batches.values() if batch.holds}
    same("holds", held, dict(holds))
    cancelling = {bid.decode() for bid in now.scored("o:cancelling")}
    same("cancelling under way", {batch.bid for batch in model.undone}, cancelling)
    assert {identity for identity, _ in now.claims} <= set(WORKERS)
