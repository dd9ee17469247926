"""The simulator on a private server: no invariant breaks, and each planted fault is found."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from outrider.embedded import Server
from tests.simulator.faults import FAULTS
from tests.simulator.hunt import hunt
from tests.simulator.run import run

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


@pytest.mark.parametrize("fault", FAULTS)
def test_every_planted_fault_is_found(url: str, fault: str) -> None:
    (found,) = hunt(url, 1, BOUND, [fault])
    assert found.steps is not None


@pytest.mark.soak
def test_soak(url: str) -> None:
    run(url, random.SystemRandom().randrange(10**6), 500_000)
