"""What every contract shares: a frozen pydantic model whose fields are its options."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict


class Plugin(BaseModel):
    """A named thing that a plugin provides; its pydantic fields are its documented options.

    An instance is one choice of options, immutable and cheap: nothing is built, read or imported
    until a method of the contract is called. Import heavy libraries (torch, timm) inside those
    methods, so that ``farbench list`` stays fast.

    Attributes:
        name: What the user types. Lower case, words joined by underscores.
        source: The paper, equation or code that this follows, for ``farbench show``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    name: ClassVar[str] = ""
    source: ClassVar[str] = ""

    def options(self) -> dict[str, Any]:
        """Return the options as plain JSON-able values, defaults included."""
        return self.model_dump(mode="json")

    def modules(self) -> tuple[str, ...]:
        """Return the modules whose source a result depends on; what they import is followed."""
        return (type(self).__module__,)

    @classmethod
    def summary(cls) -> str:
        """Return the first line of the docstring."""
        return (cls.__doc__ or "").strip().split("\n")[0]
