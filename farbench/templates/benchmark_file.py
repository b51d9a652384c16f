"""A benchmark file: what plugins provide beside the baseline, one thing changed in each row."""

from __future__ import annotations

from collections.abc import Sequence

_HOW = """\
# How to train: quick (drawn faces, minutes on a CPU), mini (some thousand images of CelebA), paper
# (MGMTN's), or changes to one of them: {extends: quick, epochs: 4}.
protocol: quick
"""
_ROWS = """\
seeds: [0]             # [0, 1, 2]: means, and whether a difference is more than noise
compare: baseline      # the row that differences are taken to

# A row is a method with its options; `farbench show METHOD` prints them. It may change the protocol
# for itself alone.
rows:
"""
_ROBUSTNESS = """\
# Finished cells are evaluated once more, on corrupted test images.
robustness:
  corruptions: [{names}]
  images: 500          # of the test split

"""
_MORE = """\

  # One row for each value of an option:
  # METHOD-OPTION:
  #   method: METHOD
  #   label: "OPTION {OPTION}"
  #   grid: {OPTION: [VALUE]}  # and other values
"""
EXAMPLE_OPTION = ("baseline", "hidden", "512")
"""A method, an option of it and a value, for the grid that is shown as a comment."""


def benchmark_text(
    provided: Sequence[tuple[str, str]],
    plugins: Sequence[str] = (),
    option: tuple[str, str, str] = EXAMPLE_OPTION,
) -> str:
    """Return a commented benchmark.

    Args:
        provided: Kind (in the plural) and name of each thing to compare; losses are those that
            attributes can be trained with. Nothing is what ships: the baseline and MGMTN.
        plugins: Plugin files, as seen from the benchmark's folder.
        option: As :data:`EXAMPLE_OPTION`.
    """
    text = (
        "title: TO FILL IN, what the table shows\ncaption: TO FILL IN, printed below the table.\n"
    )
    if plugins:
        text += f"plugins: [{', '.join(plugins)}]  # as seen from this file\n"
    text += f"\n{_HOW}"
    if datasets := _named(provided, "datasets"):
        text += f"datasets: [{', '.join(datasets)}]  # to be found with --data-root DIR\n"
    else:
        text += "# datasets: [celeba]  # the protocol's own where this is left out\n"
    if corruptions := _named(provided, "corruptions"):
        text += _ROBUSTNESS.format(names=", ".join(corruptions))
    lines = "".join(f"  {row}: {held}\n" for row, held in _rows(provided).items())
    more = _MORE
    for word, value in zip(("METHOD", "OPTION", "VALUE"), option, strict=True):
        more = more.replace(word, value)
    return f"{text}{_ROWS}{lines}{more}"


def _named(provided: Sequence[tuple[str, str]], kind: str) -> list[str]:
    return [name for one, name in provided if one == kind]


def _rows(provided: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Return what each row holds: the baseline first, each thing beside the same without it."""
    methods = _named(provided, "methods")
    rows = {method: f"{{method: {method}}}" for method in ("baseline", *methods)}
    changes = [(loss, f"loss: {loss}") for loss in _named(provided, "losses")]
    changes += [
        (name, f"weighting: {{name: {name}, over: groups}}")
        for name in _named(provided, "weightings")
    ]
    for name, change in changes:
        for method in ("baseline", *methods):
            rows[f"{method}+{name}"] = f"{{method: {method}, protocol: {{{change}}}}}"
    mgmtn = {"g2ff_ca": "{method: g2ff_ca, label: MGMTN}"}
    for name in _named(provided, "keypoints"):
        rows |= mgmtn
        rows[f"g2ff_ca+{name}"] = f"{{method: g2ff_ca, protocol: {{keypoints: {name}}}}}"
    for name in _named(provided, "groupings"):
        rows["attribute_grouping"] = "{method: attribute_grouping}"
        rows[f"attribute_grouping+{name}"] = f"{{method: attribute_grouping, grouping: {name}}}"
    if len(rows) == 1:
        # Attributes alone suit MGMTN; what a new data set has is not known.
        linear = {"linear_head": "{method: linear_head}"}
        rows |= linear if _named(provided, "datasets") else mgmtn
    return rows
