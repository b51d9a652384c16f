"""What masks cost a step: g2ff_ca with stored and with online masks, against baseline."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from farbench.bench.side_by_side import Ratio, ratio, time_in_turn
from farbench.bench.workload import Workload, make_ready, plan_method
from farbench.plugins.manager import load_plugins
from farbench.training.optimizer import make_optimizer

BACKBONES = ("tf_efficientnet_lite0", "resnet50")


class Ready(nn.Module):
    """Stands in a network where its trunk was, and returns maps that are there already."""

    def __init__(self, final: Tensor, levels: dict[int, Tensor]) -> None:
        """Take the maps; gradients end at them."""
        super().__init__()
        self.final = final.detach().requires_grad_()
        self.levels = {level: maps.detach().requires_grad_() for level, maps in levels.items()}

    def forward(self, _: Tensor) -> tuple[Tensor, dict[int, Tensor]]:
        """Return what a trunk returns."""
        return self.final, self.levels


def measure(
    backbones: tuple[str, ...] = BACKBONES,
    side: int = 112,
    batch_size: int = 36,
    steps: int = 3,
    rounds: int = 5,
    device: str = "cpu",
) -> dict[str, Ratio]:
    """Train epochs of the same images with farbench's loop, input included.

    `own_layers` are those of g2ff_ca alone: attention, masked pooling, a head a group, on features
    that are ready, with their backward pass and their part of the optimizer's step.

    Args:
        backbones: timm's names.
        side: Of the crop.
        batch_size: Images a step.
        steps: An epoch.
        rounds: Epochs of each that count, in turn.
        device: Where.

    Returns:
        By backbone, ratios of processor time (by the clock on a GPU): ``offline``, (g2ff_ca -
        own_layers) / baseline; ``own_layers`` / baseline; ``whole``, g2ff_ca / baseline;
        ``online``, g2ff_ca with masks predicted in every step / with stored ones.
    """
    registry = load_plugins(())
    found: dict[str, Ratio] = {}
    for backbone in backbones:

        def ready(method: str, *sets: str, backbone: str = backbone) -> Workload:
            cell = plan_method(
                method,
                registry,
                image_size=side,
                batch_size=batch_size,
                steps=steps,
                sets=[f"method.backbone={backbone}", *sets],
                device=device,
            )
            return make_ready(cell)

        own = ready("g2ff_ca")
        timed = time_in_turn(
            {
                "baseline": ready("baseline").epoch,
                "offline": ready("g2ff_ca").epoch,
                "online": ready("g2ff_ca", "protocol.masks.online=true").epoch,
                "own_layers": own_layers(own),
            },
            rounds,
        )
        on_gpu = own.cell.compute.device.type == "cuda"
        taken = {name: one.wall if on_gpu else one.cpu for name, one in timed.items()}
        found |= {f"{backbone}_{name}": one for name, one in _figures(taken).items()}
    return found


def _figures(taken: Mapping[str, tuple[float, ...]]) -> dict[str, Ratio]:
    """Return the ratios of one backbone from the seconds of each round."""
    pairs = zip(taken["offline"], taken["own_layers"], strict=True)
    rest = tuple(whole - layers for whole, layers in pairs)
    return {
        "offline": ratio(rest, taken["baseline"]),
        "own_layers": ratio(taken["own_layers"], taken["baseline"]),
        "whole": ratio(taken["offline"], taken["baseline"]),
        "online": ratio(taken["online"], taken["offline"]),
    }


def own_layers(work: Workload) -> Callable[[], object]:
    """Return an epoch of what a masked method has beside its trunk, on features that are ready.

    The network of the workload loses its trunk.
    """
    batch = next(work.batches())
    network, compute = work.forward.network, work.forward.compute
    images, masks = work.forward.arguments(batch)
    with torch.no_grad(), compute.autocast():
        final, levels = network.get_submodule("trunk")(images)
    network.set_submodule("trunk", Ready(final, levels))
    protocol = work.run.protocol
    parameters = [*network.parameters()]
    optimizer = make_optimizer(parameters, protocol, work.run.learning_rate, compute)

    def epoch() -> float:
        for _ in range(work.steps):
            with compute.autocast():
                outputs = network(images, masks)
            value = outputs[work.cell.tasks[0].name].float().sum()
            optimizer.zero_grad(set_to_none=True)
            value.backward()
            optimizer.step()
        return float(value.detach())  # wait for the device, as an epoch does at its end

    return epoch
