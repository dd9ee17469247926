"""The service functions of the API, by what they are about."""

from __future__ import annotations

from outrider.web.api import (
    batches,
    counting,
    general,
    jobs,
    metrics,
    operations,
    processes,
    queues,
)
from outrider.web.endpoint import endpoints

ENDPOINTS = endpoints(general, jobs, counting, queues, batches, processes, operations, metrics)
