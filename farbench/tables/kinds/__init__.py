"""The kinds of table: one a file, beside what it alone needs."""
