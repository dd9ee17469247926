"""A random-schedule simulator of all scripts on a real server, with a checker of the invariants.

Every script joins it before it merges. `python -m tests.simulator --seed 7` repeats a run.
"""
