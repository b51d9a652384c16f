"""Loads a benchmark: file or shipped name, protocol, rows and overrides, all checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from farbench.benchmark.command import run_command
from farbench.benchmark.explain import as_written, user_error
from farbench.benchmark.files import read_benchmark
from farbench.benchmark.locate import find
from farbench.benchmark.overrides import (
    Override,
    apply_to_datasets,
    apply_to_file,
    apply_to_protocol,
    apply_to_rows,
    method_options,
    parse_sets,
)
from farbench.benchmark.places import Document, Places, merged
from farbench.benchmark.protocols import (
    as_changes,
    changed_name,
    protocol_document,
    read_protocol,
    validate_protocol,
)
from farbench.benchmark.rows import expand_rows, fill_labels
from farbench.benchmark.schema import Benchmark, Protocol, Row
from farbench.errors import UserError, did_you_mean, in_a_line


@dataclass(frozen=True)
class LoadedBenchmark:
    """A benchmark that is checked as far as that goes without plugins.

    Attributes:
        benchmark: What the file and the command line ask for, resolved.
        places: Where each value was written. Key paths are those of the benchmark, but for rows,
            which stand under their id: ``("rows", "aml", "options", "levels")``.
        files: The files it was read from, the named one last.
        whole: The same with all rows, where ``benchmark`` has some alone (``--rows``).
        method_options: ``--set method.OPTION=...``: laid over the rows whose method has it.
        command: The words that load it again, but for rows and seeds.
        unfilled_labels: Mistakes in the labels of grids: an error once options are checked.
    """

    benchmark: Benchmark
    places: Places
    files: tuple[Path, ...]
    whole: Benchmark
    method_options: dict[str, Any] = field(default_factory=dict)
    command: tuple[str, ...] = ()
    unfilled_labels: tuple[str, ...] = ()

    def protocol_of(self, row: Row) -> Protocol:
        """Return the protocol with the row's own changes laid over it."""
        if not row.protocol:
            return self.benchmark.protocol
        base = self.benchmark.protocol.model_dump()
        return Protocol.model_validate(merged(Document(base), Document(row.protocol)).data)


def load_benchmark(
    source: str | Path,
    *,
    protocol: str | None = None,
    dataset: str | None = None,
    rows: Sequence[str] | None = None,
    seeds: Sequence[int] | None = None,
    sets: Sequence[str] = (),
    plugins: Sequence[str | Path] = (),
) -> LoadedBenchmark:
    """Load a benchmark file or a shipped benchmark.

    An option's value is the first that is given, of: ``--set``, the row, the benchmark, the
    protocol, the option's default.

    Args:
        source: A path (with a folder or a ``.yaml`` suffix) or the name of a shipped benchmark.
        protocol: A name or path that takes the place of the file's protocol.
        dataset: A name that takes the place of the file's data sets; several by commas.
        rows: Ids of the rows to keep; all if None.
        seeds: Take the place of the file's seeds.
        sets: ``dotted.key=value`` changes.
        plugins: More plugin files, after the benchmark's own.

    Raises:
        UserError: Anything is unknown, missing, of the wrong type or contradictory. One line a
            mistake, each with file and line.
    """
    overrides = parse_sets(sets)
    path = find("benchmark", str(source))
    document, files = read_benchmark(path)
    apply_to_file(document, overrides)
    expanded = expand_rows(document)
    written = document.data.get("rows") or {}
    apply_to_rows(expanded, overrides, written)
    unfilled = fill_labels(expanded)
    settled = _settle_protocol(document, expanded, protocol, overrides)
    _settle_datasets(document, dataset, overrides)
    if seeds is not None:
        _replace(document, "seeds", list(seeds), "--seeds")
    whole = _validate(document, expanded, settled, path.stem, plugins)
    options, option_places = method_options(overrides)
    for key, place in option_places.items():
        document.places.lines[("method", key)] = place
    benchmark = _keep_rows(whole, rows) if rows is not None else whole
    command = run_command(source, protocol, dataset, sets, plugins)
    return LoadedBenchmark(benchmark, document.places, files, whole, options, command, unfilled)


def load_protocol(source: str) -> Protocol:
    """Load a protocol by name or path.

    Raises:
        UserError: It does not exist or is malformed.
    """
    document = read_protocol(find("protocol", source))
    return validate_protocol(document.data, document.places, ())


def _replace(document: Document, key: str, value: Any, place: str) -> None:
    document.data[key] = value
    document.places.forget((key,))
    document.places.lines[(key,)] = place


def _settle_protocol(
    document: Document, rows: Document, asked: str | None, overrides: Sequence[Override]
) -> Protocol:
    """Put the whole protocol into the document: base, the benchmark's changes, ``--set``.

    Returns:
        The protocol. If it differs from the named one, its name tells how.
    """
    if asked is not None:
        _replace(document, "protocol", as_changes(asked, None, Places()), "--protocol")
    changes = document.data.get("protocol", {})
    whole = protocol_document(Document(changes, document.places.below(("protocol",))))
    base = protocol_document(
        Document({key: changes[key] for key in changes if key == "extends"}, Places())
    )
    document.data["protocol"] = whole.data
    document.places.forget(("protocol",))
    document.places.graft(("protocol",), whole.places)
    apply_to_protocol(document, rows, overrides)
    protocol = validate_protocol(document.data["protocol"], document.places)
    named = validate_protocol(base.data, base.places)
    if protocol.name != named.name:
        return protocol
    return protocol.model_copy(update={"name": changed_name(named, protocol)})


