"""Stages, the loop, checkpoints."""
