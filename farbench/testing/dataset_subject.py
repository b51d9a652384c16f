"""A data set under check: where it lies, its index, and its images as the core reads them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from farbench.data.source import Source
from farbench.plugins.dataset import SPLITS, Dataset, FaceIndex, read_index
from farbench.testing.checks import Broken, NotTried
from farbench.testing.plugin_checks import PluginSubject


@dataclass
class DatasetSubject(PluginSubject[Dataset]):
    """A data set and where it lies.

    Attributes:
        data_root: What a user would give as --data-root; None where it is not known.
    """

    data_root: Path | None = None

    @property
    def dataset(self) -> Dataset:
        """The data set with its options."""
        return self.instance

    @cached_property
    def root(self) -> Path | None:
        """The data set's own folder, None where it needs none.

        Raises:
            NotTried: No data root is known.
            Broken: The data set does not find itself below it.
        """
        if not self.dataset.needs_root:
            return None
        if self.data_root is None:
            raise NotTried(
                "it reads files, and no data root is known: give --data-root DIR, or, in a test, "
                "override tree(folder)"
            )
        root = self.dataset.locate(self.data_root)
        if root is None:
            raise Broken(f"locate() does not find '{self.dataset.name}' in {self.data_root}")
        return root

    @cached_property
    def index(self) -> FaceIndex:
        """The index, read once."""
        return read_index(self.dataset, self.root)

    @cached_property
    def source(self) -> Source:
        """The images as the core reads them."""
        return Source(self.dataset, self.root, self.index, manifest="")

    def some(self) -> list[int]:
        """Return where the first and the last image of each split are."""
        positions = [self.source.positions(split).tolist() for split in SPLITS]
        return [chosen for here in positions for chosen in {*here[:1], *here[-1:]}]
