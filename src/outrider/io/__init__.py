"""Everything that touches the server: connections, and the executor that performs Calls."""

from outrider.io.connections import Address
from outrider.io.executor import AsyncExecutor, Executor

__all__ = ["Address", "AsyncExecutor", "Executor"]
