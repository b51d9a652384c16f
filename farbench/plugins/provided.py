"""What the module of a plugin provides, each thing held to its contract as far as a look tells."""

from __future__ import annotations

import inspect
import re
from types import ModuleType
from typing import Any

from farbench.plugins.dataset import Dataset, DatasetInfo
from farbench.plugins.files import is_file
from farbench.plugins.grouping import Grouping
from farbench.plugins.registry import KINDS, Entry

_NAME = re.compile(r"[a-z][a-z0-9_]*")


def provided_by(module: ModuleType, source: str) -> list[tuple[str, Entry[Any]]]:
    """Return what a plugin provides: by its hooks, or, in a plain file without any, by itself.

    Args:
        module: The plugin's module.
        source: The distribution and version, or the file.

    Returns:
        The kind (see ``KINDS``) and the entry of each thing.

    Raises:
        TypeError: A thing is not what its hook promises, or lacks what it is known by.
    """
    given = vars(module)
    hooks = {kind: given[of.hook] for kind, of in KINDS.items() if of.hook in given}
    if hooks or not is_file(module.__name__):
        provided = [(kind, value) for kind, hook in hooks.items() for value in hook()]
    else:
        provided = _written_in(module)
    return [(kind, _entry(value, KINDS[kind].base, source, module)) for kind, value in provided]


def _written_in(module: ModuleType) -> list[tuple[str, Any]]:
    """Return the public things of a file, but for classes that are only imported there."""
    found = []
    for name, value in vars(module).items():
        for kind, of in KINDS.items():
            if name.startswith("_") or not _is_one(value, of.base):
                continue
            if of.base is Grouping or value.__module__ == module.__name__:
                found.append((kind, value))
    return found


def _is_one(value: Any, base: type[Any]) -> bool:
    """Tell whether this is a class of a contract, or, of groupings, a record."""
    if base is Grouping:
        return isinstance(value, base)
    return inspect.isclass(value) and issubclass(value, base)


def _entry(value: Any, base: type[Any], source: str, module: ModuleType) -> Entry[Any]:
    """Check one provided thing against its contract.

    Raises:
        TypeError: It is not what its hook promises, or has no usable name.
    """
    if not _is_one(value, base):
        raise TypeError(f"{value!r} is not a {base.__name__}")
    what = f"{base.__name__} {getattr(value, '__name__', '')}".rstrip()
    name = getattr(value, "name", None)
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise TypeError(
            f"{what} needs `name: ClassVar[str]` of lower-case letters, digits and underscores"
            + (f", not {name!r}" if name else " (a class that is only a base starts with _)")
        )
    if base is Dataset and not isinstance(getattr(value, "info", None), DatasetInfo):
        raise TypeError(f"{what} needs `info: ClassVar[DatasetInfo]`")
    return Entry(value.name, value, source, _origin(value, module))


def _origin(value: Any, module: ModuleType) -> str:
    """Return ``file:line`` of a class whose source can be read, the file of anything else."""
    if inspect.isclass(value):
        try:
            return f"{inspect.getsourcefile(value)}:{inspect.getsourcelines(value)[1]}"
        except OSError:
            pass
    return str(module.__file__)
