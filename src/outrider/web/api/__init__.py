"""The service functions of the API, by what they are about."""

from __future__ import annotations

from outrider.web.api import (
    batches,
    counting,
    enqueueing,
    general,
    jobs,
    metrics,
    operations,
    processes,
    queues,
)
from outrider.web.endpoint import endpoints

ENDPOINTS = endpoints(
    general, jobs, counting, enqueueing, queues, batches, processes, operations, metrics
)
