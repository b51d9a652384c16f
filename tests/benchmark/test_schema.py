"""Every key of a protocol says what it means: `farbench show` prints it."""

from __future__ import annotations

from pydantic import BaseModel

from farbench.benchmark.schema import Protocol


def bare(model: type[BaseModel]) -> list[str]:
    """Return the keys without a meaning, sections by their keys."""
    found: list[str] = []
    for key, field in model.model_fields.items():
        section = field.annotation
        if isinstance(section, type) and issubclass(section, BaseModel):
            found += [f"{key}.{one}" for one in bare(section)]
        elif not field.description:
            found.append(key)
    return found


def test_every_key_has_a_meaning():
    assert bare(Protocol) == []
