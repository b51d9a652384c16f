"""Cells and artifacts on disk, each file whole or absent."""
