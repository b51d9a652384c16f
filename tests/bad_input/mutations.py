"""Spoils what was right: documents of keys and values, lines of text, bytes.

Every choice is made by ``choose(options)``: hypothesis draws (and shrinks), or a seeded generator.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import strategies as st

Choose = Callable[[Sequence[Any]], Any]
Path = tuple[Any, ...]

JUNK: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    3,
    2**31,
    2**64,
    10**400,
    0.5,
    -0.0,
    1e308,
    5e-324,
    math.nan,
    math.inf,
    -math.inf,
    "",
    " ",
    "0",
    "-1",
    "1e400",
    "nan",
    "null",
    "a\nb",
    "a\tb\x85",
    "\x00",
    "\ud7ff\ufeff\u202e",
    "Ämter-𝕏-顔",
    "x" * 3000,
    ".",
    "..",
    "/",
    "~nobody-at-all/x",
    "../../etc/passwd",
    "{}",
    "{0}",
    "{label.__class__}",
    "%s",
    "a=b",
    "a.b.c",
    "a+b",
    "a|b",
    "<b>&amp;",
    [],
    {},
    [[]],
    [{}],
    [None],
    ["", ""],
    [1, "a", None],
    {"": ""},
    {"a": None},
    {"name": None},
    {"name": "x", "extends": "x"},
    {"a": {"b": {"c": {"d": {"e": []}}}}},
)
"""Values that somebody may write by mistake or to see what happens."""


def paths_of(value: Any, here: Path = ()) -> list[Path]:
    """Return the key path of everything in a document, but of the document itself."""
    found: list[Path] = []
    items = value.items() if isinstance(value, dict) else ()
    items = enumerate(value) if isinstance(value, list) else items
    for key, below in items:
        found += [(*here, key), *paths_of(below, (*here, key))]
    return found


def at(document: Any, path: Path) -> Any:
    """Return what stands at a path."""
    for key in path:
        document = document[key]
    return document


def put(document: Any, path: Path, value: Any) -> None:
    """Put a value at a path."""
    at(document, path[:-1])[path[-1]] = value


def _drop(document: Any, path: Path, choose: Choose) -> None:
    del at(document, path[:-1])[path[-1]]


def _replace(document: Any, path: Path, choose: Choose) -> None:
    put(document, path, copy.deepcopy(choose(JUNK)))


def _rename(document: Any, path: Path, choose: Choose) -> None:
    holder, key = at(document, path[:-1]), path[-1]
    if not isinstance(holder, dict):
        return _replace(document, path, choose)
    text = str(key)
    names = (f"{text}s", text[:-1], text.upper(), f" {text}", "", "name", "extends", "rows", "0",
             "a.b", "Ä\n", "\x00", f"{text}\u200b", "x" * 3000)  # fmt: skip
    # In place, so that the order of the keys stays.
    items = [(choose(names) if old == key else old, value) for old, value in holder.items()]
    holder.clear()
    holder.update(items)
    return None


def _retype(document: Any, path: Path, choose: Choose) -> None:
    value = at(document, path)
    forms: list[Any] = [str(value), [value], {"name": value}, repr(value)]
    if isinstance(value, dict):
        forms += [list(value), list(value.values()), [[key, one] for key, one in value.items()]]
    elif isinstance(value, list):
        forms += [dict(enumerate(map(str, value))), {str(one): one for one in value}, len(value)]
    elif isinstance(value, bool | int | float):
        forms += [value % 7 + 0.5, -value, not value, f"{value}%", value * 10**6]
    elif isinstance(value, str):
        forms += [value.upper(), f" {value} ", value * 2, len(value), list(value[:40])]
    put(document, path, copy.deepcopy(choose(forms)))


def _nest(document: Any, path: Path, choose: Choose) -> None:
    value = at(document, path)
    deep = value
    for _ in range(60):
        deep = [deep]
    key = str(path[-1])
    put(document, path, choose(({key: value}, {"options": value}, [value], [value, value], deep)))


def _swap(document: Any, path: Path, choose: Choose) -> None:
    """Put something from elsewhere in the document here."""
    other = copy.deepcopy(at(document, choose(paths_of(document))))
    put(document, path, other)


def _repeat(document: Any, path: Path, choose: Choose) -> None:
    """Have a value twice: in its list, or under another key."""
    holder, value = at(document, path[:-1]), copy.deepcopy(at(document, path))
    if isinstance(holder, list):
        holder.insert(choose(range(len(holder) + 1)), value)
    else:
        holder[choose((f"{path[-1]}2", f"{path[-1]}".title(), "label", "options"))] = value


CHANGES = (_drop, _replace, _replace, _rename, _retype, _retype, _nest, _swap, _repeat)


def spoiled(document: Any, choose: Choose, most: int = 3) -> Any:
    """Return a copy of a document with one change or a few."""
    changed = copy.deepcopy(document)
    for _ in range(choose(range(1, most + 1))):
        paths = paths_of(changed)
        if paths:
            choose(CHANGES)(changed, choose(paths), choose)
    return changed


LINES = (
    "",
    " ",
    "\t",
    "x",
    "x: ",
    "- x",
    "rows:",
    "<<: *a",
    "a: &a {b: 1}",
    "? [a, b]",
    "--- x",
    "...",
    "%YAML 9.9",
    "!!python/object/apply:os.system [ls]",
    "{",
    "]",
    '"',
    "'",
    "#",
    "key: [1, 2",
    ",,,,,",
    ";;;",
    "a,b,c",
    "1 2 3",
    "99999999999999999999 1",
    "\ufeff",
    "Ämter 顔 \u2028",
    "x" * 5000,
)
"""Lines that do not belong where they come."""

BYTES = (b"\x00", b"\xff\xfe", b"\xc3", b"\x1a", b"\r", b'"', b"\n\n", b"\xef\xbb\xbf", b"\x89PNG")
"""Bytes of other encodings, archives and terminals."""

WORDS = (
    *("", "x", "-1", "0", "2", "1.5", "1e400", "nan", "inf", "-", "99999999999999999999", "NULL"),
    *("../../x.jpg", "/etc/passwd", '"', "Ä", "²", "٣", "x" * 300, "\x00", "1\t2", "a,b", "a b"),
)
"""What a field of a table may wrongly hold."""


def spoiled_text(data: bytes, choose: Choose, most: int = 3) -> bytes:
    """Return a text file's bytes with one change or a few: of lines, fields or single bytes."""
    for _ in range(choose(range(1, most + 1))):
        data = choose(TEXT_CHANGES)(data, choose)
    return data


