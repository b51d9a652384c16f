"""Hooks, contracts and the manager that finds plugins."""
