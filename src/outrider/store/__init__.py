"""Typed stubs of all operations: what the server can be asked, and nothing of how."""
