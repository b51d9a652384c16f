"""The examples of the pages run as they stand, and the pages keep up with the code."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from farbench.benchmark.schema import Protocol
from farbench.plugins.files import plugin_files
from farbench.plugins.manager import load_plugins
from farbench.scoring.catalogue import METRICS
from farbench.testing.catalogue import checks_of, subject_of
from farbench.testing.checks import run_check

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
TINY = (
    "protocol.dataset={name: synthetic_faces, train: 24, valid: 8, test: 8}",
    "protocol.images={train: 24, valid: 8, test: 8}",
    "protocol.batch_size=12",
    "protocol.epochs=1",
    "protocol.stage_epochs={global: 1, groups: 1}",
    "protocol.resize=40",
    "protocol.crop=32",
    "protocol.threads=1",
)


def blocks(page: str, language: str) -> list[str]:
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def block(page: str, language: str, holds: str) -> str:
    found = [text for text in blocks(page, language) if holds in text]
    assert len(found) == 1, f"{page} should hold one {language} block with {holds!r}"
    return found[0]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder to work in, with a cache of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FARBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("FARBENCH_PLUGINS", raising=False)
    monkeypatch.delenv("FARBENCH_DATA", raising=False)
    return tmp_path


def run_tiny(farbench_cli, file: str, *arguments: str):
    sets = [part for value in TINY for part in ("--set", value)]
    return farbench_cli("run", file, "--results", "runs", "--device", "cpu", *sets, *arguments)


def finished(folder: Path, benchmark: str) -> dict[str, dict]:
    """Return the records of the finished cells by row."""
    records = [json.loads(p.read_text()) for p in (folder / "runs" / benchmark).glob("*/cell.json")]
    return {record["row"]: record for record in records if record["status"] == "finished"}


def test_the_method_of_the_plugins_page_trains(folder, farbench_cli):
    (folder / "attribute_queries.py").write_text(
        block("docs/plugins.md", "python", "class AttributeQueries")
    )
    (folder / "queries.yaml").write_text(block("docs/plugins.md", "yaml", "attribute_queries"))
    (folder / "lines.py").write_text(block("docs/plugins.md", "python", "farbench_epoch_ended"))
    done = run_tiny(farbench_cli, "queries.yaml", "--rows", "sharp", "--plugins", "lines.py")
    assert done.code == 0, done.err
    records = finished(folder, "queries")
    assert set(records) == {"sharp"}
    assert records["sharp"]["method"]["options"]["sharpness"] == 4
    assert "epoch,sharp,0,joint,1," in done.out


def test_the_method_of_the_plugins_page_is_about_forty_lines():
    code = block("docs/plugins.md", "python", "class AttributeQueries")
    lines = [line for line in code.split("\n") if line.strip()]
    assert len(lines) <= 45


def test_the_grouping_of_the_contracts_page_loads(folder):
    (folder / "hair.py").write_text(block("docs/contracts.md", "python", "HAIR_OR_NOT"))
    registry = load_plugins([folder / "hair.py"])
    assert registry.broken == []
    assert set(registry.groupings["hair_or_not"].value.groups) == {"Hair", "Rest"}


@pytest.mark.parametrize(
    ("page", "holds"),
    [
        ("docs/plugins.md", "class AttributeQueries"),
        ("docs/how-to/add-a-method.md", "class OwnGroups"),
    ],
)
def test_the_method_of_a_page_keeps_to_its_contract(folder, page, holds):
    (folder / "example.py").write_text(block(page, "python", holds))
    registry = load_plugins([folder / "example.py"])
    (method,) = [
        entry.value
        for entry in registry.methods.values()
        if entry.provider == str(*plugin_files([folder / "example.py"]))
    ]
    subject = subject_of("methods", method, registry, {}, None)
    quick = ("documented", "options_round_trip", "stages", "outputs", "task_kinds")
    outcomes = [run_check(check, subject) for check in checks_of("methods") if check.name in quick]
    assert [outcome.check.name for outcome in outcomes] == list(quick)
    assert [outcome.seen for outcome in outcomes if outcome.status != "ok"] == []


@pytest.mark.parametrize("page", ["README.md", "docs/plugins.md", "docs/contracts.md"])
def test_python_blocks_parse_and_fit(page):
    for code in blocks(page, "python"):
        ast.parse(code)
        assert max(map(len, code.split("\n"))) <= 100


def protocol_keys() -> str:
    """Return the part of the page that lists keys."""
    text = (ROOT / "docs/protocols.md").read_text(encoding="utf-8")
    return text[text.index("| Key |") :]


def keys(model: type[BaseModel], prefix: str = "") -> list[str]:
    """Return the dotted keys of a section, those of its sections written out."""
    found: list[str] = []
    for key, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            found += keys(inner, f"{prefix}{key}.")
        else:
            found.append(prefix + key)
    return found


def test_every_key_of_a_protocol_is_documented_and_no_other():
    text = protocol_keys()
    documented = re.findall(r"^\| `([a-z_.]+)` \|", text, re.MULTILINE)
    assert sorted(documented) == sorted(keys(Protocol))


def test_the_defaults_in_the_protocol_page_are_the_schema_s():
    text = protocol_keys()
    wrong = []
    for key, said in re.findall(r"^\| `([a-z_.]+)` \| ([^|]*) \|", text, re.MULTILINE):
        model: type[BaseModel] = Protocol
        *sections, name = key.split(".")
        for section in sections:
            model = model.model_fields[section].annotation
        field = model.model_fields[name]
        if field.is_required():
            expected = "required"
        else:
            value = field.get_default()
            expected = f"`{value if isinstance(value, str) and value else json.dumps(value)}`"
        if said.strip() != expected:
            wrong.append(f"{key}: the page says {said.strip()}, the schema {expected}")
    assert wrong == []


def test_the_protocol_page_names_every_shipped_protocol():
    text = (ROOT / "docs/protocols.md").read_text(encoding="utf-8")
    shipped = [path.stem for path in (ROOT / "benchmarks/protocols").glob("*.yaml")]
    assert [name for name in shipped if f"`{name}`" not in text] == []


KIND_PAGES = {
    "methods": ("methods", "peers"),
    "groupings": ("methods",),
    "losses": ("tasks",),
    "weightings": ("tasks",),
    "keypoints": ("masks",),
    "datasets": ("data", "datasets"),
}


@pytest.mark.parametrize("kind", KIND_PAGES)
def test_everything_that_ships_is_documented(kind):
    registry = load_plugins()
    if not registry.methods:
        pytest.skip("farbench is not installed, so its own plugins are not found")
    text = "".join(
        (ROOT / f"docs/{page}.md").read_text(encoding="utf-8") for page in KIND_PAGES[kind]
    )
    shipped = [
        name
        for name, entry in getattr(registry, kind).items()
        if entry.provider.startswith("farbench ")
    ]
    assert [name for name in shipped if f"`{name}`" not in text] == []


def test_every_metric_is_documented_with_its_kind_and_no_other():
    text = (ROOT / "docs/tasks.md").read_text(encoding="utf-8")
    table = text[text.index("| Kind | Metric |") : text.index("## Losses")]
    documented: dict[str, set[str]] = {}
    kind = ""
    for named, metrics in re.findall(r"^\| (?:`(\w+)` )?\| ([^|]+) \|", table, re.MULTILINE):
        kind = named or kind  # a line without a kind goes on with the last
        documented.setdefault(kind, set()).update(re.findall(r"`([^`]+)`", metrics))
    documented.pop("", None)  # the heading
    assert documented == {kind: set(metrics) for kind, metrics in METRICS.items()}


def test_the_table_of_the_readme_is_of_the_committed_results(farbench_cli):
    (shown,) = [text for text in blocks("README.md", "text") if text.startswith("Method ")]
    done = farbench_cli("table", ROOT / "results/celeba_mini/ablation")
    left_out = {"Backbone", "tf_efficientnet_lite0", "ResNeSt50"}
    printed = [[w for w in line.split() if w not in left_out] for line in done.out.split("\n")]
    lines = [line.split() for line in shown.splitlines() if not line.startswith(("─", "..."))]
    assert len(lines) > 8
    assert [line for line in lines if line not in [words[: len(line)] for words in printed]] == []


def test_the_readme_lists_every_shipped_benchmark():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    shipped = [path.stem for path in (ROOT / "benchmarks").glob("*.yaml")]
    assert [name for name in shipped if f"| `{name}` |" not in text] == []


def heading_anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_into_a_page_meet_a_heading(page):
    links = re.findall(r"\]\(([^)#:\s]*)#([^)\s]+)\)", page.read_text(encoding="utf-8"))
    targets = [((page.parent / file) if file else page, anchor) for file, anchor in links]
    assert [anchor for to, anchor in targets if anchor not in heading_anchors(to)] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere_and_lines_are_short(page):
    text = page.read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", text)
    local = [link for link in links if "://" not in link]
    assert [link for link in local if not (page.parent / link).exists()] == []
    limits = {True: 120, False: 110}  # a table's row cannot be broken
    long = [line for line in text.split("\n") if len(line) > limits[line.startswith("|")]]
    assert long == []


def test_the_architecture_page_names_every_room():
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    rooms = [path.parent.name for path in (ROOT / "farbench").glob("*/__init__.py")]
    assert [room for room in rooms if f"`{room}/`" not in text] == []


def test_rooms_import_only_what_the_architecture_page_says():
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    table = re.findall(
        r"^\| `([a-z]+)/` \|([^|]*)\|$", text[text.index("| Imports |") :], re.MULTILINE
    )
    allowed: dict[str, set[str]] = {}
    for room, imports in table:  # a long row goes on in the next one
        allowed.setdefault(room, {room}).update(imports.split())
    wrong = [
        f"{path.relative_to(ROOT)} imports {room}"
        for path in (ROOT / "farbench").glob("*/**/*.py")
        for room in imported_rooms(path)
        if room not in allowed[path.relative_to(ROOT / "farbench").parts[0]]
    ]
    assert wrong == []


def imported_rooms(path: Path) -> set[str]:
    """Return the rooms of farbench that a file imports, imports for typing left out."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING":
            node.body = []
    modules = [n.module for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and n.module]
    return {m.split(".")[1] for m in modules if m.startswith("farbench.")}


def test_the_readme_s_commands_are_targets_of_the_makefile():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    for page in PAGES:
        for code in blocks(str(page.relative_to(ROOT)), "sh"):
            assert set(re.findall(r"^make ([a-z-]+)", code, re.MULTILINE)) <= targets


def test_ci_runs_the_readme_s_test_command():
    assert "make --no-print-directory test" in (ROOT / ".ci/run").read_text(encoding="utf-8")
    assert (ROOT / ".ci/run").stat().st_mode & 0o100
    assert re.search(r"^make test\b", "\n".join(blocks("README.md", "sh")), re.MULTILINE)


def test_constraints_pin_every_requirement():
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"]]
    wanted += [one for extra in ("dev", "docs", "lite0", "dlib") for one in extras[extra]]
    names = {canonical(re.split(r"[<>=!~\[; ]", requirement)[0]) for requirement in wanted}
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").split("\n")
    pins = [line for line in lines if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[A-Za-z0-9_.-]+==[0-9][0-9a-z.]*", pin) for pin in pins)
    assert names - {canonical(pin.split("==")[0]) for pin in pins} == set()


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
