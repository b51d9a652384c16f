"""Trained networks on faces made harder to read; nothing here trains."""
