"""Benchmark files: their schema, how they are loaded, and the rows they ask for."""
