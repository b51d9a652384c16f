"""The parts of the documentation that are made from the code when the site is built."""

from __future__ import annotations

import re
from collections.abc import Callable

from made.commands import commands
from made.hooks import hooks
from made.methods import method
from made.metrics import costs, metrics
from made.options import options
from made.schema import schema

MAKERS: dict[str, Callable[..., str]] = {
    "commands": commands,
    "costs": costs,
    "hooks": hooks,
    "method": method,
    "metrics": metrics,
    "options": options,
    "schema": schema,
}
"""What a comment ``<!-- made: NAME ARGUMENT ... -->`` stands for."""

_COMMENT = re.compile(r"^<!-- made: (\w+)(.*?) -->$", re.MULTILINE)


def filled(markdown: str) -> str:
    """Return a page with its comments replaced by what they stand for.

    Raises:
        KeyError: A comment names nothing that is made.
    """
    return _COMMENT.sub(lambda found: MAKERS[found[1]](*found[2].split()), markdown)
