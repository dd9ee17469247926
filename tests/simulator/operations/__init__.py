"""What may happen: importing this package fills the table."""

from tests.simulator.operations import (
    batches,
    closing,
    life,
    people,
    places,
    producers,
    reviving,
    staging,
    workers,
)
from tests.simulator.operations.table import step

__all__ = [
    "batches",
    "closing",
    "life",
    "people",
    "places",
    "producers",
    "reviving",
    "staging",
    "step",
    "workers",
]
