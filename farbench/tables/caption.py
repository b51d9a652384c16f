"""The sentences of a caption: what must be known before a number is believed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from farbench.scoring.catalogue import MetricInfo
from farbench.tables.cells import CellResult
from farbench.tables.results import Results
from farbench.tasks.attributes import BinaryAttributes

DRAWN = "Drawn faces: these numbers say nothing about real ones"


def caption(results: Results, datasets: Sequence[str] | None = None) -> list[str]:
    """Return the caption's sentences after the title.

    Args:
        results: The benchmark's folder.
        datasets: The data sets that the table shows; None is all.
    """
    datasets = results.datasets if datasets is None else datasets
    sentences = _drawn(results, datasets)
    sentences += [results.caption] if results.caption else []
    sentences += [_dataset(results, dataset) for dataset in datasets]
    if results.attributes:
        sentences.append(f"Attribute metrics are means over {_chosen(results, datasets)} alone")
    sentences.append(_protocol(results))
    sentences.append(_seeds(results))
    sentences += _trunk_steps(results, datasets)
    sentences += _keypoints(results)
    sentences += _stand_ins(results)
    sentences += _numerics(results)
    return _finish(results, sentences)


def masks_caption(results: Results, datasets: Sequence[str]) -> list[str]:
    """Return the sentences for the mask networks, which know no rows, seeds or losses."""
    masks = results.protocol.get("masks") or {}
    parts = [f"Protocol {results.protocol.get('name', 'unnamed')}"]
    parts += [f"U-Net encoder {masks['encoder']}"] if "encoder" in masks else []
    parts += [f"{masks['size']} px"] if "size" in masks else []
    parts += [f"{masks['epochs']} epochs"] if "epochs" in masks else []
    sentences = [
        *_drawn(results, datasets),
        *(_dataset(results, dataset) for dataset in datasets),
        ", ".join(parts),
        *_keypoints(results),
    ]
    return _finish(results, sentences)


def table_title(results: Results, what: str, info: MetricInfo | None = None) -> str:
    """Return a table's title: the benchmark's, what the table shows, and which way is better.

    Args:
        results: The benchmark's folder.
        what: What it shows.
        info: The metric of a table of one metric.
    """
    better = ""
    if info is not None:
        better = f" ({'higher' if info.higher_is_better else 'lower'} is better)"
    return f"{results.title.rstrip('.')}: {what}{better}."


def listed(names: Sequence[str]) -> str:
    """Return ``a, b and c``."""
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def dataset_title(results: Results, dataset: str) -> str:
    """Return the data set's name as papers write it."""
    return str(results.dataset_record(dataset).get("title") or dataset)


def is_synthetic(results: Results, dataset: str) -> bool:
    """Whether the images are drawn."""
    return bool(results.dataset_record(dataset).get("synthetic"))


def trunk_steps(cell: CellResult) -> int:
    """Return the optimizer steps in which the trunk was trained, over all stages."""
    stages = cell.record.get("stages") or []
    return sum(int(stage.get("trunk_steps") or 0) for stage in stages)


def _dataset(results: Results, dataset: str) -> str:
    record = results.dataset_record(dataset)
    images = record.get("images") or {}
    counts = ", ".join(
        f"{images[split]:,} {split}" for split in ("train", "valid", "test") if split in images
    )
    text = dataset_title(results, dataset) + (f" ({counts} images)" if counts else "")
    return f"{text}, scored on the test split"


def _chosen(results: Results, datasets: Sequence[str]) -> str:
    """Name the attributes that metrics are means over, and how many there are."""
    every = {
        name
        for dataset in datasets
        for task in results.tasks_of(dataset)
        if isinstance(task, BinaryAttributes)
        for name in task.attributes
    }
    names = ", ".join(name.replace("_", " ") for name in results.attributes)
    return f"{len(results.attributes)} of {len(every)} attributes ({names})"


def _drawn(results: Results, datasets: Sequence[str]) -> list[str]:
    """Warn of drawn faces, first of all; name them where real ones stand beside them."""
    drawn = [dataset for dataset in datasets if is_synthetic(results, dataset)]
    if not drawn or len(drawn) == len(datasets):
        return [DRAWN] if drawn else []
    titles = ", ".join(dataset_title(results, dataset) for dataset in drawn)
    return [f"{titles}: drawn faces; these numbers say nothing about real ones"]


def _finish(results: Results, sentences: list[str]) -> list[str]:
    version = [f"farbench {results.version}"] if results.version else []
    return [
        sentence if sentence.endswith(("?", "!")) else f"{sentence.rstrip('.')}."
        for sentence in [*sentences, *version]
    ]


