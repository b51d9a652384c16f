"""What a cell costs, as a table can show it beside metrics: names, units, directions."""

from __future__ import annotations

from farbench.scoring.catalogue import MetricInfo


def _cost(
    name: str, label: str, unit: str, decimals: int, doc: str, *, higher_is_better: bool = False
) -> MetricInfo:
    return MetricInfo(
        name, label, higher_is_better, doc, percent=False, decimals=decimals, unit=unit
    )


COSTS: dict[str, MetricInfo] = {
    info.name: info
    for info in (
        _cost(
            "parameters",
            "Parameters",
            "M",
            2,
            "Trained and frozen parameters of the network; of tasks trained alone, their sum.",
        ),
        _cost(
            "flops",
            "FLOPs",
            "G",
            3,
            "Operations for one image, masks included; a multiply-add counts as two, where many "
            "papers count it as one.",
        ),
        _cost(
            "train_speed",
            "Training",
            "images/s",
            1,
            "In the last stage, input included: the median over its epochs.",
            higher_is_better=True,
        ),
        _cost(
            "input_share",
            "Waiting for input",
            "%",
            1,
            "Share of an epoch's time in which a step waits for its images, in the last stage: the "
            "median over its epochs.",
        ),
        _cost(
            "inference_speed",
            "Inference",
            "images/s",
            1,
            "Over the test split in batches, input included, with masks that were made before.",
            higher_is_better=True,
        ),
        _cost(
            "latency",
            "Latency",
            "ms",
            1,
            "One image alone, from host memory to the outputs, masks included: the median.",
        ),
        _cost(
            "peak_memory",
            "Peak memory",
            "MB",
            0,
            "Of tensors on the GPU in the training of the last stage; a processor's is not known.",
        ),
        _cost(
            "minutes",
            "Minutes",
            "",
            1,
            "Of training all stages and the mask network, also those that rows share.",
        ),
    )
}
"""Name -> cost. All of them are in ``cell.json``, and none is part of a cell's identity."""
