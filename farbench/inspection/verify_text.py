"""A verification as text: one line a check, then what the findings are about."""

from __future__ import annotations

from collections.abc import Iterator

from farbench.inspection.text import first_of, wrapped
from farbench.inspection.verify import Verification
from farbench.plugins.dataset import SPLITS
from farbench.wording import counted


def verification_lines(result: Verification, top: int, strict: bool = False) -> Iterator[str]:
    """Yield the lines of a report.

    Args:
        result: What was found.
        top: How many items a finding shows.
        strict: Whether warnings make the data unsound.
    """
    source = result.source
    where = "" if source.root is None else f", {source.root}"
    yield f"{source.dataset.name}: {source.dataset.info.title}{where}"
    splits = ", ".join(f"{split} {len(source.positions(split)):,}" for split in SPLITS)
    rate = len(source) / max(result.seconds, 1e-9)
    yield f"{len(source):,} images ({splits}); read in {result.seconds:.1f} s, {rate:,.0f} a second"
    yield ""
    levels = max(len(finding.level) for finding in result.findings)
    checks = max(len(finding.check) for finding in result.findings)
    for finding in result.findings:
        yield from wrapped(
            finding.text, f"{finding.level.ljust(levels)}  {finding.check.ljust(checks)}  "
        )
    for finding in result.findings:
        if finding.items and top:
            yield ""
            yield f"{finding.check}:"
            yield from first_of(finding.items, top)
    yield ""
    wrong, warnings = result.count("wrong"), result.count("warning")
    ending = f"{counted(wrong, 'check is', 'checks are')} wrong" if wrong else "nothing is wrong"
    counts = " (which count, by --strict)" if strict and warnings else ""
    yield f"{ending}, {counted(warnings, 'warning')}{counts}."
