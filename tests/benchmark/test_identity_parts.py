"""The parts of an identity: digests of values, of sources and of what they import."""

from __future__ import annotations

import importlib
import importlib.metadata
import re
import sys
import types
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

import farbench
from farbench.benchmark.identity import (
    LIBRARIES,
    Identity,
    _read_module,
    code_identity,
    digest,
    library_versions,
)

PACKAGE = {
    "__init__.py": "",
    "first.py": '"""Of farbench and itself."""\nfrom .second import two\nimport math\n',
    "second.py": "from . import third\ntwo = 2\n",
    "third.py": "import toy_identity.fourth\nthree = 3\n",
    "fourth.py": "from farbench import Loss, errors\n",
    "room/__init__.py": "from .inner import four\n",
    "room/inner.py": "from ..third import three\nfour = three + 1\n",
    "plain.py": "three = 3\n",
}


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Write a package of several modules; return its folder."""
    folder = tmp_path / "toy_identity"
    for name, text in PACKAGE.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    yield folder
    _read_module.cache_clear()
    for name in [name for name in sys.modules if name.startswith("toy_identity")]:
        del sys.modules[name]


def modules(*names: str) -> dict[str, str]:
    _read_module.cache_clear()
    return code_identity(names)["modules"]


def test_keys_of_stored_results_stay_what_they_are():
    value = {"b": [1, 2.5, None, True], "a": "Größe"}
    expected = "c552f3da30df2a1d"
    assert digest(value)[:16] == expected
    assert digest(dict(reversed(value.items()))) == digest(value)


def test_each_part_is_in_the_key():
    one = Identity({"epochs": 1}, {"torch": "2"}, {"device": "cpu"})
    others = [
        Identity({"epochs": 2}, one.code, one.numerics),
        Identity(one.recipe, {"torch": "3"}, one.numerics),
        Identity(one.recipe, one.code, {"device": "cuda"}),
    ]
    assert len({one.key, *(other.key for other in others)}) == 4
    assert one.as_dict() == {
        "key": digest([{"epochs": 1}, {"torch": "2"}, {"device": "cpu"}]),
        "recipe": {"epochs": 1},
        "code": {"torch": "2"},
        "numerics": {"device": "cpu"},
    }


def test_libraries_that_are_not_installed_are_left_out(monkeypatch):
    def version(name: str) -> str:
        if name == "dlib-bin":
            raise importlib.metadata.PackageNotFoundError(name)
        return f"1.0 of {name}"

    monkeypatch.setattr(importlib.metadata, "version", version)
    library_versions.cache_clear()
    try:
        assert library_versions() == {
            name: f"1.0 of {name}" for name in LIBRARIES if name != "dlib-bin"
        }
    finally:
        library_versions.cache_clear()


@pytest.mark.parametrize("imported", [False, True])
def test_imports_within_a_package_are_followed(package, imported):
    if imported:
        importlib.import_module("toy_identity.first")
    below = {"toy_identity.third", "toy_identity.fourth"}

    def followed(name: str) -> set[str]:
        return {found for found in modules(name) if found.startswith("toy_identity")}

    # A name that is imported from a module may be a module: the package itself is one.
    expected = {"toy_identity", "toy_identity.first", "toy_identity.second"}
    assert followed("toy_identity.first") == expected | below
    assert followed("toy_identity.room") == {"toy_identity.room", "toy_identity.room.inner"} | below


def test_what_farbench_lends_is_followed_to_where_it_lives(package):
    found = modules("toy_identity.fourth")
    assert farbench._HOME["Loss"] in found
    assert "farbench" not in found
    assert "farbench.errors" not in found
    assert all(re.fullmatch("[0-9a-f]{16}", sources) for sources in found.values())


def test_what_has_no_source_is_not_digested(package):
    (package / "third.py").unlink()
    assert "toy_identity.third" not in modules("toy_identity.first")
    assert modules("sys", "no_such_module", "toy_identity.none") == {}


def test_a_compiled_module_is_not_read_as_source(package, monkeypatch):
    compiled = package / f"fast{EXTENSION_SUFFIXES[0]}"
    compiled.write_bytes(b"\x7fELF\x80")
    (package / "third.py").write_text("from . import fast\n")
    assert set(modules("toy_identity.third")) == {"toy_identity", "toy_identity.third"}
    imported = types.ModuleType("toy_identity.fast")
    imported.__file__ = str(compiled)
    monkeypatch.setitem(sys.modules, imported.__name__, imported)
    assert set(modules("toy_identity.third")) == {"toy_identity", "toy_identity.third"}


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("# a comment\nthree = 3\n", True),
        ('"""A docstring."""\nthree = (\n    3)\n', True),
        ("if TYPE_CHECKING:\n    import unheard\nthree = 3\n", True),
        ("if CHECKING:\n    import unheard\nthree = 3\n", False),
        ("three = 4\n", False),
        ("three = 3\nthree\n", False),
        ("three = 3\n4\n", False),
        ('three = "3"\n', False),
    ],
)
def test_only_a_change_of_the_program_is_another_digest(package, text, same):
    before = modules("toy_identity.plain")
    (package / "plain.py").write_text(text)
    after = modules("toy_identity.plain")
    assert list(after) == list(before) == ["toy_identity.plain"]
    assert (after == before) is same


def test_two_plugin_files_of_one_name_are_both_there(tmp_path, monkeypatch):
    for place, text in (("0a", "x = 1\n"), ("0b", "x = 2\n"), ("0c", "x = 3\n")):
        module = types.ModuleType(f"farbench_plugin_mine_{place}")
        module.__file__ = str(tmp_path / f"{place}.py")
        Path(module.__file__).write_text(text)
        monkeypatch.setitem(sys.modules, module.__name__, module)
    names = [f"farbench_plugin_mine_{place}" for place in ("0a", "0b", "0c")]
    (one,), (two,), (three,) = (modules(name).values() for name in names)
    assert modules(*names) == {"farbench_plugin_mine": "+".join(sorted([one, two, three]))}
    assert modules(*names[::-1]) == modules(*names)


def test_rooms_that_cannot_change_a_number_are_not_followed():
    assert modules("farbench", "farbench.plugins.registry", "farbench.errors") == {}
    found = modules("farbench.training.train", "farbench.store.artifacts")
    assert "farbench.training.stage" in found
    assert "farbench.data.batches" in found
    for room in ("errors", "limits", "store", "benchmark", "tables", "scoring"):
        assert not [name for name in found if f"{name}.".startswith(f"farbench.{room}.")]
    assert "farbench" not in found
