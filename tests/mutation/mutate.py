"""Breaks the modules that numbers depend on, one place at a time, and lists what no test notices.

    python tests/mutation/mutate.py                     # all 800: about half an hour
    python tests/mutation/mutate.py identity --most 40  # 40 mutants of each module named so

A mutant that no test notices is a *survivor*: either a test is missing, or the mutant computes the
same as the original. The latter are listed, each with its reason, in ``equivalent.py`` beside this
file. The exit code is 1 where there are other survivors.

Each mutant is tried in a process forked from one that has imported the libraries and nothing of
farbench, on a temporary copy of the tree, so that a mutant costs its tests and no more.
"""

from __future__ import annotations

import argparse
import ast
import copy
import multiprocessing
import os
import random
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from equivalent import EQUIVALENT

ROOT = Path(__file__).parents[2]
COPIED = ("farbench", "plugins", "tests", "benchmarks", "docs", "pyproject.toml")
SECONDS = 120
"""A mutant whose tests take longer counts as killed: it made a loop endless."""

SCORING = "tests/scoring/test_"
WEIGHTINGS = ("tests/weightings",)
TESTS = {
    "farbench/scoring/numbers.py": (f"{SCORING}attributes.py", f"{SCORING}scalar.py"),
    "farbench/scoring/attributes.py": (f"{SCORING}attributes.py",),
    "farbench/scoring/classes.py": (f"{SCORING}classes.py",),
    "farbench/scoring/scalar.py": (f"{SCORING}scalar.py",),
    "farbench/scoring/landmarks.py": (f"{SCORING}landmark_metrics.py",),
    "farbench/scoring/identity.py": (f"{SCORING}verification.py",),
    "farbench/scoring/calibration.py": (f"{SCORING}calibration.py",),
    "farbench/scoring/mcnemar.py": (f"{SCORING}mcnemar.py",),
    "farbench/masks/scaling.py": ("tests/masks/test_scaling.py",),
    "farbench/benchmark/identity.py": (
        "tests/benchmark/test_identity_parts.py",
        "tests/running/test_identity.py",
    ),
    "plugins/farbench_losses/elementwise.py": (
        "tests/losses/test_attribute_losses.py",
        "tests/losses/test_losses.py",
    ),
    "plugins/farbench_weightings/constant_weights.py": WEIGHTINGS,
    "plugins/farbench_weightings/learned_weights.py": WEIGHTINGS,
    "plugins/farbench_weightings/measured_weights.py": WEIGHTINGS,
    "plugins/farbench_weightings/random_weights.py": WEIGHTINGS,
}
"""Module to the tests that should notice a fault in it."""

SWAPS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.And: ast.Or,
    ast.Or: ast.And,
}


@dataclass(frozen=True)
class Mutant:
    """One fault: the whole text of the module with it, and the lines that it changed."""

    module: str
    line: int
    old: str
    new: str
    text: str


def mutants_of(module: str, text: str) -> Iterator[Mutant]:
    """Yield every mutant of a module, top to bottom."""
    tree = ast.parse(text)
    for node in _mutable(tree):
        for changed in _changes(node):
            yield _replaced(module, text, node, changed)
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef):
            yield from _other_returns(module, text, function)


