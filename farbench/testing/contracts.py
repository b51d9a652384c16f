"""The contracts as classes of tests: inherit one, name the plugin, and pytest tries every line."""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest

from farbench.plugins.grouping import Grouping
from farbench.plugins.manager import load_plugins
from farbench.plugins.registry import Registry
from farbench.testing.catalogue import checks_of, subject_of
from farbench.testing.checks import Check, Subject, run_check


@functools.cache
def _installed() -> Registry:
    return load_plugins()


class ContractTest:
    """What the classes of all kinds share.

    Attributes:
        plugin: The plugin's class; for a grouping the record.
        options: Options that differ from the defaults: sizes that make the test quick.
        untested_options: Option -> why no test can show what it does.
    """

    kind: ClassVar[str]
    plugin: ClassVar[Any]
    options: ClassVar[Mapping[str, Any]] = {}
    untested_options: ClassVar[Mapping[str, str]] = {}

    @pytest.fixture
    def subject(self, tmp_path_factory: pytest.TempPathFactory) -> Subject:
        """What is checked; one for all lines, so that what was seen is not seen again."""
        cls = type(self)
        if "_subject" not in vars(cls):
            if not hasattr(cls, "plugin"):
                pytest.fail(f"{cls.__name__} names no plugin: write `plugin = MyPlugin`")
            cls._subject = subject_of(  # type: ignore[attr-defined]
                cls.kind,
                cls.plugin,
                _installed(),
                cls.options,
                self.data_root(tmp_path_factory),
                cls.untested_options,
            )
        subject: Subject = vars(cls)["_subject"]
        return subject

    def data_root(self, tmp_path_factory: pytest.TempPathFactory) -> Path | None:
        """Return where data sets are; only data sets need it."""
        return None

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Make each line of the contract a test of its own; asked by pytest."""
        if "check" in metafunc.fixturenames:
            metafunc.parametrize("check", checks_of(self.kind), ids=lambda check: check.name)

    def test_contract(self, check: Check[Any], subject: Subject) -> None:
        """Keep to one line of the contract."""
        require(check, subject)


def require(check: Check[Any], subject: Subject) -> None:
    """Try a line of a contract as a test: skip or fail in its words."""
    outcome = run_check(check, subject)
    if outcome.status == "skipped":
        pytest.skip(outcome.seen)
    if outcome.status == "failed":
        told = "\n  ".join((f"{check.name}: {outcome.seen}", *outcome.advice()))
        if outcome.error is not None:
            raise AssertionError(told) from outcome.error
        pytest.fail(told, pytrace=False)


class MethodContract(ContractTest):
    """The contract of a method: ``class TestMine(MethodContract): plugin = Mine``.

    Options `backbone` and `width` that are not given are made small.
    """

    kind = "methods"


class DatasetContract(ContractTest):
    """The contract of a data set; override :meth:`tree` to build a tiny tree of its files."""

    kind = "datasets"

    def tree(self, folder: Path) -> Path | None:
        """Write a tiny tree in the data set's layout and return its data root.

        Three splits of two images each do. Without it ``FARBENCH_DATA`` is the data root, and
        what needs files is skipped where that is not set.

        Args:
            folder: An empty folder.
        """
        given = os.environ.get("FARBENCH_DATA")
        return Path(given) if given else None

    def data_root(self, tmp_path_factory: pytest.TempPathFactory) -> Path | None:
        """Return the tiny tree, or the data root of the environment."""
        return self.tree(tmp_path_factory.mktemp(type(self).__name__))


class LossContract(ContractTest):
    """The contract of a loss, for every kind of task that it is made for."""

    kind = "losses"


class WeightingContract(ContractTest):
    """The contract of a task weighting."""

    kind = "weightings"


class KeypointContract(ContractTest):
    """The contract of a keypoint model."""

    kind = "keypoints"


class CorruptionContract(ContractTest):
    """The contract of a corruption."""

    kind = "corruptions"


class GroupingContract(ContractTest):
    """The contract of a grouping: ``plugin`` is the record."""

    kind = "groupings"
    plugin: ClassVar[Grouping]
