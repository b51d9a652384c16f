"""Results against a baseline, cells against cells: what changed, and whether it is noise."""
