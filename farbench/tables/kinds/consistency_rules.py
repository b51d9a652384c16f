"""Files of rules: which attributes exclude one another."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, ValidationError

from farbench.benchmark.explain import user_error
from farbench.benchmark.locate import find
from farbench.benchmark.schema import Section
from farbench.benchmark.yaml_lines import read_yaml

SHIPPED = "celeba"
"""The rules that are used where none are named."""


class Rule(Section):
    """Attributes of which at most one is true of a face."""

    name: str = Field(description="What a table prints for the combination.")
    at_most_one: tuple[str, ...] = Field(min_length=2, description="The attributes.")
    source: str = Field("", description="Who says so; empty for whoever wrote the file.")


class Rules(Section):
    """A file of rules."""

    title: str = Field(description="What the rules are, for captions.")
    rules: tuple[Rule, ...] = Field(min_length=1)


def load_rules(source: str | Path) -> Rules:
    """Load a file of rules by shipped name or path.

    Raises:
        UserError: It does not exist or is malformed; one line a mistake, with file and line.
    """
    document = read_yaml(find("rule set", str(source)))
    try:
        return Rules.model_validate(document.data)
    except ValidationError as error:
        raise user_error(error, Rules, document.data, document.places) from None
