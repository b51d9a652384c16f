"""Rows against rows: what is compared, how it is found and kept, and how it is printed."""
