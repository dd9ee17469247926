"""Before a worker begins: whether the server is fit to be trusted with jobs."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from outrider.checkup.facts import gather
from outrider.checkup.judge import judge
from outrider.errors import ServerUnfit
from outrider.io import Executor
from outrider.keys import Keys

log = logging.getLogger("outrider.worker")


def check_server(
    executor: Executor, keys: Keys, queues: Sequence[str], *, allow_eviction: bool
) -> None:
    """Ask the server in two requests, and log each warning.

    Raises ServerUnfit with all errors; what can't be told is left to `outrider doctor`.
    """
    address = executor.address
    facts = executor.drive(gather(keys, address.url, ("worker",), queues))
    errors = []
    for finding in judge(facts):
        if finding.check == "eviction" and allow_eviction and finding.level == "error":
            log.warning("%s (--allow-eviction)", finding.what)
        elif finding.level == "warning":
            log.warning("%s", finding)
        elif finding.level == "error":
            errors.append(str(finding))
    if errors:
        raise ServerUnfit(f"the server at {address} is not fit for jobs: {'. Also: '.join(errors)}")
