"""Keys of benchmark files and protocols, from the models that check them."""

from __future__ import annotations

from made.fields import field_table


def schema(model: str) -> str:
    """Return the table of a model of `farbench.benchmark.schema`, or of published tables."""
    from farbench.benchmark import schema as models
    from farbench.tables.published import rows as published

    return field_table("Key", getattr(models, model, None) or getattr(published, model))
