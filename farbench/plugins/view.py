"""A data set seen through something: what every such view hands on as it is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from farbench.plugins.dataset import Dataset, DatasetInfo

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class DatasetView(Dataset):
    """The data set ``inner`` under its own name; a subclass changes labels or images."""

    inner: Dataset

    @property
    def name(self) -> str:  # type: ignore[override]
        """The data set's own name."""
        return self.inner.name

    @property
    def info(self) -> DatasetInfo:  # type: ignore[override]
        """The data set's own metadata."""
        return self.inner.info

    @property
    def needs_root(self) -> bool:  # type: ignore[override]
        """Whether the data set does."""
        return self.inner.needs_root

    @property
    def default_tasks(self) -> tuple[str, ...]:  # type: ignore[override]
        """The data set's own, as far as the view offers them."""
        offered = {task.name for task in self.tasks()}
        return tuple(name for name in self.inner.default_tasks if name in offered)

    def refused_tasks(self) -> dict[str, str]:
        """Return those that the data set itself does not offer."""
        return self.inner.refused_tasks()

    def modules(self) -> tuple[str, ...]:
        """Return the data set's modules beside the view's."""
        return (type(self).__module__, *self.inner.modules())

    def locate(self, data_root: Path) -> Path | None:
        """Let the data set find its folder."""
        return self.inner.locate(data_root)

    def sizes(self, root: Path | None, images: Sequence[str]) -> Sequence[int]:
        """Ask the data set."""
        return self.inner.sizes(root, images)

    def stamps(self, root: Path | None, images: Sequence[str]) -> Sequence[int]:
        """Ask the data set."""
        return self.inner.stamps(root, images)

    def checksums(self, root: Path | None, images: Sequence[str]) -> Sequence[int]:
        """Ask the data set."""
        return self.inner.checksums(root, images)

    def read(self, root: Path | None, row: Any) -> NDArray[np.uint8]:
        """Let the data set read it."""
        return self.inner.read(root, row)
