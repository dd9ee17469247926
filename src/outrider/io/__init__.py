"""Everything that touches the server: connections, executors of Calls, and listeners."""

from outrider.io.connections import Address
from outrider.io.executor import AsyncExecutor, Executor
from outrider.io.listener import AsyncListener, Listener, Topics

__all__ = ["Address", "AsyncExecutor", "AsyncListener", "Executor", "Listener", "Topics"]
