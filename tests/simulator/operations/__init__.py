"""What may happen: importing this package fills the table."""

from tests.simulator.operations import (
    audit,
    batches,
    closing,
    held,
    life,
    looking,
    measuring,
    operating,
    outboxes,
    people,
    places,
    producers,
    reviving,
    staging,
    workers,
)
from tests.simulator.operations.table import step

__all__ = [
    "audit",
    "batches",
    "closing",
    "held",
    "life",
    "looking",
    "measuring",
    "operating",
    "outboxes",
    "people",
    "places",
    "producers",
    "reviving",
    "staging",
    "step",
    "workers",
]
