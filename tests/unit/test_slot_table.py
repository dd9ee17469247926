"""The slot table: what the supervisor reads of a child's jobs, however the child has ended."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator
from typing import Any

import pytest

from outrider.worker.slots import Running, SlotTable


@pytest.fixture
def tables() -> Iterator[tuple[SlotTable, SlotTable]]:
    """A child's table, and the same as its supervisor sees it."""
    with SlotTable.memory(3) as memory:
        yield SlotTable(memory.fileno(), 3), SlotTable(memory.fileno(), 3)


def test_what_one_side_notes_the_other_sees(tables: tuple[SlotTable, SlotTable]) -> None:
    ours, theirs = tables
    ours.start(0, 7, 1000)
    ours.start(2, 2**63, 2000)
    ours.limit(2, 12.5)
    assert theirs.running() == [Running(0, 7, 1000, 0.0), Running(2, 2**63, 2000, 12.5)]
    ours.limit(2, 0.0)
    assert theirs.running()[1].deadline == 0.0
    ours.clear(0)
    assert [job.slot for job in theirs.running()] == [2]


def test_a_job_does_not_inherit_a_deadline(tables: tuple[SlotTable, SlotTable]) -> None:
    """The slot's next job has none until it is given one."""
    ours, theirs = tables
    ours.start(1, 7, 1000)
    ours.limit(1, 3.0)
    ours.start(1, 8, 1001)
    assert theirs.running() == [Running(1, 8, 1001, 0.0)]


@pytest.mark.parametrize(
    ("deadline", "now", "grace", "over"),
    [
        (0.0, 1e9, 0.0, False),
        (10.0, 9.9, 0.0, False),
        (10.0, 10.0, 0.0, True),
        (10.0, 14.9, 5.0, False),
        (10.0, 15.0, 5.0, True),
    ],
)
def test_overdue(deadline: float, now: float, grace: float, over: bool) -> None:
    assert Running(0, 1, 0, deadline).overdue(now, grace) is over


class Full:
    """A file on a full disk: it may be made, and mapped, and not written."""

    def write(self, _: bytes) -> None:
        """Refuse."""
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """It concerns no table where memory can be had without one; elsewhere it is told at once."""
    full: Any = Full
    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    if hasattr(os, "memfd_create"):
        with SlotTable.memory(3) as memory:
            assert SlotTable(memory.fileno(), 3).running() == []
        monkeypatch.delattr(os, "memfd_create")
    with pytest.raises(OSError, match="space"):
        SlotTable.memory(3)