def _settle_datasets(document: Document, asked: str | None, overrides: Sequence[Override]) -> None:
    """Decide the data sets: the flag's, else the benchmark's, else the protocol's."""
    if asked is not None:
        names = [name.strip() for name in asked.split(",") if name.strip()]
        _replace(document, "datasets", names, "--dataset")
    if document.data.get("datasets") is None:
        default = document.data["protocol"].get("dataset", Protocol.model_fields["dataset"].default)
        place = document.places.at(("protocol", "dataset"))
        _replace(document, "datasets", [default], place)
    entries, places = document.data["datasets"], document.places
    if not isinstance(entries, list) or not entries:
        raise UserError(
            places.error(("datasets",), f"expected a list of data sets, got {as_written(entries)}")
        )
    for index, entry in enumerate(entries):
        name = entry.get("name") if isinstance(entry, dict) else entry
        if not isinstance(name, str) or not name:
            message = f"expected a name or {{name: NAME, OPTION: ...}}, got {as_written(entry)}"
            raise UserError(places.error(("datasets", index), message))
        if entry in entries[:index]:
            raise UserError(places.error(("datasets", index), f"'{name}' is given twice"))
    apply_to_datasets(document, overrides)


def _validate(
    document: Document,
    rows: Document,
    protocol: Protocol,
    name: str,
    plugins: Sequence[str | Path],
) -> Benchmark:
    """Check types, then what the parts say of each other."""
    data, places = document.data, document.places
    places.forget(("rows",))
    places.graft(("rows",), rows.places.below(("rows",)))
    checked_rows = []
    for row_id, raw in rows.data["rows"].items():
        checked_rows.append(_validate_row(row_id, raw, data["protocol"], places))
    fields = {
        key: value
        for key, value in data.items()
        if key in Benchmark.model_fields and key not in ("rows", "protocol")
    }
    marks = fields.get("marks")
    if marks is None:
        components = (data.get("ablate") or {}).get("components", {})
        fields["marks"] = list(components)
    fields["plugins"] = [*data.get("plugins", []), *(str(Path(p).resolve()) for p in plugins)]
    whole = {**fields, "name": name, "protocol": protocol, "rows": tuple(checked_rows)}
    try:
        benchmark = Benchmark.model_validate(whole)
    except ValidationError as error:
        raise user_error(error, Benchmark, whole, places) from None
    _check_together(benchmark, places)
    return benchmark


def _validate_row(row_id: str, raw: dict[str, Any], base: dict[str, Any], places: Places) -> Row:
    """Check one row, and the protocol that its own changes lead to."""
    data = {"id": row_id, **raw}
    try:
        row = Row.model_validate(data)
    except ValidationError as error:
        raise user_error(error, Row, data, places, ("rows", row_id)) from None
    if row.protocol:
        changed = merged(
            Document(base, places.below(("protocol",))),
            Document(row.protocol, places.below(("rows", row_id, "protocol"))),
        )
        at_row = Places()
        at_row.graft(("rows", row_id, "protocol"), changed.places)
        validate_protocol(changed.data, at_row, ("rows", row_id, "protocol"))
    return row


def _check_together(benchmark: Benchmark, places: Places) -> None:
    """Check what one part of a benchmark says of another.

    Raises:
        UserError: A mark is not declared, a value is repeated, a name is unknown.
    """
    mistakes = []
    for row in benchmark.rows:
        for index, mark in enumerate(row.marks):
            if mark not in benchmark.marks:
                hint = did_you_mean(mark, benchmark.marks)
                known = ", ".join(benchmark.marks) or "none; add `marks: [...]` to the file"
                message = f"mark '{in_a_line(mark)}' is not declared.{hint} Declared: {known}."
                mistakes.append(places.error(("rows", row.id, "marks", index), message))
    for key in ("seeds", "metrics", "marks", "published", "tasks"):
        values: tuple[Any, ...] = getattr(benchmark, key)
        repeated = sorted({str(value) for value in values if values.count(value) > 1})
        if repeated:
            mistakes.append(places.error((key,), f"{', '.join(repeated)} given more than once"))
    if not benchmark.seeds:
        mistakes.append(places.error(("seeds",), "the list is empty"))
    ids = [row.id for row in benchmark.rows]
    if benchmark.compare is not None and benchmark.compare not in ids:
        hint = did_you_mean(benchmark.compare, ids)
        message = f"no row '{in_a_line(benchmark.compare)}'.{hint} Rows: {', '.join(ids)}."
        mistakes.append(places.error(("compare",), message))
    if mistakes:
        raise UserError("\n".join(mistakes))
    for index, name in enumerate(benchmark.published):
        find("published table", name, where=places.at(("published", index)))


def _keep_rows(benchmark: Benchmark, wanted: Sequence[str]) -> Benchmark:
    """Return the benchmark with the wanted rows only, in the order of the file."""
    ids = [row.id for row in benchmark.rows]
    for row_id in wanted:
        if row_id not in ids:
            longer = [own for own in ids if row_id and own.startswith(f"{row_id}-")]
            hint = (
                f" Those that begin with it: --rows {','.join(longer)}."
                if longer
                else did_you_mean(row_id, ids)
            )
            raise UserError(
                f"--rows: no row '{row_id}' in benchmark '{benchmark.name}'.{hint} "
                f"Rows: {', '.join(ids)}."
            )
    if not wanted:
        raise UserError(f"--rows: no row given. Rows: {', '.join(ids)}.")
    compare = benchmark.compare if benchmark.compare in wanted else None
    kept = tuple(row for row in benchmark.rows if row.id in wanted)
    return benchmark.model_copy(update={"rows": kept, "compare": compare})
