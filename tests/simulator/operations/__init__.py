"""What may happen: importing this package fills the table."""

from tests.simulator.operations import life, people, producers, workers
from tests.simulator.operations.table import step

__all__ = ["life", "people", "producers", "step", "workers"]
