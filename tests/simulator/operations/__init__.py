"""What may happen: importing this package fills the table."""

from tests.simulator.operations import (
    audit,
    batches,
    closing,
    life,
    people,
    places,
    producers,
    staging,
    workers,
)
from tests.simulator.operations.table import step

__all__ = [
    "audit",
    "batches",
    "closing",
    "life",
    "people",
    "places",
    "producers",
    "staging",
    "step",
    "workers",
]
