"""The machine finds nothing, reaches everything, and finds what is planted."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from outrider.embedded import Server
from tests.machine.machine import Machine
from tests.machine.reached import missing
from tests.machine.stage import Stage, stage
from tests.simulator.faults import plant

# It works without a pause; on a busy machine that is minutes.
pytestmark = pytest.mark.timeout(900)
EXAMPLES, STEPS = 200, 40
MORE = 8
BOUND = 400
FOUND_FAST = (
    *("adding to a settled batch", "every move allowed", "death fires again"),
    *("success in spite of the dead", "callbacks_open not decremented", "hold bars nothing"),
    *("callback of late listener not pushed", "late listener keeps the time to live"),
    *("expires with an open callback", "callbacks of a child not waited for"),
    *(
        "bad callback of a child overlooked",
        "reports never taken back",
        "retried member still dead",
    ),
    *("death told to the batch alone", "deletion not told to the batch", "never gives up"),
    *("child completed before its complete callback has run", "running members cancelled"),
    *("expired member not told to its batch", "double delivery runs again"),
)
FOUND_LATER = (
    *("brought back without a word", "lapse leaves success possible", "cancelled batch succeeds"),
    "claim overlooks the cancelling",
)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with Server.start(tmp_path_factory.mktemp("server")) as server:
        yield server.url


def run(
    made: Stage, examples: int, steps: int, *, fresh: bool = False, shrink: bool = True
) -> None:
    """Run the machine: the same examples each time, so that CI is stable, or `fresh` ones."""
    phases = (Phase.generate, Phase.shrink) if shrink else (Phase.generate,)
    how = settings(
        max_examples=examples,
        stateful_step_count=steps,
        derandomize=not fresh,
        database=None,
        deadline=None,
        print_blob=True,
        report_multiple_bugs=False,
        phases=phases,
        suppress_health_check=list(HealthCheck),
    )

    class Staged(Machine):
        def __init__(self) -> None:
            super().__init__(made)

    run_state_machine_as_test(Staged, settings=how)


def test_server_and_contract_agree(url: str) -> None:
    """And everything was done that the machine is for: each operation, each refusal.

    P8, P26, P40.
    """
    with stage(url) as made:
        run(made, EXAMPLES, STEPS)
        for _ in range(MORE):
            # What is rare depends on the order of sets too: a few more examples bring it.
            if missing(list(made.reached)):
                run(made, EXAMPLES // 4, STEPS, fresh=True)
    assert missing(list(made.reached)) == []


@pytest.mark.parametrize(
    "fault", [*FOUND_FAST, *(pytest.param(one, marks=pytest.mark.soak) for one in FOUND_LATER)]
)
def test_a_planted_fault_is_found(url: str, fault: str) -> None:
    with stage(url, plant(fault)) as made, pytest.raises(AssertionError):
        run(made, BOUND, STEPS, shrink=False)


@pytest.mark.soak
def test_soak(url: str) -> None:
    """Other examples at each time; what is found can be repeated by the blob that is printed."""
    with stage(url) as made:
        run(made, 1_000, 60, fresh=True)
