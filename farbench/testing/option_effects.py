"""Whether each option of a plugin does anything, told by what can be seen of the plugin."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from farbench.errors import UserError
from farbench.plugins.base import Plugin
from farbench.testing.checks import Broken, NotTried
from farbench.testing.other_values import variants, with_option

P = TypeVar("P", bound=Plugin)
_PARTNERS = 2
"""How many values of a second option are tried beside an option that does nothing alone."""


Look = Callable[[P], str | None]
"""Sees a plugin: a digest of all that its options can change, None if it cannot be built."""


def require_effects(
    plugin: P,
    options: Iterable[str],
    untested: Mapping[str, str],
    looks: Sequence[Look[P]],
    words: Callable[[str], Sequence[str]],
) -> str | None:
    """Try another value of every option.

    An option may do something only where a second one has another value (what kind of attention,
    where there is any), or only in another look (a larger image). All of that is tried before an
    option is called idle.

    Args:
        plugin: The plugin with the options that it is checked with.
        options: Names of the options that it must use.
        untested: Option -> why it cannot be tested, for the reader.
        looks: Ways to look, the cheapest one first.
        words: Option -> what a free string in it may be.

    Returns:
        A note on what was not tested.

    Raises:
        NotTried: There are no options, or nothing can be seen of one: no other value of it works.
        Broken: An option does nothing, or no other value of it is known.
    """
    unknown, idle, unseen = [], [], []
    options = list(options)
    if not options:
        raise NotTried("there are no options")
    for option in options:
        if option in untested:
            continue
        others = variants(plugin, option, words(option))
        if not others:
            unknown.append(option)
            continue
        values = ", ".join(repr(getattr(other, option)) for other in others)
        seen: set[bool | None] = set()
        for look in looks:
            if True not in seen:
                seen.add(_effect(plugin, option, look, words))
        if seen == {None}:
            unseen.append(f"{option}: no other value works ({values}), so what it does is not seen")
        elif True not in seen:
            idle.append((option, f"{getattr(plugin, option)!r} tried against {values}"))
    if idle:
        told = "; ".join(f"{option} ({tried})" for option, tried in idle)
        names = " and ".join(option for option, _ in idle)
        use = f"Use {names} in build, stages or mask_request, or remove it."
        raise Broken(f"nothing changes with {told}", f"{use} {_or_say_why(idle[0][0])}")
    if unknown:
        raise Broken(
            f"no other value of {', '.join(unknown)} could be made up",
            f"Name one: Field(default, examples=[...], description=...). {_or_say_why(unknown[0])}",
        )
    if unseen:
        raise NotTried("; ".join(unseen))
    reasons = [f"{option} not tested: {reason}" for option, reason in untested.items()]
    return "; ".join(reasons) or None


def _or_say_why(option: str) -> str:
    """Return the advice for an option whose effect no test can see."""
    return (
        "If no test can see what it does, say why: untested_options: ClassVar[dict[str, str]] = "
        f'{{"{option}": "the reason"}}.'
    )


def _effect(
    plugin: P, option: str, look: Look[P], words: Callable[[str], Sequence[str]]
) -> bool | None:
    """Return whether another value of the option is seen, alone or beside another second one.

    None if no other value can be looked at.
    """
    compared = False
    for base in _around(plugin, option, words):
        here = look(base)
        if here is None:
            continue
        for other in variants(base, option, words(option))[: None if base is plugin else _PARTNERS]:
            there = look(other)
            if there is not None and there != here:
                return True
            compared = compared or there is not None
    return False if compared else None


def _around(plugin: P, option: str, words: Callable[[str], Sequence[str]]) -> Iterator[P]:
    """Yield the plugin, then what it is with another value of each other option."""
    yield plugin
    for second in type(plugin).model_fields:
        if second != option:
            yield from variants(plugin, second, words(second))[:_PARTNERS]


def works_with(
    plugin: P,
    option: str,
    value: Any,
    attempt: Callable[[P], object],
    words: Callable[[str], Sequence[str]],
) -> bool:
    """Return whether an attempt succeeds with a value of an option, perhaps beside a second one.

    Args:
        plugin: The plugin.
        option: The option that is set.
        value: What it is set to.
        attempt: What is tried; a UserError means no, any other error goes on.
        words: As for :func:`require_effects`.
    """
    for base in _around(plugin, option, words):
        changed = with_option(base, option, value)
        if changed is None:
            continue
        try:
            attempt(changed)
        except UserError:
            continue
        return True
    return False
