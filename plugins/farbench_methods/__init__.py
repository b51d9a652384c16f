"""The methods that ship with farbench, as an ordinary plugin."""

from __future__ import annotations

from collections.abc import Sequence

from farbench import Grouping, Method, hookimpl


@hookimpl
def farbench_methods() -> Sequence[type[Method]]:
    """Provide the baseline and the rows of MGMTN."""
    from farbench_methods.attribute_grouping import AttributeGrouping
    from farbench_methods.baseline import Baseline
    from farbench_methods.mgmtn import AML, G2FFChannel, G2FFChannelSpatial, G2FFSpatial

    return [Baseline, AttributeGrouping, AML, G2FFChannel, G2FFSpatial, G2FFChannelSpatial]


@hookimpl
def farbench_groupings() -> Sequence[Grouping]:
    """Provide the attribute groupings of the papers."""
    from farbench_methods.groupings import GROUPINGS

    return GROUPINGS
