"""Shell blocks of pages: their commands, what is cut from runs, and a small shell for them."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
TINY = (
    "protocol.images={train: 24, valid: 8, test: 8}",
    "protocol.batch_size=12",
    "protocol.epochs=1",
    "protocol.stage_epochs={global: 1, groups: 1}",
    "protocol.resize=40",
    "protocol.crop=32",
    "protocol.threads=1",
    "protocol.pretrained=false",
    "protocol.substitute={resnest50d: NET, resnet50: NET, resnet18: NET, "
    "mobilenetv3_large_100: NET}".replace("NET", "test_efficientnet"),
    "protocol.masks.encoder=tu-test_efficientnet",
    "protocol.masks.size=32",
    "protocol.masks.epochs=1",
)
"""What a run of a page is given as well (``--set``), so that it takes seconds."""

DRAWN = "protocol.dataset={name: synthetic_faces, train: 24, valid: 8, test: 8}"
"""What a run that draws its faces is given besides."""

FEW_ROWS = {
    "ablation": "baseline,g2ff_ca",
    "age_gender_race_expression": "branch-1",
    "dynamic_weights": "equal,dynamic",
    "single_vs_multi": "tuned,tuned-single",
    "two_pools": "baseline,mean+smoothing",
}
"""The rows (``--rows``) that stand for all of a benchmark in the fast tests."""

_BLOCK = re.compile(r"^( *)```(\w+)\n(.*?)^\1```", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text without the indent, and the text before it."""

    language: str
    text: str
    before: str


def blocks(page: str) -> Iterator[Block]:
    """Yield the fenced blocks of a page in order."""
    text = (ROOT / page).read_text(encoding="utf-8")
    last = 0
    for found in _BLOCK.finditer(text):
        indent, language, body = found.groups()
        body = re.sub(rf"^{indent}", "", body, flags=re.MULTILINE)
        yield Block(language, body, text[last : found.start()])
        last = found.end()


def commands(text: str) -> list[list[str]]:
    """Return the commands of a shell block as words, comments left out."""
    lines = text.replace("\\\n", " ").split("\n")
    return [words for line in lines if (words := shlex.split(line, comments=True))]


@dataclass
class PageShell:
    """Runs the blocks of a page one after the other, in the current folder.

    Files that a page shows are written under the name that stands before them. A benchmark whose
    results a command wants and no command made is run first. Of ``text`` blocks those are run that
    begin with a prompt, and what they print is what the page says, but for its dots.

    Attributes:
        farbench: Runs ``farbench ARGUMENTS...`` and returns code, output and errors.
        folders: What stands for a folder that a page leaves to the reader, such as ``DIR``.
        rows: Benchmark to the rows that are run of it; all rows of the others.
    """

    farbench: Callable[..., Any]
    monkeypatch: pytest.MonkeyPatch
    folders: Mapping[str, Path]
    rows: Mapping[str, str]

    def run(self, page: str) -> None:
        """Run every block of a page."""
        for block in blocks(page):
            if block.language in ("python", "yaml"):
                named = re.findall(r"`([\w./-]+\.(?:py|yaml))`", block.before)
                if named:
                    Path(named[-1]).write_text(block.text, encoding="utf-8")
            elif block.language == "sh":
                with self.monkeypatch.context() as for_this_block:
                    for words in commands(block.text):
                        self._command([self._folder(word) for word in words], for_this_block)
            elif block.text.startswith("$ farbench "):
                self._prompt(block.text)

    def _folder(self, word: str) -> str:
        """Return a word with the reader's folders, and folders of cells, put in."""
        if word.endswith("..."):
            return str(min(Path(word).parent.glob(f"{Path(word).name[:-3]}*")))
        name, sign, value = word.rpartition("=")
        return f"{name}{sign}{self.folders.get(value, value)}"

    def _command(self, words: list[str], for_this_block: pytest.MonkeyPatch) -> None:
        match words:
            case ["make", "test"] | [".", ".venv/bin/activate"]:
                pass  # the command that runs this test, in the environment that `make` made
            case ["make", target]:
                for arguments in _asked_by_make(target):
                    self._farbench(arguments)
            case ["pip", "install", *_]:
                for_this_block.syspath_prepend(_installed(Path(words[-1].partition("[")[0])))
            case ["export", *settings]:
                for setting in settings:
                    self.monkeypatch.setenv(*setting.replace("$PWD", str(Path.cwd())).split("=", 1))
            case ["farbench", *arguments]:
                self._farbench(arguments)
            case _:
                raise AssertionError(f"no test knows how to run: {shlex.join(words)}")

    def _farbench(self, arguments: list[str]) -> None:
        for word in arguments:
            made = re.fullmatch(r"runs/(\w+)", word)
            if made and arguments[0] != "run" and not Path(word).is_dir():
                self._farbench(["run", made[1]])
        if arguments[0] == "run":
            arguments = [*arguments, "--device", "cpu", *self._cut(arguments)]
        done = self.farbench(*arguments)
        assert done.code == 0, f"farbench {shlex.join(arguments)}\n{done.err}\n{done.out[-3000:]}"

    def _cut(self, arguments: list[str]) -> list[str]:
        """Return the options that make a run small."""
        values = TINY if "--data-root" in arguments else (*TINY, DRAWN)
        rows = self.rows.get(Path(arguments[1]).stem)
        given = ["--rows", rows] if rows and "--rows" not in arguments else []
        return [*given, *(word for value in values for word in ("--set", value))]

    def _prompt(self, text: str) -> None:
        """Run the command after a prompt, and compare what it prints with what follows there."""
        typed, printed = text.split("\n", 1)
        done = self.farbench(*shlex.split(typed.removeprefix("$ farbench ")))
        expected = re.escape(printed.strip()).replace(re.escape("..."), ".*")
        assert re.fullmatch(expected, (done.out + done.err).strip(), re.DOTALL), done.out + done.err


def _asked_by_make(target: str) -> list[list[str]]:
    """Run a target in an environment that counts as installed; return its farbench commands."""
    environment, asked = Path("environment").absolute(), Path("asked").absolute()
    farbench = environment / "bin/farbench"
    farbench.parent.mkdir(parents=True)
    farbench.write_text(f'#!/bin/sh\necho "$*" >> {asked}\n')
    farbench.chmod(0o755)
    (environment / ".farbench-runtime").touch()
    subprocess.run(["make", f"VENV={environment}", target], cwd=ROOT, check=True)
    in_the_checkout = [line.split() for line in asked.read_text().splitlines()]
    return [
        [str(ROOT / word) if (ROOT / word).exists() else word for word in words]
        for words in in_the_checkout
    ]


def _installed(folder: Path) -> str:
    """Install a package beside the environment, as it is and without what it requires."""
    site = str(Path("site").absolute())
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    pip += ["--root-user-action", "ignore", "--no-build-isolation", "--no-deps", "--no-index"]
    subprocess.run([*pip, "--upgrade", "--target", site, str(folder.absolute())], check=True)
    return site


def empty_folder(path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a folder the current one, with a cache of its own and no settings of the user's."""
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    monkeypatch.chdir(path)
    monkeypatch.setenv("FARBENCH_CACHE", str(path / "cache"))
    for name in ("FARBENCH_PLUGINS", "FARBENCH_DATA"):
        monkeypatch.delenv(name, raising=False)
    return path
