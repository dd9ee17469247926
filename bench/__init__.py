"""Benchmarks: `python -m bench [name ...]` measures, prints a table, and says which rules hold."""
