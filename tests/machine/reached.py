"""What a run of the machine must have done; the machine's own words."""

WANTED: set[str] = set()
