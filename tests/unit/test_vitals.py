"""What a worker says of its health: each way of being well, and of being not."""

from __future__ import annotations

import tempfile
import time
from typing import Any

import pytest

from outrider.worker import vitals as module
from outrider.worker.slots import SlotTable
from outrider.worker.vitals import Pulse, Vitals

HOUR = 3600.0


class Sick:
    """A child, as far as its health goes; times are seconds ago."""

    def __init__(self) -> None:
        self.name = "1"
        self.working = True
        self.born = time.monotonic()
        with tempfile.TemporaryFile() as memory:
            memory.truncate(SlotTable.size_for(2))
            self.table = SlotTable(memory.fileno(), 2)
        self.table.claims()


class Patient:
    """A worker whose clock can be set."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._ahead = 0.0
        real, real_ns = time.monotonic, time.monotonic_ns
        monkeypatch.setattr(time, "monotonic", lambda: real() + self._ahead)
        monkeypatch.setattr(time, "monotonic_ns", lambda: real_ns() + int(self._ahead * 1e9))
        self.child = Sick()
        self.vitals = Vitals(lambda: [self.child])  # type: ignore[list-item]
        self.vitals.resting = ""
        self.beaten = 0.0
        self.pulse = Pulse(self.vitals, self)  # type: ignore[arg-type]
        self.look()

    def look(self, *, reached: bool = True) -> None:
        """The supervisor does its rounds; the server is reached, or away."""
        if reached:
            self.beaten = time.monotonic()
        self.pulse.tick()
        self.vitals.sign("supervisor")

    def later(self, seconds: float, *, reached: bool = True) -> None:
        """Let time pass, with the supervisor at its work."""
        self.wait(seconds)
        self.look(reached=reached)

    def wait(self, seconds: float) -> None:
        """Let time pass, and nothing else."""
        self._ahead += seconds

    def said(self) -> tuple[bool, bool, str]:
        """Whether it is alive and ready, and why not."""
        verdict = self.vitals.judge()
        return verdict.alive, verdict.ready, "; ".join(verdict.troubles)


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> Patient:
    """A worker that is well."""
    one = Patient(monkeypatch)
    assert one.said() == (True, True, "")
    return one


def test_who_claims_is_well(patient: Patient) -> None:
    """A claim is good for a minute, and no longer."""
    for _ in range(3):
        patient.later(59)
        assert patient.said() == (True, True, "")
        patient.child.table.claims()
    patient.later(61)
    assert patient.said() == (False, False, "child 1 has claimed nothing for 61 s")
    patient.child.table.claims()
    assert patient.said() == (True, True, "")


def test_a_job_may_hold_its_interpreter_until_its_deadline(patient: Patient) -> None:
    """Then its process is killed: that is seen to already. One without a deadline is not."""
    patient.child.table.start(0, 7, 1000)
    patient.later(61)
    assert patient.said()[0] is False
    patient.child.table.limit(0, time.monotonic() + 100)
    assert patient.said() == (True, True, "")
    patient.later(101)
    assert patient.said() == (False, False, "child 1 has claimed nothing for 162 s")


def test_a_server_that_is_away_is_no_reason_for_a_new_process(patient: Patient) -> None:
    """It would not help. The worker is not ready meanwhile, and says why."""
    for _ in range(20):
        patient.later(20, reached=False)
        patient.child.table.tried()
        why = "the server is away; the worker goes on when it is back"
        assert patient.said() == (True, False, why)
    # A child that does not even try is of no use, whatever the server does.
    patient.later(61, reached=False)
    assert patient.said()[0] is False


def test_a_child_that_stays_cut_off_alone_is_ill(patient: Patient) -> None:
    """When the server is back it has a minute; tries in vain are worth nothing then (O60)."""
    patient.later(100, reached=False)
    for _ in range(2):
        patient.later(30)
        patient.child.table.tried()
        assert patient.said()[0] is True
    patient.later(30)
    patient.child.table.tried()
    assert patient.said() == (False, False, "child 1 has claimed nothing for 190 s")


def test_an_import_may_take_its_time(patient: Patient) -> None:
    """Ten minutes, and the worker is not ready before a child is at work."""
    patient.child.working = False
    patient.later(599)
    assert patient.said() == (True, False, "no child is at work")
    patient.later(2)
    alive, _, why = patient.said()
    assert (alive, "child 1 began 601 s ago" in why) == (False, True)


def test_one_child_at_work_is_enough_to_be_ready(patient: Patient) -> None:
    """Another one may be starting: children are replaced all the time."""
    other: Any = Sick()
    other.working = False
    patient.vitals._children = lambda: [patient.child, other]
    assert patient.said() == (True, True, "")


def test_no_child_for_long_is_an_illness(patient: Patient) -> None:
    """All die as soon as they start: somebody should look."""
    patient.vitals._children = list
    patient.later(599)
    assert patient.said() == (True, False, "no child is at work")
    patient.later(2)
    assert patient.said()[0] is False


@pytest.mark.parametrize(("part", "other"), [("supervisor", "keeper"), ("keeper", "supervisor")])
def test_each_part_of_the_supervisor_counts(patient: Patient, part: str, other: str) -> None:
    """A thread that has ended, or hangs, keeps no lease and sees no dead child."""
    patient.wait(61)
    patient.vitals.sign(other)
    patient.child.table.claims()
    assert patient.said()[::2] == (False, f"the {part} has done nothing for 61 s")


def test_who_rests_is_alive(patient: Patient) -> None:
    """A quiet worker, and one that stops, take no jobs because they were told so."""
    patient.vitals.resting = "it is quiet"
    assert patient.said() == (True, False, "it is quiet")


@pytest.mark.parametrize(("timeout", "patience"), [(0.1, 60), (5.0, 60), (30.0, 360)])
def test_slow_servers_are_given_more_time(
    patient: Patient, timeout: float, patience: float
) -> None:
    """While it is away a round of the keeper takes several times the app's timeout."""
    patient.vitals.allow(timeout)
    patient.later(patience - 1)
    assert patient.said()[0] is True
    patient.later(2)
    assert patient.said()[0] is False


def test_a_minute_is_more_than_a_healthy_child_takes() -> None:
    """Its pump claims after five seconds at the latest, or says why it does not."""
    from outrider.worker import child, pump

    assert module.SILENT > 2 * pump.FALLBACK
    assert module.SILENT > 2 * child.WAIT
