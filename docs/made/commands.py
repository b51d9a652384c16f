"""Every command of `farbench`, from the application itself."""

from __future__ import annotations

import functools
import re
from typing import Any

from made.markdown import code, in_a_line, prose, table


@functools.cache
def command_tree() -> dict[str, Any]:
    """Return the commands by what is typed, ``farbench data verify``, in the order of the help."""
    import typer

    from farbench.cli.app import app

    return dict(_walk(typer.main.get_command(app), "farbench"))


def _walk(command: Any, typed: str) -> list[tuple[str, Any]]:
    below = getattr(command, "commands", {})
    if not below:
        return [(typed, command)]
    return [pair for name, one in below.items() for pair in _walk(one, f"{typed} {name}")]


def parameters(command: Any, typed: str) -> list[tuple[str, str]]:
    """Return the arguments and options as the command's help has them: names and meaning."""
    context = command.make_context(typed, [], resilient_parsing=True)
    found = (one.get_help_record(context) for one in command.get_params(context))
    # Arguments are followed by their type, ``NAME <str>``; options have a metavar.
    return [(re.sub(r"(?<!-) <\w+>$", "", record[0]), record[1]) for record in found if record]


def commands() -> str:
    """Return a section a command: usage, meaning, arguments and options."""
    parts = []
    for typed, command in command_tree().items():
        context = command.make_context(typed, [], resilient_parsing=True)
        usage = " ".join([typed, *command.collect_usage_pieces(context)])
        rows = [(code(names), in_a_line(meaning)) for names, meaning in parameters(command, typed)]
        parts += [
            f"## `{typed}`",
            f"```text\n{usage}\n```",
            prose(command.help or ""),
            table(("Argument or option", "Meaning"), rows),
        ]
    return "\n\n".join(parts)
