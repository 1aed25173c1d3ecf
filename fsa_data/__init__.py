"""fsa-data."""
