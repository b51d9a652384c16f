"""Modules of plugins: are their hooks hooks, and what went wrong when one was imported?"""

from __future__ import annotations

import inspect
import traceback
from types import ModuleType

from pydantic import ValidationError
from pydantic.errors import PydanticErrorMixin

from farbench.errors import did_you_mean
from farbench.plugins import specs

HOOKS = tuple(name for name in vars(specs) if name.startswith("farbench_"))
"""All hooks, in the order of their specifications."""


def in_one_line(error: BaseException, source: str) -> str:
    """Return ``"ZeroDivisionError: division by zero (line 3)"``; the line where a file raised it.

    Of pydantic's errors, which fill several lines and end in web addresses, what is wrong is kept;
    of a mistake in the syntax, the text of its line.
    """
    if isinstance(error, SyntaxError) and error.text and error.text.strip():
        file = "" if error.filename == source else f"{error.filename}, "
        at = f"{file}line {error.lineno}, column {error.offset}"
        return f"{type(error).__name__}: {error.msg} ({at}: `{' '.join(error.text.split())}`)"
    if isinstance(error, ValidationError):
        text = "; ".join(
            f"{'.'.join(map(str, (error.title, *detail['loc'])))}: {detail['msg']}"
            for detail in error.errors(include_url=False)
        )
    else:
        text = error.message if isinstance(error, PydanticErrorMixin) else _said(error)
    lines = [
        line
        for frame, line in traceback.walk_tb(error.__traceback__)
        if frame.f_code.co_filename == source
    ]
    where = f"(line {lines[-1]})" if lines else ""
    what = f"{type(error).__name__}:" if text.strip() else type(error).__name__
    return " ".join([what, *text.split(), where]).rstrip()


def _said(error: BaseException) -> str:
    """Return what an error says; nothing where saying it fails as well."""
    try:
        return str(error)
    except Exception:
        return ""


def check_hooks(module: ModuleType) -> None:
    """Refuse what looks like a hook and would never be called.

    Raises:
        NameError: A function is named like a hook, and there is no such hook.
        TypeError: A hook is not marked.
    """
    for name, value in vars(module).items():
        own = inspect.isfunction(value) and value.__module__ == module.__name__
        if not own or not name.startswith("farbench_"):
            continue
        if name not in HOOKS:
            raise NameError(
                f"unknown hook '{name}'.{did_you_mean(name, HOOKS)} "
                f"Known: {', '.join(sorted(HOOKS))}."
            )
        if not hasattr(value, f"{specs.PROJECT}_impl"):
            raise TypeError(f"hook '{name}' is not marked with @farbench.hookimpl")
