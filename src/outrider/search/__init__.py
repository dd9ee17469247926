"""Finding jobs by a filter: one language for Python, the command line, HTTP and operations."""
