"""The simulator on a private server: no invariant breaks, and each planted fault is found."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest

from outrider.embedded import Server
from outrider.script import Call
from tests import least
from tests.simulator.faults import FAULTS, RARE
from tests.simulator.hunt import hunt
from tests.simulator.run import run
from tests.simulator.world import Wire

SEEDS = (1, 7, 12)
STEPS = 5_000
BOUND = 40_000


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with Server.start(tmp_path_factory.mktemp("server")) as server:
        yield server.url


@pytest.mark.parametrize("seed", [*SEEDS, pytest.param(None, id="fresh")])
def test_no_invariant_breaks(url: str, seed: int | None) -> None:
    """Random schedules of all scripts, checked after every step (P26, P40)."""
    run(url, random.SystemRandom().randrange(10**6) if seed is None else seed, STEPS)


def test_a_seed_repeats_a_run(url: str) -> None:
    assert run(url, 5, 1_000) == run(url, 5, 1_000)


SOAKED = [pytest.param(fault, marks=pytest.mark.soak) for fault in sorted(RARE)]


@pytest.mark.timeout(900)
@pytest.mark.parametrize("fault", [*(fault for fault in FAULTS if fault not in RARE), *SOAKED])
def test_every_planted_fault_is_found(url: str, fault: str) -> None:
    (found,) = hunt(url, 1, BOUND, [fault])
    assert found.steps is not None


@pytest.mark.soak
def test_soak(url: str) -> None:
    run(url, random.SystemRandom().randrange(10**6), 500_000)


class LeastWire(Wire):
    """Sends each script as a user of its own, who may do no more than it needs."""

    def run(self, call: Call[Any], *ticket: Any) -> Any:
        """Perform a Call as its script's user; what follows comes from one who may do all."""
        if call.script is None:
            return super().run(call)
        name, making = least.user_of(call.script, str(call.words[0]))
        if call.script.sha not in self._loaded:
            self.command("SCRIPT", "LOAD", call.script.source)
            self._loaded.add(call.script.sha)
            super().run(making)
        self.command("AUTH", name, least.PASSWORD)
        try:
            return super().run(call, *ticket)
        finally:
            self.command("AUTH", "default", "none")


def test_each_script_needs_no_right_that_is_not_read_from_it(url: str) -> None:
    """Whatever happens, no script comes by a command or a key that its user may not touch."""
    assert run(url, seed=3, steps=2_000, wiring=LeastWire).steps >= 2_000
