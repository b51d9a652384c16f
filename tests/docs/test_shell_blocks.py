"""Shell blocks of pages: what they name exists; README, getting started and the how-tos run."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
import typer
from drawn_trees import draw_trees, drawn
from shell_blocks import FEW_ROWS, ROOT, PageShell, blocks, commands, empty_folder

from farbench.cli.app import app

PAGES = ["README.md", *sorted(str(p.relative_to(ROOT)) for p in ROOT.glob("docs/**/*.md"))]
COMMANDS = typer.main.get_command(app)
RUNNABLE = [page for page in PAGES if page in ("README.md", "docs/getting-started.md")]
RUNNABLE += [page for page in PAGES if page.startswith("docs/how-to/")]


def typed(page: str) -> list[list[str]]:
    """Return the farbench commands of a page's shell blocks, fenced or indented."""
    text = (ROOT / page).read_text(encoding="utf-8")
    fenced = "".join(block.text for block in blocks(page) if block.language == "sh")
    text = re.sub(r"^ *```.*?^ *```", "", text, flags=re.DOTALL | re.MULTILINE)
    indented = re.findall(r"^    (farbench .*?)$(?<!\\)", text.replace("\\\n", " "), re.MULTILINE)
    found = [*commands(fenced), *(shlex.split(line, comments=True) for line in indented)]
    return [words[1:] for words in found if words[0] == "farbench"]


def mistake(words: list[str]) -> str:
    """Return what is wrong with the words of a command, or nothing."""
    command, rest = COMMANDS, list(words)
    while hasattr(command, "commands"):
        if not rest or rest[0].startswith("-"):
            return ""
        if rest[0] not in command.commands:
            return f"no command {rest[0]}"
        command = command.commands[rest.pop(0)]
    known = {name for one in command.params for name in (*one.opts, *one.secondary_opts)}
    known |= {"--help", "-h"}
    given = [word.partition("=")[0] for word in rest if re.match(r"-{1,2}[a-z]", word)]
    return ", ".join(f"no option {name}" for name in given if name not in known)


@pytest.mark.parametrize("page", PAGES)
def test_commands_and_options_of_a_page_exist(page):
    wrong = [f"{shlex.join(words)}: {why}" for words in typed(page) if (why := mistake(words))]
    assert wrong == []


def test_mistakes_in_commands_are_seen():
    assert mistake(["rum", "x"]) == "no command rum"
    assert mistake(["data", "verifi"]) == "no command verifi"
    assert mistake(["run", "x", "--sed", "1"]) == "no option --sed"
    assert mistake(["run", "x", "--seeds", "1"]) == ""


@pytest.fixture(scope="module")
def reader(tmp_path_factory) -> dict[str, Path]:
    """The folders that pages leave to the reader: data sets, and pictures of their own."""
    root = tmp_path_factory.mktemp("data")
    draw_trees(root)
    pictures = tmp_path_factory.mktemp("faces")
    faces, frame = drawn()
    import cv2

    for row in list(frame.itertuples())[:2]:
        cv2.imwrite(str(pictures / f"{row.Index}.png"), np.ascontiguousarray(faces.read(None, row)))
    return {"DIR": root, "my_faces/": pictures, "DIRECTORY_OF_THE_CHECKOUT": ROOT}


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("page", RUNNABLE)
@pytest.mark.parametrize(
    "rows",
    [FEW_ROWS, pytest.param({}, marks=pytest.mark.slow)],
    ids=["few rows", "all rows"],
)
def test_every_block_of_a_page_runs(page, rows, tmp_path, monkeypatch, farbench_cli, reader):
    """As it stands, but for what ``shell_blocks`` cuts: images, epochs, networks and rows."""
    pytest.importorskip("onnx", reason="README exports to ONNX")
    empty_folder(tmp_path / "empty", monkeypatch)
    PageShell(farbench_cli, monkeypatch, reader, rows).run(page)


@pytest.mark.parametrize(
    ("block", "said"),
    [
        ("```sh\nwget http://example.org\n```\n", "no test knows how to run: wget"),
        ("```sh\nfarbench run quick_start\n```\n", "Did you mean 'quickstart'"),
        ("```text\n$ farbench --version\nfarbench ten\n```\n", r"farbench \d"),
    ],
)
def test_a_block_that_does_not_run_fails(block, said, tmp_path, monkeypatch, farbench_cli):
    (tmp_path / "page.md").write_text(block, encoding="utf-8")
    empty_folder(tmp_path / "empty", monkeypatch)
    with pytest.raises(AssertionError, match=said):
        PageShell(farbench_cli, monkeypatch, {}, {}).run(str(tmp_path / "page.md"))
