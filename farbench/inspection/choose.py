"""The data set, or the joined ones, that a command names, with their options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from farbench.benchmark.datasets import AROUND, refuse_twice, resolve_dataset
from farbench.benchmark.places import Document, Places, put
from farbench.benchmark.yaml_lines import parse_value
from farbench.errors import UserError, did_you_mean, shortened
from farbench.plugins.dataset import Dataset
from farbench.plugins.joined import JoinedDataset
from farbench.plugins.registry import Registry

_FIRST = "dataset"
"""What options begin with in `farbench run --set`; allowed here as well."""


def choose_dataset(name: str, sets: Sequence[str], registry: Registry) -> Dataset:
    """Return the data set of a name, or the joined one of ``A+B``.

    Args:
        name: A name, or several with ``+`` between them.
        sets: ``OPTION=VALUE``, or ``NAME.OPTION=VALUE`` for one of several. The value is YAML;
            ``map`` and ``align`` are taken as in a benchmark file's ``datasets:``.
        registry: The plugins.

    Raises:
        UserError: A name or option is unknown, a value is wrong, or the parts cannot be joined.
    """
    names = [part.strip() for part in name.split("+")]
    for one in names:
        if one not in registry.datasets:
            # An unknown name comes before an option of it.
            resolve_dataset(one, registry, Places({(): ""}), ())
    refuse_twice(names)
    documents = {one: Document({"name": one}, Places({(): one})) for one in names}
    for text in sets:
        _set(text, documents, registry)
    parts = tuple(resolve_dataset(one.data, registry, one.places, ()) for one in documents.values())
    return parts[0] if len(parts) == 1 else JoinedDataset(parts=parts)


def _set(text: str, documents: Mapping[str, Document], registry: Registry) -> None:
    """Write one ``--set`` into each data set that has the option."""
    key, equals, value = text.partition("=")
    place = f"--set {shortened(text, 80)}"
    path = key.strip().split(".")
    of = list(documents)
    if len(path) > 1 and path[0] in (_FIRST, *documents):
        head = path.pop(0)
        of = of if head == _FIRST else [head]
    if not equals or "" in path:
        raise UserError(f"{place}: write OPTION=VALUE, for example --set split_seed=1.")
    options = {one: [*registry.datasets[one].value.model_fields] for one in of}
    having = [one for one in of if path[0] in (*options[one], *AROUND)]
    if not having:
        known = sorted({option for one in of for option in options[one]})
        raise UserError(
            f"{place}: {' and '.join(of)} {'has' if len(of) == 1 else 'have'} no option "
            f"'{path[0]}'.{did_you_mean(path[0], known)} Options: {', '.join(known) or 'none'}."
        )
    parsed = parse_value(value.strip(), place)
    for one in having:
        try:
            put(documents[one], path, parsed, place)
        except KeyError:
            raise UserError(f"{place}: {path[0]} holds a single value, nothing below it.") from None
