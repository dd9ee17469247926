"""What is in the way of a batch's success, in words: what may be mended, and what is for good.

`is_well` in lua/lib/batch.lua decides; this is its other side. Until a batch is settled more jobs
may be added, so a part of the jobs that is missed now may be reached yet.
"""

from __future__ import annotations

from contextlib import suppress

from outrider.hub import Flow, Hub
from outrider.standing import SETTLED, SUCCEEDED, Standing
from outrider.store import look
from outrider.words import count, printable

LOOKS = 100
_LOST = ("discarded", "deleted", "expired")


def takes_part(batch: Standing) -> bool:
    """Whether a part of its jobs is enough for success."""
    return _goal(batch) != (0, 0)


def _goal(batch: Standing) -> tuple[float, int]:
    ratio = 0.0
    with suppress(ValueError):  # what is no ratio asks for nothing
        ratio = float(batch.fields.get("success_ratio", ratio))
    return ratio, batch.number("success_count")


def mendable(batch: Standing) -> list[str]:
    """What bars success as long as it is so."""
    found = []
    if batch.dead and not takes_part(batch):
        found.append(f"{count(batch.dead, 'job')} dead")
    if lack := _lack(batch):
        found.append(lack)
    if batch.barred:
        found.append(
            "an `open()` block was left by an error or lapsed, and no later one ended well"
        )
    marks = batch.picture.children.values()
    if failed := sum(bits & SETTLED != 0 and not bits & SUCCEEDED for bits in marks):
        # It, a batch below it, or a callback of one of these.
        found.append(f"{count(failed, 'child batch', 'child batches')} ended badly")
    return found


def _lack(batch: Standing) -> str:
    """What is missing though all that may still run succeeded."""
    of = batch.total - batch.discarded - batch.deleted
    best = of - batch.dead - batch.cancelled
    ratio, number = _goal(batch)
    if best + 1e-6 < ratio * of:
        return f"{best:,} of {count(of, 'job')} can succeed as it stands, a ratio of {ratio:g} must"
    if (number := min(number, of)) > best:
        return f"{best:,} of {count(of, 'job')} can succeed as it stands, {number:,} must"
    return ""


def final(batch: Standing) -> list[str]:
    """What bars success for good; nothing where it has come already."""
    if batch.is_success:
        return []
    found = ["it is cancelled"] if batch.is_cancelled else []
    # Deleted jobs are left out where a part is asked for, but cancelled ones are of the whole.
    if batch.cancelled and (not takes_part(batch) or _goal(batch)[0] == 1):
        found.append(f"{count(batch.cancelled, 'job')} cancelled")
    if batch.deleted and not takes_part(batch):
        found.append(f"{count(batch.deleted, 'job')} deleted")
    return found


def final_below(hub: Hub, batch: Standing) -> Flow[str]:
    """What of the batches below bars success for good; '' when none of the first LOOKS does."""
    todo, looks = _unsuccessful(batch), 0
    while todo and not batch.is_success and looks < LOOKS:
        bid, looks = todo.pop(0), looks + 1
        picture: look.Picture = yield look.picture(hub.keys, bid=bid)
        if "v" not in picture.fields:
            return f"batch {bid} below it was deleted or has expired"
        below = Standing(bid, picture)
        if reasons := [*final(below), *_lost_callbacks(below)]:
            return f"batch {bid} below it can't count as succeeded: {'; '.join(reasons)}"
        todo += _unsuccessful(below)
    return ""


def _unsuccessful(batch: Standing) -> list[str]:
    """Children that do not count as succeeded now, the settled ones first."""
    marks = batch.picture.children
    return sorted(
        (bid for bid, bits in marks.items() if not bits & SUCCEEDED),
        key=lambda bid: (not marks[bid] & SETTLED, bid),
    )


def _lost_callbacks(batch: Standing) -> list[str]:
    """Callbacks that have ended badly and can't be brought back."""
    return [
        f"its callback {printable(one.target)} was {one.state}"
        for one in batch.callbacks
        if one.state in _LOST
    ]