def _mutable(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes that compute: no annotations, messages of errors or conditional imports."""
    if isinstance(node, ast.JoinedStr | ast.Raise):
        return
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        return
    if isinstance(node, ast.keyword) and node.arg == "strict":
        return  # of zip(): a guard against faults elsewhere
    yield node
    if isinstance(node, ast.UnaryOp) and isinstance(node.operand, ast.Constant):
        return  # -1 is one constant
    for field, value in ast.iter_fields(node):
        if field in ("annotation", "returns", "decorator_list"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from _mutable(child)


def _changes(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what may stand in a node's place; for an ``if``, in the place of its condition."""
    match node:
        case ast.Compare():
            for place, operator in enumerate(node.ops):
                compared = copy.deepcopy(node)
                compared.ops[place] = SWAPS[type(operator)]()  # type: ignore[call-overload]
                yield compared
        case ast.BinOp(op=op) | ast.BoolOp(op=op) | ast.AugAssign(op=op) if type(op) in SWAPS:
            joined = copy.deepcopy(node)
            joined.op = SWAPS[type(op)]()  # type: ignore[assignment]
            yield joined
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
            yield ast.Constant(value)
            yield ast.Constant(1 - value)
        case ast.UnaryOp():
            yield node.operand
        case ast.Constant(value=bool() as value):
            yield ast.Constant(not value)
        case ast.Constant(value=int() | float() as value):
            yield ast.Constant(value + 1)
        case ast.If() | ast.IfExp():
            yield ast.Constant(False)


def _other_returns(module: str, text: str, function: ast.FunctionDef) -> Iterator[Mutant]:
    """Yield mutants that return another value: the name bound last, or a pair turned around."""
    bound = [argument.arg for argument in function.args.args if argument.arg != "self"]
    for node in _mutable(function):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            bound.append(node.id)
        if isinstance(node, ast.Return) and node.value is not None:
            value = node.value
            if isinstance(value, ast.Tuple) and len(value.elts) == 2:
                turned = ast.Tuple(elts=value.elts[::-1], ctx=ast.Load())
                if ast.dump(turned) != ast.dump(value):
                    yield _replaced(module, text, value, turned)
                continue
            others = [name for name in bound if name != ast.unparse(value)]
            if others:
                yield _replaced(module, text, value, ast.Name(others[-1]))


def _replaced(module: str, text: str, node: ast.AST, changed: ast.AST) -> Mutant:
    """Put a node in the place of another, and leave every other character as it is."""
    if isinstance(node, ast.If | ast.IfExp) and isinstance(changed, ast.Constant):
        node = node.test
    assert isinstance(node, ast.expr | ast.stmt)
    assert node.end_lineno is not None
    assert node.end_col_offset is not None
    lines = text.encode().splitlines(keepends=True)  # columns count bytes
    first, last = node.lineno - 1, node.end_lineno - 1
    source = ast.unparse(changed)
    middle = source if isinstance(node, ast.stmt) else f"({source})"
    before, after = lines[first][: node.col_offset], lines[last][node.end_col_offset :]
    new = before + middle.encode() + after
    return Mutant(
        module,
        node.lineno,
        old=" ".join(b"".join(lines[first : last + 1]).decode().split()),
        new=" ".join(new.decode().split()),
        text=b"".join([*lines[:first], new, *lines[last + 1 :]]).decode(),
    )


def passes(tree: Path, tests: tuple[str, ...], *, compile_to_disk: bool = False) -> bool:
    """Tell whether the tests of a tree pass, in a forked process."""
    child = multiprocessing.get_context("fork").Process(
        target=_run_pytest, args=(tree, tests, compile_to_disk)
    )
    child.start()
    child.join(SECONDS)
    if child.is_alive():
        child.kill()
        child.join()
    return child.exitcode == 0


def _run_pytest(tree: Path, tests: tuple[str, ...], compile_to_disk: bool) -> None:
    silent = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silent, 1)
    os.dup2(silent, 2)
    os.chdir(tree)
    paths = [str(tree), str(tree / "plugins")]
    sys.path[:0] = paths
    os.environ["PYTHONPATH"] = os.pathsep.join(paths)
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # saves their imports, in every child
    # Two mutants of one second and one length would share a .pyc.
    sys.dont_write_bytecode = not compile_to_disk
    import pytest

    options = ["-x", "-q", "-p", "no:cacheprovider", "-p", "pytest_timeout"]
    os._exit(int(pytest.main([*options, *tests])))


def survivors_of(tree: Path, module: str, chosen: list[Mutant]) -> Iterator[Mutant]:
    """Yield the mutants of a module that its tests do not notice.

    Raises:
        SystemExit: The tests fail without any mutant.
    """
    tests = TESTS[module]
    if not passes(tree, tests, compile_to_disk=True):
        raise SystemExit(f"{module}: its tests fail as it stands: pytest {' '.join(tests)}")
    path = tree / module
    for compiled in (path.parent / "__pycache__").glob(f"{path.stem}.*.pyc"):
        compiled.unlink()
    original = path.read_text(encoding="utf-8")
    for mutant in chosen:
        path.write_text(mutant.text, encoding="utf-8")
        if passes(tree, tests):
            yield mutant
    path.write_text(original, encoding="utf-8")


def main() -> None:
    """Try the mutants that the command line asks for, and print what survives."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("modules", nargs="*", help="parts of modules' paths; all without")
    parser.add_argument("--most", type=int, help="a sample of so many mutants of each module")
    parser.add_argument("--seed", type=int, default=0, help="of the sample")
    asked = parser.parse_args()
    # What every child needs and no mutant is in: imported once, before the fork.
    import pydantic  # noqa: F401
    import sklearn.metrics  # noqa: F401
    import torch  # noqa: F401

    made, same, left = 0, 0, 0
    with tempfile.TemporaryDirectory(prefix="farbench-mutants-") as folder:
        tree = Path(folder)
        copy_tree(tree)
        for module in TESTS:
            if asked.modules and not any(part in module for part in asked.modules):
                continue
            chosen = list(mutants_of(module, (ROOT / module).read_text(encoding="utf-8")))
            if asked.most is not None and asked.most < len(chosen):
                chosen = random.Random(asked.seed).sample(chosen, asked.most)
            print(f"{module}: {len(chosen)} mutants", flush=True)
            for one in survivors_of(tree, module, chosen):
                if one.new in EQUIVALENT.get(module, {}):
                    same += 1
                    continue
                left += 1
                print(f"  {module}:{one.line}\n  - {one.old}\n  + {one.new}", flush=True)
            made += len(chosen)
    print(f"{made} mutants: {made - same - left} killed, {same} equivalent, {left} survive")
    sys.exit(1 if left else 0)


def copy_tree(to: Path) -> None:
    """Copy what the tests need of the repository."""
    for name in COPIED:
        if (ROOT / name).is_dir():
            ignored = shutil.ignore_patterns("__pycache__", ".*")
            shutil.copytree(ROOT / name, to / name, ignore=ignored)
        else:
            shutil.copy(ROOT / name, to / name)


if __name__ == "__main__":
    main()
