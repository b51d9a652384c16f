"""Are the packages there that a logger writes with?"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable

from farbench import UserError


def need(extra: str, packages: Iterable[str]) -> None:
    """Refuse to go on without packages.

    Args:
        extra: farbench's extra that brings them.
        packages: Their import names.

    Raises:
        UserError: One is not installed.
    """
    missing = [name for name in packages if importlib.util.find_spec(name) is None]
    if missing:
        raise UserError(
            f"not installed: {', '.join(missing)}. Type: pip install 'farbench[{extra}]'"
        )
