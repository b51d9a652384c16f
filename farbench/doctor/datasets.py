"""Which data sets are on disk, and can they be read?"""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import ValidationError

from farbench.errors import UserError
from farbench.plugins.dataset import SPLITS, Dataset
from farbench.plugins.health import Diagnosis, Machine


def check_datasets(machine: Machine) -> Iterator[Diagnosis]:
    """Read the labels of every data set that is there, and an image of each split.

    A file that is missing is told by the data set itself. `farbench data verify` reads everything.
    """
    if machine.data_root is None:
        yield Diagnosis(
            "data sets",
            "ok",
            "no data root is given: there are drawn faces (synthetic_faces) only",
            "For real faces: --data-root DIR, or FARBENCH_DATA=DIR",
        )
        return
    if not machine.data_root.is_dir():
        yield Diagnosis(
            "data sets",
            "problem",
            f"the data root {machine.data_root} is not a folder",
            "--data-root DIR, or FARBENCH_DATA=DIR: the folder that holds celeba/ or others",
        )
        return
    absent = []
    for name, entry in machine.registry.datasets.items():
        if not entry.value.needs_root:
            continue
        try:
            dataset = entry.value()
        except ValidationError:
            continue  # without options nobody knows where it lies
        if dataset.locate(machine.data_root) is None:
            absent.append(name)
        else:
            yield _look(dataset, machine)
    if absent:
        yield Diagnosis(
            "data sets",
            "ok",
            f"not below {machine.data_root}: {', '.join(absent)}",
            f"`farbench show {absent[0]}` tells how to get it",
        )


def _look(dataset: Dataset, machine: Machine) -> Diagnosis:
    """Open one data set as a run would."""
    from farbench.benchmark.schema import Images
    from farbench.data.source import open_source

    about = f"data set {dataset.name}"
    try:
        source = open_source(dataset, machine.data_root, Images())
        counts = {split: len(source.positions(split)) for split in SPLITS}
        for split in SPLITS:
            if counts[split]:
                source.read(int(source.positions(split)[0]))
    except UserError as error:
        # How it is got follows in further lines.
        return Diagnosis(
            about, "problem", str(error).split("\n")[0], f"farbench show {dataset.name}"
        )
    told = ", ".join(f"{count:,} {split}" for split, count in counts.items())
    official = sum(dataset.info.expected_counts.values())
    part = f" (of {official:,} in the release)" if official > len(source) else ""
    sizes = dataset.sizes(source.root, list(source.index.frame["image"]))
    missing = sum(size < 0 for size in sizes)
    if 0 < missing < len(sizes):  # where none has a size, images are no files of their own
        return Diagnosis(
            about,
            "problem",
            f"{missing:,} of {len(source):,} image files in {source.root} are missing",
            f"farbench data verify {dataset.name} --data-root {machine.data_root}",
        )
    return Diagnosis(about, "ok", f"{source.root}: {told} images{part}")
