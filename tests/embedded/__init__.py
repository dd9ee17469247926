"""The embedded server, tried with real servers and real processes."""
