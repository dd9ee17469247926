"""What must hold after every step; each check is a query over a snapshot, or over two."""

from __future__ import annotations

from collections import Counter

import msgspec

from outrider.ids import EVENTS
from tests.simulator.messages.base import same
from tests.simulator.model import DEAD, FAILING, OPEN, STEP, WAITING, Model
from tests.simulator.payloads import read
from tests.simulator.world import DAY, Snapshot, Violation, kept, pairs

_SETS = ("schedule", "retry", "dead")
_LIFELESS = {
    *("o:clock", "o:tokens", "o:leases", "o:moving", "o:interrupts", "o:deaths"),
    *("o:batches", "o:holds", "o:cancelling", "o:audit", "o:cancelled", "o:paused", "o:held"),
    *("o:operations", "o:operating", "o:trash"),
    "o:totals",
}
DAYS = 86_400
SLACK = 60
_BITS = {"complete": 1, "success": 2, "settled": 4}
_PAIRS = [(byte >> 4, byte & 15) for byte in range(256)]


def check(before: Snapshot, after: Snapshot, model: Model) -> None:
    """Raise the first Violation found in `after`."""
    check_places(after, model)
    check_born(after, model)
    check_owners(after, model)
    check_held(after, model)
    check_clock(before, after, model)
    check_statistics(after, model)
    check_measured(before, after, model)
    same("batches are known until forgotten", set(model.batches), set(after.batches))
    for bid in after.batches:
        if bid in model.judged or _changed(bid, before, after):
            check_counts(bid, after)
            check_events(bid, before, after)
            check_batch(bid, after, model)
            check_kids(bid, after, model)
        check_life(bid, after, model)
    model.judged.clear()
    check_leftovers(after)
    held = {
        f"{bid}:{name}": at for bid, one in model.batches.items() for name, at in one.held.items()
    }
    found = {name.decode(): int(at) for name, at in after.scored("o:holds").items()}
    same("holds have a lease", held, found)
    stricken = {bid for bid, one in after.batches.items() if int(one.get("s6", 0)) > 0}
    listed = {bid.decode() for bid in after.scored("o:deaths")} & set(after.batches)
    same("batches with dead members are listed", stricken, listed)
    undone = {bid.decode() for bid in after.scored("o:cancelling")}
    same("cancelling goes on until it is done", model.cancelling, undone)
    asked = {bid.decode(): int(mark) for bid, mark in after.scored("o:interrupts").items()}
    same("members are interrupted for a while", model.interrupts, asked)
    check_operations(after, model)
    outlawed = {bid.decode() for bid in after.scored("o:cancelled")}
    same("what was cancelled stays so", model.outlawed, outlawed - set(model.batches))


def _changed(bid: str, before: Snapshot, after: Snapshot) -> bool:
    return (
        before.batches.get(bid) != after.batches[bid]
        or before.slots.get(bid) != after.slots.get(bid)
        or before.failures.get(bid) != after.failures.get(bid)
        or before.kids.get(bid) != after.kids.get(bid)
    )


def places(after: Snapshot) -> Counter[tuple[str, str]]:
    """How many copies of each job lie in each place."""
    found: Counter[tuple[str, str]] = Counter()
    for jobs in after.queues.values():
        found.update((read(payload).id, "queue") for payload in jobs)
    for name in _SETS:
        found.update((read(payload).id, name) for payload in after.scored(name))
    for key in after.scored("o:moving"):
        if key.decode() not in after.staged:
            raise Violation("what is on its way is there", key)
        found.update((read(payload).id, "moving") for payload in after.staged[key.decode()])
    for jobs in after.aside.values():
        found.update((read(payload).id, "held") for payload in jobs)
    for held in after.claims.values():
        found.update((read(payload).id, "claim") for payload in held.values())
    found.update((read(one.payload).id, "trash") for one in kept(after))
    return found


def check_places(after: Snapshot, model: Model) -> None:
    """Every job is in exactly the one place where it should be, every copy accounted for."""
    found = places(after)
    if found == model.places:
        return
    for (jid, place), expected in list(model.places.items()):
        # Copies that are equal to the byte are one in a sorted set.
        if jid in model.doubled and place in _SETS and 0 < found[jid, place] < expected:
            model.places[jid, place] = found[jid, place]
    missing, surplus = model.places - found, found - model.places
    if missing or surplus:
        raise Violation("every job is in one place", f"missing {missing}, surplus {surplus}")


def check_born(after: Snapshot, model: Model) -> None:
    """New callbacks lie at the end of the queue that they should."""
    for queue, jid in model.born:
        if jid not in {read(payload).id for payload in after.queues.get(queue, [])}:
            raise Violation("callbacks go to their queue", (queue, jid))
    model.born.clear()


