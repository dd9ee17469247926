"""`python -m tests.simulator`: a run from a seed, or a hunt for all planted faults."""

from __future__ import annotations

import argparse
import logging
import random
import sys
import tempfile
import time
from pathlib import Path

from outrider.embedded import Server
from tests.simulator.faults import FAULTS, plant
from tests.simulator.hunt import hunt, row, summary
from tests.simulator.run import Failed, run


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulator", description=__doc__)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--steps", type=int, default=20_000, help="at least, unless --schedules")
    parser.add_argument("--first", type=int, default=0, help="number of the first schedule")
    parser.add_argument("--schedules", type=int, default=1_000_000, help="at most")
    parser.add_argument("--fault", choices=sorted(FAULTS), help="plant this fault")
    parser.add_argument("--faults", action="store_true", help="plant each by itself: a table")
    parser.add_argument("--url", help="of a server to use instead of a private one; it is emptied")
    given = parser.parse_args()
    logging.disable(logging.WARNING)  # audits tell what they find
    folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
    with folder as name, Server.start(Path(name)) as server:
        url = given.url or server.url
        failure = _hunt(url, given) if given.faults else _run(url, given)
    if failure:
        sys.exit(failure)


def _run(url: str, given: argparse.Namespace) -> str:
    faulty = plant(given.fault) if given.fault else None
    started, failure = time.perf_counter(), ""
    try:
        steps, trails = run(
            url, given.seed, given.steps, faulty, first=given.first, schedules=given.schedules
        )
    except Failed as failed:
        failure, steps, trails = str(failed), failed.steps, []
    took = time.perf_counter() - started
    sys.stdout.write(
        f"seed {given.seed}: {steps} steps in {len(trails)} schedules, "
        f"{took:.1f} s, {steps / took:.0f} steps/s\n"
    )
    return failure


def _hunt(url: str, given: argparse.Namespace) -> str:
    sys.stdout.write("| fault | steps | invariant that it breaks |\n|---|--:|---|\n")
    all_found = []
    for found in hunt(url, given.seed, given.steps):
        all_found.append(found)
        sys.stdout.write(row(found) + "\n")
        sys.stdout.flush()
    sys.stdout.write(f"\nseed {given.seed}: {summary(all_found)}\n")
    return "" if all(found.steps for found in all_found) else "some faults were not found"


main()
