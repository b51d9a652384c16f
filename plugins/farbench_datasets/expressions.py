"""The seven expressions, with one set of names for every data set that has them."""

from __future__ import annotations

EXPRESSIONS = ("Surprise", "Fear", "Disgust", "Happiness", "Sadness", "Anger", "Neutral")
"""In RAF-DB's order: its label file counts them from 1."""
