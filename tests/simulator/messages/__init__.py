"""Everything that can reach the server, one class a message."""
