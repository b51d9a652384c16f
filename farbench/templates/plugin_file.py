"""A plugin in one file: the template of its kind under another name."""

from __future__ import annotations

import re
from pathlib import Path

FILES = Path(__file__).parent / "files"

PROVIDED: dict[str, tuple[tuple[str, str], ...]] = {
    "method": (("methods", ""), ("losses", "_loss")),
    "dataset": (("datasets", ""),),
    "loss": (("losses", ""),),
    "weighting": (("weightings", ""),),
    "keypoints": (("keypoints", ""),),
    "grouping": (("groupings", ""),),
    "corruption": (("corruptions", ""),),
}
"""Kind -> what its template provides: the plural of a kind, and what follows the name."""


def plugin_text(kind: str, name: str, check: str = "") -> str:
    """Return a commented plugin of a kind that keeps to its contract.

    Args:
        kind: A key of :data:`PROVIDED`.
        name: What the plugin is called; its class is called the same in CamelCase, a record (a
            grouping) in capitals.
        check: The command that holds it against its contract, if not `farbench test-plugin`.
    """
    text = (FILES / f"{kind}.py").read_text(encoding="utf-8")
    if check:
        text = re.sub("(?m)^After each change: .*", f"After each change: {check}", text)
    for spelt in (str, class_name, str.upper):
        text = text.replace(spelt(f"my_{kind}"), spelt(name))
    return text


def class_name(name: str) -> str:
    """Return ``"GateNet"`` for ``"gate_net"``."""
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))
