"""One script for a machine with a GPU: minutes of checks and timings, one table, one JSON file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from farbench.bench.running import Record, in_own_process, machine

MARKS = ((7000, "best known"), (3500, "good"), (2800, "parity"), (0, "below parity"))
"""Images a second of ResNet-50 training at 224 px on one H100. 2,800 is a public figure for
PyTorch with automatic mixed precision."""

BACKBONES = ("resnet50", "resnest50d")
METHODS = ("baseline", "g2ff_ca")
TIMES = (
    ("batch 36", (36,), ("protocol.compile=off",)),
    ("batch 36, CUDA graphs", (36,), ("protocol.compile=off", "protocol.cuda_graphs=on")),
    ("largest batch", (64, 128, 256, 512, 1024, 2048), ("protocol.compile=off",)),
    ("batch 256, compiled", (256,), ("protocol.compile=on",)),
)
"""What, batch sizes of which the quickest counts, settings. 36 is MGMTN's (section 4.2)."""


@dataclass(frozen=True)
class Part:
    """One check or timing; it runs in a process of its own.

    Attributes:
        name: In the table.
        module: Of its function.
        function: Called as ``function(device, quick, ...)``; see :func:`run_parts`.
        arguments: The rest of its arguments.
        limit: Seconds that it may take.
    """

    name: str
    module: str
    function: str
    arguments: dict[str, Any] = field(default_factory=dict)
    limit: float = 240


def parts() -> tuple[Part, ...]:
    """Return all parts in the order in which they run."""
    checks, times = "farbench.bench.gpu_checks", "farbench.bench.gpu_times"
    return (
        Part("no step waits for the device", checks, "sync_free"),
        Part("bfloat16 learns as float32", checks, "options_agree", {"option": "precision"}),
        Part("compiled learns as not", checks, "options_agree", {"option": "compile"}),
        Part("CUDA graphs learn as none", checks, "options_agree", {"option": "cuda_graphs"}),
        Part("resident data learns as mapped", checks, "options_agree", {"option": "input"}),
        Part("warped on the device learns alike", checks, "options_agree", {"option": "warp"}),
        Part("a resumed stage has the same bits", checks, "resume"),
        *(
            Part(
                f"{backbone} {method}, {what}",
                times,
                "step_rate",
                {"backbone": backbone, "method": method, "sizes": sizes, "sets": sets},
            )
            for backbone in BACKBONES
            for method in METHODS
            for what, sizes, sets in TIMES
        ),
        Part("tests marked gpu", checks, "gpu_tests", limit=600),
    )


def run_parts(
    device: str,
    *,
    quick: bool = False,
    say: Callable[[str], None] = print,
    chosen: Sequence[Part] | None = None,
) -> Record:
    """Run all parts; one that fails, crashes or takes too long does not stop the others.

    Args:
        device: "cuda", "cuda:N", or "cpu" to see that the script runs.
        quick: Tiny sizes.
        say: Prints a line.
        chosen: Parts; None is all.

    Returns:
        ``kind``, ``machine``, ``parts`` by name. A part has ``seconds`` and ``state``: "passed",
        "failed", "skipped" or "measured"; ``said``, a line; timings have the figures of
        :class:`farbench.bench.profile.Profile` under ``profile``.

    Raises:
        UserError: The device is not there.
    """
    found: Record = {"kind": "farbench bench gpu", "machine": machine(device), "parts": {}}
    say(f"{found['machine']['device']}, {found['machine']['precision']}")
    for part in parts() if chosen is None else chosen:
        arguments = {"device": device, "quick": quick, **part.arguments}
        record = in_own_process(part.module, part.function, arguments, part.limit)
        if "error" in record:
            record |= {"state": "failed", "said": record.pop("error")}
        else:
            record |= record.pop("value")
        found["parts"][part.name] = record
        say(f"{record['state']:<9} {part.name:<42} {record['said']}  [{record['seconds']:.0f} s]")
    mark = _mark(found["parts"])
    if mark:
        found["mark"] = mark
        say(mark)
    return found


def _mark(records: dict[str, Record]) -> str:
    """Say where ResNet-50 stands, if it was measured at 224 px on a GPU."""
    rates = [
        one["profile"]["images_per_second"]
        for name, one in records.items()
        if name.startswith("resnet50 baseline")
        and one["state"] == "measured"
        and one["profile"]["image_size"] == 224
        and one["profile"]["device"]["device"] != "cpu"
    ]
    if not rates:
        return ""
    word = next(word for least, word in MARKS if max(rates) >= least)
    marks = ", ".join(f"{least:,} {said}" for least, said in reversed(MARKS) if least)
    return f"ResNet-50 at 224 px: {max(rates):,.0f} images/s: {word} (of one H100: {marks})"
