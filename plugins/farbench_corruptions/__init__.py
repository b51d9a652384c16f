"""The corruptions that ship with farbench, as an ordinary plugin."""

from __future__ import annotations

from collections.abc import Sequence

from farbench import Corruption, hookimpl


@hookimpl
def farbench_corruptions() -> Sequence[type[Corruption]]:
    """Provide what hides, degrades and moves a face."""
    from farbench_corruptions.blur import Blur
    from farbench_corruptions.noise import Noise
    from farbench_corruptions.occlusion import Occlusion
    from farbench_corruptions.rotation import Rotation
    from farbench_corruptions.scale import Scale

    return [Occlusion, Blur, Noise, Rotation, Scale]
