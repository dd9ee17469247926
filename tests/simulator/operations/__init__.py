"""What may happen: importing this package fills the table."""

from tests.simulator.operations import batches, life, people, producers, staging, workers
from tests.simulator.operations.table import step

__all__ = ["batches", "life", "people", "producers", "staging", "step", "workers"]