def _in_lines(
    change: Callable[[list[bytes], int, Choose], None],
) -> Callable[[bytes, Choose], bytes]:
    def of_text(data: bytes, choose: Choose) -> bytes:
        lines = data.split(b"\n")
        change(lines, choose(range(len(lines))), choose)
        return b"\n".join(lines)

    return of_text


def _drop_line(lines: list[bytes], number: int, choose: Choose) -> None:
    del lines[number]


def _double_line(lines: list[bytes], number: int, choose: Choose) -> None:
    lines.insert(choose(range(len(lines))), lines[number])


def _put_line(lines: list[bytes], number: int, choose: Choose) -> None:
    lines.insert(number, choose(LINES).encode())


def _indent_line(lines: list[bytes], number: int, choose: Choose) -> None:
    lines[number] = choose((b" ", b"    ", b"\t", b"- ")) + lines[number]


def _field(lines: list[bytes], number: int, choose: Choose) -> None:
    """Change one field of a line, whatever separates its fields."""
    line = lines[number]
    separator = next((s for s in (b",", b";", b"\t", b": ", b" ") if s in line), b" ")
    fields = line.split(separator)
    place = choose(range(len(fields)))
    if choose(("put", "put", "drop", "double")) == "put":
        fields[place] = choose(WORDS).encode()
    elif choose((True, False)):
        del fields[place]
    else:
        fields.insert(place, fields[place])
    lines[number] = separator.join(fields)


def _separators(data: bytes, choose: Choose) -> bytes:
    old, new = choose(((b",", b";"), (b",", b"\t"), (b" ", b","), (b" ", b"  "), (b"\n", b"\r\n"),
                       (b"\n", b"\r"), (b",", b", "), (b": ", b":"), (b"  ", b"\t")))  # fmt: skip
    return data.replace(old, new)


def _encode(data: bytes, choose: Choose) -> bytes:
    text = data.decode("utf-8", "replace")
    return text.encode(choose(("utf-16", "utf-8-sig", "utf-32", "cp1252")), "replace")


def _cut(data: bytes, choose: Choose) -> bytes:
    return data[: choose(range(len(data) + 1))]


def _byte(data: bytes, choose: Choose) -> bytes:
    place = choose(range(len(data) + 1))
    return data[:place] + choose(BYTES) + data[place + choose((0, 1)) :]


def _empty(data: bytes, choose: Choose) -> bytes:
    return choose((b"", b"\n", b" \n", b"\x00" * 40))


TEXT_CHANGES = (
    _in_lines(_drop_line),
    _in_lines(_double_line),
    _in_lines(_put_line),
    _in_lines(_indent_line),
    *(_in_lines(_field),) * 4,
    _separators,
    _encode,
    _cut,
    _byte,
    _byte,
    _empty,
)


def spoiled_binary(data: bytes, choose: Choose) -> bytes:
    """Return an image's or archive's bytes, cut, overwritten or with bytes too many."""
    if not data:
        return choose(BYTES)
    place = choose(range(len(data)))
    return choose(
        (
            data[:place],
            data[:place] + choose(BYTES) * 8 + data[place + 8 :],
            data + choose(BYTES),
            data[place:],
            b"",
            b"\x00" * len(data),
        )
    )


@st.composite
def chooser(draw: st.DrawFn) -> Choose:
    """Draw the function that makes the choices."""
    return lambda options: draw(st.sampled_from(options))
