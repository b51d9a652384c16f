"""The errors that are the user's to mend, and the words that help to mend them."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path


class UserError(Exception):
    """A mistake in what was asked: printed as one clear line, exit code 2, nothing written.

    The message says what was wrong, what is allowed, and, where there is one, the next command
    to type.
    """


class DamagedFile(UserError):
    """A file that farbench wrote is not as it was written; it can be deleted, and is made again.

    Attributes:
        damage: What is wrong with it, without what to do about it.
    """

    def __init__(self, damage: str) -> None:
        super().__init__(damage)
        self.damage = damage

    def __str__(self) -> str:
        return f"{self.damage}. Delete it to have it rebuilt."


class NoSpace(UserError):
    """A disk is full: the run stops, for what comes next would be lost as well."""


class CellFailed(Exception):
    """A cell could not be finished (exit code 1); the other cells go on."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return ``" Did you mean 'x'?"`` for the nearest known name (in any case), or nothing."""
    by_lower = {name.lower(): name for name in known}
    close = difflib.get_close_matches(word.lower(), list(by_lower), n=1, cutoff=0.6)
    return f" Did you mean '{by_lower[close[0]]}'?" if close else ""


def unknown_name(kind: str, word: str, known: Iterable[str], where: str = "") -> UserError:
    """Build the error for a name that nobody provides.

    Args:
        kind: What was looked for, in the singular ("method").
        word: The name as it was typed.
        known: The names that exist.
        where: The place in a file ("ablation.yaml:12"), if there is one.
    """
    names = sorted(known)
    prefix = f"{where}: " if where else ""
    listed = ", ".join(names) if names else "none"
    return UserError(
        f"{prefix}unknown {kind} '{in_a_line(word)}'.{did_you_mean(word, names)} Known: {listed}."
    )


def in_a_line(word: str, limit: int = 80) -> str:
    """Return a word as a line can hold it: line breaks and the like escaped, the long cut."""
    return shortened(word if word.isprintable() else repr(word)[1:-1], limit)


def shortened(text: str, limit: int = 60) -> str:
    """Return the text, cut at ``limit`` characters where it is longer."""
    return text if len(text) <= limit else f"{text[: limit - 3]}..."


def shown(path: Path) -> str:
    """Return the path as errors show it: relative to the current folder where it is below it."""
    try:
        return str(path.resolve().relative_to(Path.cwd().resolve()))
    except ValueError:
        return str(path)
