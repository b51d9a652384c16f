"""Shell blocks of pages: their commands, and a small shell that runs them on drawn faces."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

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
    "protocol.substitute={resnest50d: resnet10t, resnet50: resnet10t, resnet18: resnet10t, "
    "tf_efficientnet_lite0: resnet10t}",
    "protocol.masks.encoder=tu-resnet10t",
    "protocol.masks.size=32",
    "protocol.masks.epochs=1",
)
"""What a run of a page is given as well, so that it takes seconds."""

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
    results a command wants and no command made is run first.

    Attributes:
        farbench: Runs ``farbench ARGUMENTS...`` and returns code, output and errors.
        folders: What stands for a folder that a page leaves to the reader, such as ``DIR``.
    """

    farbench: Callable[..., object]
    monkeypatch: pytest.MonkeyPatch
    folders: dict[str, Path] = field(default_factory=dict)

    def run(self, page: str) -> None:
        """Run every block of a page."""
        for block in blocks(page):
            if block.language in ("python", "yaml"):
                named = re.findall(r"`([\w./-]+\.(?:py|yaml))`", block.before)
                if named:
                    Path(named[-1]).write_text(block.text, encoding="utf-8")
            elif block.language == "sh":
                for words in commands(block.text):
                    self._command([self._folder(word) for word in words])

    def _folder(self, word: str) -> str:
        """Return a word with the reader's folders, and folders of cells, put in."""
        if word.endswith("..."):
            (place,) = Path(word).parent.glob(f"{Path(word).name[:-3]}*")
            return str(place)
        name, sign, value = word.rpartition("=")
        return f"{name}{sign}{self.folders.get(value, value)}"

    def _command(self, words: list[str]) -> None:
        match words:
            case ["make", target]:
                done = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True)
                assert done.returncode == 0, f"make {target}"
            case ["pip", "install", _] | [".", ".venv/bin/activate"]:
                pass  # what `make` does, into an environment that a test has already
            case ["export", *settings]:
                for setting in settings:
                    self.monkeypatch.setenv(*setting.split("=", 1))
            case ["farbench", *arguments]:
                self._farbench(arguments)
            case _:
                raise AssertionError(f"no test knows how to run: {shlex.join(words)}")

    def _farbench(self, arguments: list[str]) -> None:
        for word in arguments:
            made = re.fullmatch(r"runs/(\w+)", word)
            if made and arguments[0] != "run" and not Path(word).is_dir():
                self._farbench(["run", made[1]])
        if arguments[0] == "run" and "--dry-run" not in arguments:
            sets = (part for value in TINY for part in ("--set", value))
            arguments = [*arguments, "--device", "cpu", *self._data(arguments), *sets]
        done = self.farbench(*arguments)
        assert done.code == 0, f"farbench {shlex.join(arguments)}\n{done.err}\n{done.out[-3000:]}"

    def _data(self, arguments: list[str]) -> list[str]:
        """Return the options that make drawn faces few, where a run draws them."""
        if "--data-root" in arguments:
            return []
        return ["--set", "protocol.dataset={name: synthetic_faces, train: 24, valid: 8, test: 8}"]


def empty_folder(path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a folder the current one, with a cache of its own and no settings of the user's."""
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    monkeypatch.chdir(path)
    monkeypatch.setenv("FARBENCH_CACHE", str(path / "cache"))
    for name in ("FARBENCH_PLUGINS", "FARBENCH_DATA"):
        monkeypatch.delenv(name, raising=False)
    return path