def check_owners(after: Snapshot, model: Model) -> None:
    """Claims belong to children that are known, and children to workers with a lease."""
    workers = {name.decode() for name in after.scored("o:leases")}
    for identity in after.owners:
        if identity not in workers:
            raise Violation("owners have a lease", (identity, after.owners[identity]))
    ends = {name.decode(): int(end) for name, end in after.scored("o:leases").items()}
    same("leases last as long as they should", model.leases, ends)
    listed = {name.decode() for name in after.rest.get("processes", [])}
    # Who has said nothing for a minute may be off the list until the next beat.
    silent = {name for name in workers if name not in after.ttl}
    same("processes are those with a lease", workers - silent, listed - silent)
    for identity, child in after.claims:
        if child not in after.owners.get(identity, {}):
            raise Violation("claims have an owner", (identity, child))


def check_held(after: Snapshot, model: Model) -> None:
    """Names are paused until they go on, and held lists are known by their names."""
    for key, expected in (("o:paused", model.paused_names), ("o:held", set(after.aside))):
        same(f"{key} has the names", expected, {name.decode() for name in after.rest.get(key, [])})


def check_operations(after: Snapshot, model: Model) -> None:
    """Operations are as they were left, and those under way are listed until they are over."""
    found = {
        id: (
            fields["state"].decode(),
            *(int(fields.get(name, 0)) for name in ("step", "done", "refused")),
        )
        for id, fields in after.operations.items()
    }
    known = {
        id: (one.state, one.step, one.done, one.refused) for id, one in model.operations.items()
    }
    same("operations", known, found)
    leases = {id: one.lease for id, one in model.operations.items() if one.state == "running"}
    listed = {id.decode(): int(end) for id, end in after.scored("o:operating").items()}
    same("operations under way", leases, listed)


def check_clock(before: Snapshot, after: Snapshot, model: Model) -> None:
    """The virtual clock never goes back, and moves by one step at most."""
    old, new = (
        int(dict(pairs(snapshot.rest.get("o:clock", []))).get(b"vt", 0))
        for snapshot in (before, after)
    )
    moved = new - old
    if not 0 <= moved <= STEP:
        raise Violation("the virtual clock is bounded", moved)
    same("the virtual clock", model.virtual, new)


def check_statistics(after: Snapshot, model: Model) -> None:
    """Each run is counted once."""
    counted = {"processed": model.processed, "failed": model.failed, "expired": model.expired}
    for name, expected in counted.items():
        for key in (f"stat:{name}", f"stat:{name}:{DAY}"):
            same(f"{key} counts each run once", expected, int(after.rest.get(key, 0)))
        if after.ttl.get(key, 1) < 0:
            raise Violation("statistics of a day expire", key)


def check_measured(before: Snapshot, after: Snapshot, model: Model) -> None:
    """What was measured adds up, and marks are where they were put."""
    heads = ("o:measured:", "o:sampled:", "o:totals")
    found = {key for key in after.rest if key.startswith(heads)}
    known = {key for key, values in (model.measured | model.sampled).items() if values}
    same("what was measured is there", known, found)
    for key in known:
        if key in model.touched or after.rest[key] != before.rest.get(key):
            values = {
                name.decode(): msgspec.msgpack.decode(value)
                for name, value in pairs(after.rest[key])
            }
            if key in model.sampled:
                same("looks at queues add up", model.sampled[key], values)
            else:
                read = {
                    name: (one[:4], Counter(dict(pairs(one[4:])))) for name, one in values.items()
                }
                same("what was measured adds up", model.measured[key], read)
                if any(len(one) != 4 + 2 * len(read[name][1]) for name, one in values.items()):
                    raise Violation("a bin stands once", key)
    model.touched.clear()
    marks = [(int(score), word) for word, score in pairs(after.rest.get("o:marks", []))]
    expected = [(at, f"{at} {label}".encode()) for at, label in model.marks]
    same("marks are where they were put", expected, marks)


def states(after: Snapshot, bid: str) -> Counter[int]:
    """How many slots of a batch are in each state; holes are left out."""
    found = Counter(state for byte in after.slots.get(bid, b"") for state in _PAIRS[byte])
    del found[0]
    return found


def number(after: Snapshot, bid: str, name: str) -> int:
    """A number in the hash of a batch."""
    return int(after.batches[bid].get(name, 0))


def check_counts(bid: str, after: Snapshot) -> None:
    """Counts are those of the slots, and sum up to the total."""
    found = states(after, bid)
    counts = {state: number(after, bid, f"s{state}") for state in range(1, 9)}
    same("counts equal slots", {state: found[state] for state in counts}, counts)
    same("counts sum up to total", number(after, bid, "total"), sum(counts.values()))
    waiting = [
        name
        for name, state in after.batches[bid].items()
        if name.startswith("cs:") and state.decode() in OPEN
    ]
    same("callbacks_open", len(waiting), number(after, bid, "callbacks_open"))


def check_kids(bid: str, after: Snapshot, model: Model) -> None:
    """A batch knows how each of its children counts, and how many do in each way."""
    known = model.batches[bid]
    same("parent", known.parent, after.batches[bid].get("parent", b"").decode())
    counted = {kid: model.counts_as(kid) for kid in known.kids}
    bits = {kid: sum(_BITS[event] for event in events) for kid, events in counted.items()}
    found = {kid: int(value) for kid, value in after.kids.get(bid, {}).items()}
    same(f"children of {bid}", bits, found)
    same("kids", len(bits), number(after, bid, "kids"))
    for event, name in (
        ("complete", "completed"),
        ("success", "succeeded"),
        ("settled", "settled"),
    ):
        count = sum(event in events for events in counted.values())
        same(f"kids_{name}", count, number(after, bid, f"kids_{name}"))


