"""Rules of this house that no linter knows. `table.py` has all there is to edit."""
