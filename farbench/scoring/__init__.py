"""Metrics from stored predictions."""
