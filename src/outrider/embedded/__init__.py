"""A Valkey that needs no setup: found, started, shared and stopped by Outrider itself."""

from outrider.embedded.server import Server, find_server
from outrider.embedded.shared import DATA_FOLDER, shared_url

__all__ = ["DATA_FOLDER", "Server", "find_server", "shared_url"]
