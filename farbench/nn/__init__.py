"""Blocks that several methods use."""
