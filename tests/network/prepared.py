"""For each operation a state of the server in which it has something to do, and the request.

A new script needs an entry in one of these: `test_every_operation_is_prepared` says so.
"""

from __future__ import annotations

from tests.network import batches, commands, jobs, measuring, operations
from tests.network.case import CASES

__all__ = ["CASES", "batches", "commands", "jobs", "measuring", "operations"]