def check_events(bid: str, before: Snapshot, after: Snapshot) -> None:
    """What is due has fired in the same step; time stamps are set once."""
    found, old, new = states(after, bid), before.batches.get(bid, {}), after.batches[bid]
    stamps = {event: new.get(f"{event}_at") for event in EVENTS}
    above = after.batches.get(new.get("parent", b"").decode(), new)
    held = number(after, bid, "holds") > 0
    done = not found[WAITING] and _all_kids("completed", bid, after) and not held
    if done and not stamps["complete"]:
        raise Violation("complete fires when it is due", bid)
    busy = found[WAITING] or found[FAILING] or held
    if not busy and _all_kids("settled", bid, after) and not stamps["settled"]:
        raise Violation("settled fires when it is due", bid)
    if found[DEAD] and not stamps["death"]:
        raise Violation("death fires when it is due", bid)
    if stamps["death"] and "death_at" not in above:
        raise Violation("death goes up to every ancestor", bid)
    if stamps["success"] and not stamps["settled"]:
        raise Violation("success implies settled", bid)
    if stamps["settled"] and not stamps["complete"]:
        raise Violation("settled implies complete", bid)
    for event, stamp in stamps.items():
        if old.get(f"{event}_at", stamp) != stamp:
            raise Violation("time stamps are set once", (bid, event))


def _all_kids(name: str, bid: str, after: Snapshot) -> bool:
    return number(after, bid, f"kids_{name}") == number(after, bid, "kids")


def check_batch(bid: str, after: Snapshot, model: Model) -> None:
    """A batch is as the contract's table has it: members, events, callbacks."""
    known, fields = model.batches[bid], after.batches[bid]
    same(f"holds of {bid}", len(known.held), number(after, bid, "holds"))
    marks = (known.cancelled, known.barred, known.interrupted)
    found = tuple(name in fields for name in ("cancelled_at", "barred", "interrupt"))
    same(f"marks of {bid}", marks, found)
    nibbles = [state for byte in after.slots.get(bid, b"") for state in _PAIRS[byte]]
    members = {place: state for place, state in enumerate(nibbles) if state}
    same(f"members of {bid}", known.slots, members)
    fired = {event for event in EVENTS if f"{event}_at" in fields}
    same(f"events of {bid}", known.fired, fired)
    callbacks = {
        (event, int(index)): state.decode()
        for name, state in fields.items()
        if name.startswith("cs:")
        for _, event, index in [name.split(":")]
    }
    pushed = {key: state for key, state in known.callbacks.items() if state}
    same(f"callbacks of {bid}", pushed, callbacks)
    same(f"failures of {bid}", known.noted, {int(n) for n in after.failures.get(bid, {})})


def check_life(bid: str, after: Snapshot, model: Model) -> None:
    """Only what is finished has a time to live, and all keys of a batch the same."""
    fields = after.batches[bid]
    busy = any(int(fields.get(name, 0)) for name in ("s1", "s2", "holds"))
    unsettled = busy or "settled_at" not in fields or not _all_kids("settled", bid, after)
    lives = unsettled or int(fields.get("callbacks_open", 0)) > 0
    life = -1 if lives else DAYS if "success" in model.counts_as(bid) else 180 * DAYS
    for key in (f"o:batch:{bid}", f"o:slots:{bid}", f"o:failures:{bid}", f"o:kids:{bid}"):
        if not (life - SLACK if life > 0 else life) <= after.ttl.get(key, life) <= life:
            raise Violation("only what is finished has a time to live", (key, after.ttl[key]))
    if (bid.encode() in after.scored("o:batches")) != unsettled:
        raise Violation("o:batches holds what is not settled", bid)
    if (bid.encode() in after.scored("o:audit")) != lives:
        raise Violation("o:audit holds what is not at rest", bid)
    if not lives and "cancelled_at" in fields and bid.encode() not in after.scored("o:cancelled"):
        raise Violation("what was cancelled stays so when it expires", bid)


def check_leftovers(after: Snapshot) -> None:
    """No key of ours outlives its owner."""
    for key, ttl in after.ttl.items():
        head, _, name = key.removeprefix("o:").partition(":")
        if not key.startswith("o:") or key in _LIFELESS or head in {"owners", "claims"}:
            continue
        if head in {"lane", "scheduler", "measured", "sampled", "marks"} and ttl > 0:
            continue
        if head == "held" and name in after.aside and ttl < 0:
            continue
        if head == "operation" and (name.encode() in after.scored("o:operating")) == (ttl < 0):
            continue
        if head == "staged" and (name.encode() in after.scored("o:moving")) == (ttl < 0):
            continue
        if head in {"batch", "slots", "failures", "kids"} and "v" in after.batches.get(name, {}):
            continue
        raise Violation("no key outlives its owner", key)
