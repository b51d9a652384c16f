"""What the peers of MGMTN's Table 2 share: the tasks that they predict and their stages."""

from __future__ import annotations

from typing import ClassVar

from farbench import Method, Stage


class Peer(Method):
    """A network of another paper, trained for as many steps as the rows of MGMTN.

    Those train their trunk in two stages, ``global`` and ``joint``. So a peer trains all of itself
    in both; in between the optimizer starts anew, as it does there. A protocol with
    ``stage_epochs: {global: 0}`` leaves the first one out.
    """

    task_kinds: ClassVar[tuple[str, ...]] = ("attributes",)

    def stages(self) -> tuple[Stage, ...]:
        """Train everything twice, so that no row takes more steps than another."""
        return (Stage("global", self), Stage("joint", self))