def _stand_ins(results: Results) -> list[str]:
    """Name each stand-in once, with the backbones of these rows that it stands in for."""
    # A cell that was not run yet has no record, and says nothing of its backbone.
    records = [cell.record.get("substituted") for cell in results.cells if cell.record]
    pairs: dict[str, str] = {}
    for record in records:
        # Results of farbench 0.1.0's first cells do not say what each row asked for.
        pairs |= results.protocol.get("substitute") or {} if record is None else record
    replaced: dict[str, list[str]] = {}
    for backbone, stand_in in pairs.items():
        replaced.setdefault(stand_in, []).append(backbone)
    return [f"{name} stands in for {listed(others)}" for name, others in replaced.items()]


def _protocol(results: Results) -> str:
    protocol = results.protocol
    parts = [f"Protocol {protocol.get('name', 'unnamed')}"]
    if "crop" in protocol:
        parts.append(f"{protocol['crop']} px")
    if "epochs" in protocol:
        parts.append(f"{protocol['epochs']} joint epoch{'s' if protocol['epochs'] != 1 else ''}")
    loss = protocol.get("loss")
    if loss:
        parts.append(f"loss {loss.get('name') if isinstance(loss, dict) else loss}")
    rules = {
        "last": "weights of the last epoch",
        "best_valid": "weights of the epoch that is best on the valid split",
    }
    for rule in _distinct(
        (cell.record.get("selection") or {}).get("rule") or protocol.get("selection")
        for cell in results.finished()
    ) or _distinct([protocol.get("selection")]):
        if rule:  # a plan of another program may lack it
            parts.append(rules.get(str(rule), f"weights chosen by {rule}"))
    return ", ".join(parts)


def _seeds(results: Results) -> str:
    seeds = results.seeds
    named = ", ".join(map(str, seeds))
    if len(seeds) > 1:
        return f"Mean ± standard deviation over {len(seeds)} seeds ({named})"
    return f"One seed ({named})" if seeds else "No cells are planned"


def _trunk_steps(results: Results, datasets: Sequence[str]) -> list[str]:
    """State the steps once if all rows of a data set train the trunk alike, else row by row."""
    sentences: list[str] = []
    every = {dataset: _steps_by_row(results, dataset) for dataset in datasets}
    alike = len({count for steps in every.values() for count in steps.values()}) == 1
    for dataset, steps in every.items():
        where = "" if alike or len(datasets) == 1 else f" on {dataset_title(results, dataset)}"
        distinct = _distinct(steps.values())
        if distinct in ([], [0]) or (alike and sentences):
            continue
        if len(distinct) == 1:
            sentences.append(f"{distinct[0]:,} trunk steps a row{where}")
        else:
            each = "; ".join(f"{label} {count:,}" for label, count in steps.items())
            sentences.append(f"Trunk steps differ{where}: {each}")
    return sentences


def _steps_by_row(results: Results, dataset: str) -> dict[str, int]:
    finished = {row.label: results.of(row.id, dataset) for row in results.rows}
    return {
        label: max(trunk_steps(cell) for cell in cells if cell.finished)
        for label, cells in finished.items()
        if any(cell.finished for cell in cells)
    }


def _keypoints(results: Results) -> list[str]:
    named = _distinct(
        cell.record["keypoints"] for cell in results.finished() if cell.record.get("keypoints")
    )
    return [f"Masks from keypoints: {'; '.join(named)}"] if named else []


def _numerics(results: Results) -> list[str]:
    """Name the device kind and precision, and micro-batches, which change BatchNorm."""
    identities = [cell.record.get("identity") or {} for cell in results.finished()]
    numerics = [identity.get("numerics") or {} for identity in identities]
    kinds = _distinct(
        " ".join(str(n[key]) for key in ("device", "precision") if n.get(key)) for n in numerics
    )
    kinds = [kind for kind in kinds if kind]
    sentences = [f"Trained on {' and '.join(kinds)}"] if kinds else []
    recipes = [(identity.get("recipe") or {}).get("training") or {} for identity in identities]
    micro = _distinct(r["micro_batch"] for r in recipes if r.get("micro_batch"))
    if micro:
        sentences.append(
            f"Batches passed in parts of at most {', '.join(map(str, micro))} images, all that "
            "BatchNorm sees at once"
        )
    return sentences


def _distinct(values: Iterable[Any]) -> list[Any]:
    return list(dict.fromkeys(values))
