"""Options of plugins: a section each, from the classes that provide them."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from made.fields import field_table
from made.markdown import code, prose, table

if TYPE_CHECKING:
    from farbench.plugins.registry import Registry


@functools.cache
def shipped() -> Registry:
    """Return what ships with farbench, of which nothing may be broken."""
    from farbench.plugins.manager import load_plugins

    return load_plugins(strict=True)


def options(kind: str) -> str:
    """Return a section for each plugin of a kind (``losses``), or for each grouping."""
    return "\n\n".join(
        f"### `{name}`\n\n{_body(kind, entry.value)}"
        for name, entry in sorted(getattr(shipped(), kind).items())
    )


def _body(kind: str, value: Any) -> str:
    if kind == "groupings":
        rows = [
            (group, code(value.regions.get(group, "")), ", ".join(map(code, members)))
            for group, members in value.groups.items()
        ]
        return f"{prose(value.source)}\n\n{table(('Group', 'Region', 'Attributes'), rows)}"
    parts = [prose(value.__doc__ or "")]
    if value.source:
        parts.append(f"*Source:* {prose(value.source)}")
    if kind == "datasets":
        parts.append(_dataset(value.info))
    return "\n\n".join([*parts, field_table("Option", value)])


def _dataset(info: Any) -> str:
    """Return what `farbench show` says of a data set beside its options."""
    rows = [("Citation", prose(info.citation)), ("Licence", prose(info.licence))]
    if info.homepage:
        rows.append(("Homepage", f"<{info.homepage}>"))
    if info.expected_counts:
        counts = (f"{split} {count:,}" for split, count in info.expected_counts.items())
        rows.append(("Images", ", ".join(counts)))
    return table((info.title, ""), [(name, " ".join(text.split())) for name, text in rows])
