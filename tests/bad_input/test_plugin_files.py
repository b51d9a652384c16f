"""Plugin files of a benchmark that raise, exit, print or never end: left out, in one line."""

from __future__ import annotations

import sys
from typing import Any

import pytest

HOOK = "from farbench import hookimpl\n\n@hookimpl\ndef farbench_methods():\n    "

NULL_BYTES = "SyntaxError" if sys.version_info >= (3, 11, 4) else "ValueError"
BROKEN = {
    "raises": ("raise RuntimeError('one\\ntwo')", "RuntimeError: one two (line 1)"),
    "exits": ("import sys\nsys.exit(3)", "SystemExit: 3 (line 2)"),
    "exits without a word": ("exit()", "SystemExit: None (line 1)"),
    "recurses": ("def f():\n    f()\nf()", "RecursionError: maximum recursion depth exceeded"),
    "ends generators": ("raise GeneratorExit", "GeneratorExit (line 1)"),
    "raises what is no Exception": (
        "class Odd(BaseException):\n    pass\nraise Odd('x')",
        "Odd: x (line 3)",
    ),
    "raises what cannot be said": (
        "class Dumb(Exception):\n    def __str__(self):\n        raise ValueError\nraise Dumb",
        "Dumb (line 4)",
    ),
    "is no Python": ("def (", "SyntaxError: invalid syntax"),
    "has a zero byte": ("a = 1\0", f"{NULL_BYTES}: source code string cannot contain null bytes"),
    "has a hook that exits": (f"{HOOK}raise SystemExit(4)", "SystemExit: 4 (line 5)"),
    "has a hook that gives nothing": (f"{HOOK}return None", "TypeError: 'NoneType' object is not"),
    "has a hook that gives junk": (f"{HOOK}return [3]", "TypeError: 3 is not a Method"),
    "has a hook that recurses": (f"{HOOK}return farbench_methods()", "RecursionError: maximum"),
    "has a class whose attributes raise": (
        "from farbench import Method\n\nclass Meta(type(Method)):\n"
        "    def __getattribute__(cls, name):\n        raise RuntimeError('no')\n\n"
        "class Odd(Method, metaclass=Meta):\n    pass",
        "RuntimeError: no (line",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_plugin_file_that_breaks_is_left_out(tiny: Any, case: str) -> None:
    text, told = BROKEN[case]
    path = tiny.folder / "broken.py"
    path.write_text(text)
    outcome = tiny.cli("list", "losses", "--plugins", path)
    assert outcome.code == 0
    (line,) = outcome.err.splitlines()
    assert line.startswith(f"farbench: warning: plugin 'broken' ({path}) is left out: {told}")
    strict = tiny.cli("list", "losses", "--plugins", path, "--strict")
    assert strict.code == 2
    (line,) = strict.err.splitlines()
    assert line.startswith(f"farbench: error: plugin 'broken' ({path}) is broken: {told}")


def test_a_benchmark_runs_without_a_plugin_file_that_exits(tiny: Any) -> None:
    (tiny.folder / "broken.py").write_text("print('here')\nexit(4)")
    held = tiny.file.read_text()
    tiny.file.write_text(held.replace("plugins: [", "plugins: [broken.py, "))
    outcome = tiny.run("--dry-run")
    assert "plugin 'broken'" in outcome.err
    assert "is left out: SystemExit: 4 (line 2)" in outcome.err


def test_a_plugin_file_that_interrupts_ends_the_command(tiny: Any) -> None:
    path = tiny.folder / "tiny_method.py"
    path.write_text("raise KeyboardInterrupt")
    outcome = tiny.cli("list", "losses", "--plugins", path)
    assert outcome.code == 130
    assert outcome.err == "farbench: error: interrupted; the same command goes on from here.\n"
