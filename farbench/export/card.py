"""The model card of an exported cell: ``README.md`` in its folder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from farbench.scoring.catalogue import METRICS

RESPONSIBLE_USE = """\
Labels of face attributes are what annotators saw in a picture, not facts about a person, and data
sets of them are uneven: a network is worse for groups that its data shows rarely. Do not use its
output to decide about people (work, credit, housing, policing, medicine), to identify or track
them, or to tell their gender, origin, health, orientation or character. Measure it on the groups
that your use touches before anything depends on it; the law of your country may forbid the use."""


def model_card(about: Mapping[str, Any], folder: str) -> str:
    """Return the card.

    Args:
        about: What ``farbench.json`` says.
        folder: The folder's name, for the commands.
    """
    dataset, method = about["dataset"], about["method"]
    parts = [
        f"# {about['name']}",
        f"{method['summary']} {about['parameters']:,} parameters, trained on {dataset['title']} "
        f"by farbench {about['cell']['environment']['farbench']}."
        + _stand_in(about["cell"].get("substituted") or {})
        + (" **The faces are drawn: it is of no use on photographs.**" * dataset["synthetic"]),
        "## Use",
        f"    farbench predict {folder} PICTURES... -o predictions.csv\n"
        f"    farbench export {folder} --format onnx -o {folder}.onnx",
        _input(about),
        "## Output",
        "\n".join(
            f"- `{task['name']}`: {task['output']}.{_names(task)}" for task in about["tasks"]
        ),
        _groups(about),
        "## Scores on the test split",
        _scores(about),
        "## Data and licence",
        _data(about),
        "## Responsible use",
        RESPONSIBLE_USE,
        "## How it was made",
        _made(about),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _stand_in(substituted: Mapping[str, str]) -> str:
    return "".join(
        f" Its backbone is {used}, which the protocol puts in place of {asked}."
        for asked, used in substituted.items()
    )


def _input(about: Mapping[str, Any]) -> str:
    given, masks = about["input"], about["masks"]
    framing = about["dataset"]["framing"]
    if given["align"]:
        faces = f"Faces are found and turned upright first ({given['align']['name']})."
    elif framing:
        width, height = framing["size"]
        faces = (
            f"It knows aligned faces as {about['dataset']['title']} has them ({width} x {height} "
            "pixels); give other pictures with `--align dlib68`."
        )
    else:
        faces = "Pictures should show faces as the data set does."
    text = (
        f"{faces} A picture is resized to {given['resize']} x {given['resize']} whatever its shape "
        f"(bilinear, antialiased), and the middle {given['crop']} x {given['crop']} are taken."
    )
    if masks:
        text += (
            f" A mask network ({masks['encoder']}, `{masks['weights']}`) gives one binary mask for "
            f"each of {len(masks['groups'])} face regions."
        )
    return text


def _names(task: Mapping[str, Any]) -> str:
    names = task.get("attributes") or task.get("classes") or ()
    return f"\n  {', '.join(names)}." if names else ""


def _groups(about: Mapping[str, Any]) -> str:
    groups: Mapping[str, list[int]] = about["groups"] or {}
    named = [task["attributes"] for task in about["tasks"] if "attributes" in task]
    names: list[str] = named[0] if named else []
    lines = [f"- {group}: {', '.join(names[i] for i in own)}" for group, own in groups.items()]
    return "\n".join(["Attributes are predicted in groups:\n", *lines]) if lines else ""


def _scores(about: Mapping[str, Any]) -> str:
    """Write a line a metric, and below it a line an attribute."""
    lines = ["| Task | Metric | Value |", "|---|---|--:|"]
    details = []
    for task in about["tasks"]:
        scores = about["metrics"].get(task["name"], {})
        for name, info in METRICS[task["kind"]].items():
            if isinstance(value := scores.get(name), int | float):
                shown = f"{100 * value if info.percent else value:.{info.decimals}f}"
                unit = info.unit.format(unit=task.get("unit", ""))
                lines.append(f"| {task['name']} | {info.label} | {shown}{' ' * bool(unit)}{unit} |")
        if task["kind"] == "attributes" and "accuracy_per_attribute" in scores:
            details.append(_per_attribute(scores))
    if len(lines) == 2:
        return "None are stored beside the weights."
    split = about["cell"]["dataset"]["images"]["test"]
    table = "\n".join(lines)
    return "\n\n".join([f"{split:,} images, one seed. Percentages but where a unit stands.", table,
                        *details])  # fmt: skip


def _per_attribute(scores: Mapping[str, Any]) -> str:
    lines = ["| Attribute | Share of yes | Accuracy | mA |", "|---|--:|--:|--:|"]
    for name in scores["accuracy_per_attribute"]:
        values = [
            (scores.get(f"{key}_per_attribute") or {}).get(name)
            for key in ("prevalence", "accuracy", "mA")
        ]
        shown = ["" if value is None else f"{100 * value:.1f}" for value in values]
        lines.append(f"| {' | '.join([name, *shown])} |")
    return "\n".join(lines)


def _data(about: Mapping[str, Any]) -> str:
    dataset, images = about["dataset"], about["cell"]["dataset"]["images"]
    lines = [
        f"- {dataset['title']}: {images['train']:,} images trained on. {dataset['citation']}",
        f"- Its licence: {dataset['licence']}. {dataset['homepage']}".rstrip(),
        "- Use these weights, and pass them on, only as that licence allows.",
    ]
    if start := about["started_from"]:
        named = start.get("package") or f"{start['timm']} ({start.get('from', 'timm')})"
        lines.append(f"- The backbone started from weights with terms of their own: {named}.")
    return "\n".join(lines)


def _made(about: Mapping[str, Any]) -> str:
    cell = about["cell"]
    environment = cell["environment"]
    return (
        f"Row `{cell['row']}`, seed {cell['seed']}, protocol {cell['protocol']['name']}, "
        f"{about['cell']['selection']['rule']} epoch; farbench {environment['farbench']}, commit "
        f"{environment.get('commit') or 'unknown'}. Key of the cell: `{cell['identity']['key']}`. "
        "Options, protocol and identity are in `farbench.json`."
    )
