"""Trees of batches with real workers: all callbacks once, and children's before their parents'."""

from __future__ import annotations

from collections import Counter
from types import ModuleType

import pytest

from outrider import App
from tests.process.conftest import StartWorker
from tests.process.harness import ask, listed

DEPTH = 4
DOOMED = "rabb"


def paths(depth: int) -> list[str]:
    """The batches of the tree that the jobs grow, each by its way from the root."""
    level = ["r"]
    found = list(level)
    for _ in range(depth - 1):
        level = [path + name for path in level for name in "ab"]
        found += level
    return found


def stages(path: str) -> list[str]:
    """The batch that a callback adds to the parent of this one."""
    return [path + "+"] if path.endswith("b") else []


@pytest.mark.parametrize("doomed", ["", DOOMED], ids=["all well", "one death"])
def test_a_tree_of_batches(app: App, work: ModuleType, worker: StartWorker, doomed: str) -> None:
    """Jobs make children and callbacks add stages; each event fires once, from below (P24, P32)."""
    root = work.watched("r", parent=False)
    with root.jobs():
        work.branch.enqueue("r", DEPTH, doomed)
    assert worker("-p", "2", "-c", "4", "--drain", ready=False).wait(60) == 0
    grown = paths(DEPTH)
    added = [stage for path in grown for stage in stages(path)]
    fired = listed(app, "fired")
    expected = Counter(
        {f"{path} {event}": 1 for path in [*grown, *added] for event in ("complete", "settled")}
    )
    expected.update(f"{stage.removesuffix('+')} stage" for stage in added)
    above = [doomed[:length] for length in range(1, len(doomed) + 1)]
    expected.update(f"{path} death" for path in above)
    expected.update(f"{path} success" for path in [*grown, *added] if path not in above)
    assert Counter(fired) == expected
    place = {what: at for at, what in enumerate(fired)}
    for path in [*grown, *added]:
        parent = path[:-2] if path.endswith("+") else path[:-1]
        if parent:
            for event in ("complete", "settled"):
                assert place[f"{path} {event}"] < place[f"{parent} {event}"]
    ran = [*grown, *(stage + tail for stage in added for tail in ("", "+"))]
    assert Counter(listed(app, "ran")) == Counter(ran)
    status = app.batches[root.bid]
    assert (status.is_settled, status.is_success, status.is_dead) == (
        True,
        not doomed,
        bool(doomed),
    )
    assert ask(app, "ZCARD", "o:batches") == 0
    assert all(int(ask(app, "TTL", key)) > 0 for key in ask(app, "KEYS", "o:kids:*"))
