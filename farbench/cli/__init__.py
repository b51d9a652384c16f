"""The command line: one command a file, and errors turned into one line and an exit code."""

from __future__ import annotations

import errno
import sys
from collections.abc import Sequence

EXIT_FAILED = 1
"""A cell failed, or a gate did not hold."""
EXIT_MISTAKE = 2
"""A mistake in what was asked."""
EXIT_INTERRUPTED = 130

_REFUSED = (errno.ENAMETOOLONG, errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC)
"""What an operating system refuses whatever the program: to be told, not traced."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    Args:
        arguments: The words after ``farbench``; those of the process if None.
    """
    from farbench.cli.app import app
    from farbench.errors import CellFailed, UserError

    try:
        code = app(
            args=None if arguments is None else [*arguments],  # `list` is a submodule here
            prog_name="farbench",
            standalone_mode=False,
        )
    except UserError as error:
        return _fail(str(error), EXIT_MISTAKE)
    except CellFailed as error:
        return _fail(str(error), EXIT_FAILED)
    except KeyboardInterrupt:
        return _interrupted()
    except SystemExit as error:
        # How typer answers when the reader of our output is gone, as in `farbench list | head`.
        if isinstance(error.__context__, BrokenPipeError):
            return 0
        raise
    except OSError as error:
        if error.errno not in _REFUSED:
            raise
        name = f": {str(error.filename)[:100]}" if error.filename else ""
        return _fail(f"{error.strerror}{name}", EXIT_MISTAKE)
    except MemoryError as error:
        return _fail(f"not enough memory. {error}".rstrip(), EXIT_FAILED)
    except Exception as error:
        return _from_typer(error)
    if code == EXIT_INTERRUPTED:  # newer versions of typer catch the interrupt themselves
        return _interrupted()
    return code if isinstance(code, int) else 0


def _from_typer(error: Exception) -> int:
    """Return the exit code of an exception of typer's; any other is a defect and goes on.

    Told by their shape, because typer carries its own copy of click in newer versions.
    """
    if type(error).__name__ == "Abort":
        return _interrupted()
    code = getattr(error, "exit_code", None)
    if not isinstance(code, int):
        raise error
    if not hasattr(error, "format_message"):
        return code
    message = error.format_message()
    if type(error).__name__ == "NoArgsIsHelpError":  # its message is the help
        print(message, file=sys.stderr)
        return code
    context = getattr(error, "ctx", None)
    hint = f" Type `{context.command_path} --help`." if context else ""
    end = "" if message.endswith((".", "?")) else "."
    return _fail(f"{message}{end}{hint}", code)


def _interrupted() -> int:
    return _fail("interrupted; the same command goes on from here.", EXIT_INTERRUPTED)


def _fail(message: str, code: int) -> int:
    print(f"farbench: error: {message}", file=sys.stderr)
    return code
