"""In words, what a batch waits for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from outrider.barring import final, mendable, takes_part
from outrider.hub import Flow, Hub
from outrider.slots import recount
from outrider.standing import SETTLED, SUCCEEDED, Standing, not_found
from outrider.store import batch as store
from outrider.store import look
from outrider.tally import BatchRecord
from outrider.whereabouts import Found, find
from outrider.words import count, moment, printable

CHILDREN = 20
BATCHES = 100
PAGES = 16


@dataclass
class _Node:
    """A batch of the tree. `batch` is None when it is gone; `hidden` children are not looked at."""

    bid: str
    level: int
    batch: Standing | None
    hidden: int
    faults: list[str]


def explain(hub: Hub, bid: str) -> Flow[str]:
    """What a batch and the batches below it wait for. Raises BatchNotFound."""
    nodes: list[_Node] = []
    yield from _gather(hub, bid, 0, nodes)
    if nodes[0].batch is None:
        raise not_found(bid)
    known = [node.batch for node in nodes if node.batch is not None]
    wanted = sum(_alive(batch) + batch.number("callbacks_open") for batch in known)
    found = yield from find(hub, {batch.bid for batch in known}, wanted)
    return "\n".join("  " * node.level + line for node in nodes for line in _lines(node, found))


def _gather(hub: Hub, bid: str, level: int, nodes: list[_Node]) -> Flow[None]:
    """The batch, and depth first those below it that have not succeeded."""
    picture: look.Picture = yield look.picture(hub.keys, bid=bid)
    if "v" not in picture.fields:
        nodes.append(_Node(bid, level, None, 0, []))
        return
    faults = yield from _faults(hub, bid, picture)
    node = _Node(bid, level, Standing(bid, picture), 0, faults)
    nodes.append(node)
    marks = picture.children
    kids = [kid for kid in Standing(bid, picture).open_child_bids if not marks[kid] & SUCCEEDED]
    for place, kid in enumerate(kids):
        if place == CHILDREN or len(nodes) >= BATCHES:
            node.hidden = len(kids) - place
            return
        yield from _gather(hub, kid, level + 1, nodes)


def _faults(hub: Hub, bid: str, picture: look.Picture) -> Flow[list[str]]:
    """Where the counts differ from the slots; nothing when the batch moved during the look."""
    counted = yield from recount(hub, bid, PAGES)
    again: dict[str, bytes] = yield store.read(hub.keys, bid)
    states = range(1, 9)
    kept = {state: _told(picture.fields, state) for state in states}
    now = {state: _told(again, state) for state in states}
    if counted is None or kept != now or "v" not in again:
        return []
    return [
        f"its count of state {state} is {kept[state]}, but its slots have {counted[state]}: "
        "the record is damaged"
        for state in states
        if str(counted[state]) != kept[state]
    ]


def _told(fields: dict[str, bytes], state: int) -> str:
    """The count of a state as it stands there, whatever that is."""
    return printable(fields.get(f"s{state}", b"0")[:20].decode("utf-8", "replace"))


def _alive(batch: Standing) -> int:
    return batch.pending - batch.dead


def _lines(node: _Node, found: Found) -> Iterator[str]:
    batch = node.batch
    if batch is None:
        yield f"batch {node.bid}: deleted or expired, no success of those above can come any more"
        return
    name = f"batch {node.bid}"
    if batch.description:
        name += f' "{printable(batch.description)}"'
    items = [*_waiting(batch, found), *_barring(batch), *_children(node), *node.faults]
    done = f"{batch.total - batch.pending:,} of {count(batch.total, 'job')} done"
    yield f"{name}: {state(batch)}, {done}" + (", waits for nothing" if not items else "")
    for item in items:
        yield f"  {item}"


def state(batch: BatchRecord) -> str:
    """How far a batch is, in a few words."""
    if batch.is_success:
        word = "succeeded"
    elif batch.is_at_rest:
        word = "settled without success"
    elif batch.is_settled:
        word = "settled before, going on again"
    elif batch.is_complete:
        word = "complete, not settled"
    else:
        word = "not complete"
    return f"{word}, cancelled" if batch.is_cancelled else word


def _waiting(batch: Standing, found: Found) -> Iterator[str]:
    """Jobs and callbacks that are to come, by the place where they lie."""
    kinds = (("job", False, _alive(batch)), ("callback", True, batch.number("callbacks_open")))
    for thing, is_callback, number in kinds:
        left = number
        for place, heap in found.heaps.get((batch.bid, is_callback), {}).items():
            left -= heap.count
            when = "" if heap.next_at is None else f", next at {moment(heap.next_at)}"
            yield f"{count(heap.count, thing)} {place}{when}"
        if left > 0 and found.looked >= found.limit:
            yield f"{count(left, thing)} not found in the first {found.limit:,} jobs looked at"
        elif left > 0:
            yield f"{count(left, thing)} found nowhere: moved just now, or lost"
    for callback in batch.callbacks:
        waits = callback.state == "waiting" and batch.at(callback.event) is None
        if waits and callback.event != "death":
            yield f"for the callback {printable(callback.target)}: {callback.event} is to come"


def _barring(batch: Standing) -> Iterator[str]:
    """What keeps it, or the batches above it, from success."""
    if batch.held:
        yield (
            f"held by {count(batch.held, '`open()` block')}: neither complete, success nor settled "
            "before its end"
        )
    if takes_part(batch):
        outs = ((batch.dead, "dead"), (batch.cancelled, "cancelled"), (batch.deleted, "deleted"))
        yield from (f"{count(number, 'job')} {what}" for number, what in outs if number)
    if not batch.is_success:
        yield from (f"{why}: success can't come any more" for why in final(batch))
        yield from (f"{why}: no success as long as that is so" for why in mendable(batch))
    for callback in batch.callbacks:
        if callback.state in ("dead", "discarded", "deleted", "expired"):
            yield (
                f"callback {printable(callback.target)} of {callback.event} {callback.state}: "
                "no success of the batches above"
            )


def _children(node: _Node) -> Iterator[str]:
    batch = node.batch
    marks = [] if batch is None else list(batch.picture.children.values())
    open_ones = sum(not bits & SETTLED for bits in marks)
    if open_ones:
        yield f"{count(open_ones, 'child batch', 'child batches')} not settled"
    if node.hidden:
        yield f"… {count(node.hidden, 'child batch', 'child batches')} more than are shown here"
