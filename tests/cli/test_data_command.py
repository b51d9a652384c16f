"""`farbench data verify` and `data stats`: names, options, output, exit codes."""

from __future__ import annotations

import json
import subprocess
import sys

import cv2
import numpy as np
import pytest

PLUGIN = '''
"""Two data sets of files: the label is in the name, the split is the folder."""

from pathlib import Path
from typing import ClassVar

from pydantic import Field

from farbench import Classes, Dataset, DatasetInfo, FaceIndex


class Cats(Dataset):
    """Images of cats."""

    name: ClassVar[str] = "cats"
    info: ClassVar[DatasetInfo] = DatasetInfo(
        title="Cats",
        citation="nobody",
        licence="none",
        how_to_get="Ask the cats.",
        expected_counts={"train": 4, "valid": 1, "test": 1},
    )
    reading: ClassVar[tuple[str, ...]] = ("tabby", "white")

    limit: int = Field(100, ge=1, description="Images a split.")

    def tasks(self):
        return (Classes("fur", self.reading),)

    def index(self, root):
        import pandas as pd

        rows = []
        for split in ("train", "valid", "test"):
            files = sorted((root / split).glob("*.png"))[: self.limit]
            rows += [(f"{split}/{f.name}", split, f.name.split("_")[0]) for f in files]
        return FaceIndex(pd.DataFrame(rows, columns=["image", "split", "fur"]))


class Dogs(Cats):
    """Images of dogs."""

    name: ClassVar[str] = "dogs"
    reading: ClassVar[tuple[str, ...]] = ("tabby", "white")
    shout: bool = False


class Birds(Dogs):
    """Animals without fur."""

    name: ClassVar[str] = "birds"
    reading: ClassVar[tuple[str, ...]] = ("feathers",)
'''

FILES = (
    *(f"train/{fur}_{i}.png" for i, fur in enumerate(("tabby", "white", "white", "tabby"))),
    "valid/tabby_9.png",
    "test/white_9.png",
    "test/tabby_8.png",
)


@pytest.fixture
def animals(tmp_path, monkeypatch, farbench_cli):
    """Draw images of cats and dogs; return how to run a command of `farbench data` on them."""
    (tmp_path / "animals.py").write_text(PLUGIN)
    for kind in ("cats", "dogs", "birds"):
        for seed, file in enumerate(FILES):
            path = tmp_path / "data" / kind / file
            path.parent.mkdir(parents=True, exist_ok=True)
            rng = np.random.default_rng((seed, len(kind), ord(kind[0])))
            small = rng.uniform(0, 255, (8, 8, 3)).astype(np.float32)
            image = cv2.resize(small, (40, 40), interpolation=cv2.INTER_CUBIC)
            cv2.imwrite(str(path), image.clip(0, 255).astype(np.uint8))
    monkeypatch.setenv("FARBENCH_DATA", str(tmp_path / "data"))
    monkeypatch.delenv("FARBENCH_PLUGINS", raising=False)

    def run(*arguments: object):
        return farbench_cli("data", *arguments, "--plugins", tmp_path / "animals.py")

    run.folder = tmp_path / "data"
    return run


def test_verify_prints_a_line_a_check_and_nothing_on_stderr(animals):
    done = animals("verify", "cats")
    assert (done.code, done.err) == (0, "")
    head, images, empty, *checks = done.out.splitlines()
    assert head == f"cats: Cats, {animals.folder / 'cats'}"
    assert images.startswith("7 images (train 4, valid 1, test 2); read in ")
    assert empty == ""
    assert checks[0].startswith("warning  counts           more images than were released: train 4")
    assert "ok       images           all 7 decode." in checks
    assert checks[-1] == "nothing is wrong, 1 warning."


def test_warnings_count_by_strict_alone(animals):
    done = animals("verify", "cats", "--strict")
    assert done.code == 1
    assert done.out.endswith("nothing is wrong, 1 warning (which count, by --strict).\n")
    assert animals("verify", "cats", "--set", "limit=1").code == 0
    quiet = animals("verify", "cats", "--set", "limit=1", "--strict")
    assert quiet.code == 1  # no train image is tabby or white: one class is missing
    assert "1 class never appears in train: white." in quiet.out


def test_an_image_that_does_not_open_is_wrong(animals):
    (animals.folder / "cats/train/white_1.png").write_bytes(b"no image")
    done = animals("verify", "cats")
    assert (done.code, done.err) == (1, "")
    assert "wrong    images           1 image does not open.\n" in done.out
    path = animals.folder / "cats/train/white_1.png"
    assert f"\nimages:\n  train/white_1.png: image {path} does not decode.\n" in done.out
    assert done.out.endswith("1 check is wrong, 1 warning.\n")


def test_json_alone_is_on_stdout(animals):
    copy = animals.folder / "cats/test/white_9.png"
    copy.write_bytes((animals.folder / "cats/train/tabby_0.png").read_bytes())
    done = animals("verify", "cats", "--json", "--threads", "1")
    record = json.loads(done.out)
    assert (done.code, done.err) == (0, "")
    assert record["dataset"] == "cats"
    assert record["options"] == {"limit": 100}
    (equal,) = [one for one in record["findings"] if one["check"] == "equal images"]
    (group,) = equal["data"]["groups"]
    assert [one["image"] for one in group["images"]] == ["train/tabby_0.png", "test/white_9.png"]
    assert group["contradictions"] == {"fur": ["tabby", "white"]}
    assert "items" not in equal


def test_joined_data_sets_are_checked_together(animals):
    copy = animals.folder / "dogs/test/white_9.png"
    copy.write_bytes((animals.folder / "cats/train/white_1.png").read_bytes())
    done = animals("verify", "cats+dogs", "--set", "dogs.shout=true", "--set", "cats.limit=3")
    assert done.code == 0
    assert "\n13 images (train 7, valid 2, test 4); " in done.out
    assert "  train: cats:train/white_1.png | test: dogs:test/white_9.png\n" in done.out
    assert "note     counts cats      fewer" not in done.out
    record = json.loads(animals("verify", "cats+dogs", "--set", "shout=true", "--json").out)
    assert record["options"] == {"cats": {"limit": 100}, "dogs": {"limit": 100, "shout": True}}
    counts = {f["check"]: f["data"]["found"] for f in record["findings"] if "counts" in f["check"]}
    assert counts["counts dogs"] == {"train": 4, "valid": 1, "test": 2}


def test_stats_prints_classes(animals):
    done = animals("stats", "cats")
    assert (done.code, done.err) == (0, "")
    assert done.out == (
        "cats: Cats, 7 images (train 4, valid 1, test 2)\n"
        "\n"
        "fur: 2 classes, images and share; all labelled\n"
        "         train  share  valid   share  test  share\n"
        "  tabby      2  50.0%      1  100.0%     1  50.0%\n"
        "  white      2  50.0%      0    0.0%     1  50.0%\n"
    )
    record = json.loads(animals("stats", "cats", "--json", "--set", "dataset.limit=1").out)
    assert record["tasks"]["fur"]["splits"]["train"] == {"tabby": 1, "white": 0}
    assert record["options"] == {"limit": 1}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["cast"], "unknown dataset 'cast'. Did you mean 'cats'?"),
        (["cats+dgos"], "unknown dataset 'dgos'. Did you mean 'dogs'?"),
        (["cats+cats"], "'cats+cats' names cats twice; a data set cannot be joined to itself."),
        (["cats", "--set", "limt=1"], "--set limt=1: cats has no option 'limt'. Did you"),
        (["cats", "--set", "limit=0"], "--set limit=0: limit: must be at least 1, got 0"),
        (["cats", "--set", "limit"], "--set limit: write OPTION=VALUE, for example"),
        (["cats", "--set", "limit=1", "--set", "limit.x=1"], "--set limit.x=1: limit holds a"),
        (["cats+dogs", "--set", "cats.shout=1"], "--set cats.shout=1: cats has no option 'shout'."),
        (["cats+dogs", "--set", "loud=1"], "--set loud=1: cats and dogs have no option 'loud'."),
        (["cats", "--data-root", "nowhere"], "data root nowhere does not exist, so there is no"),
        (["cats", "--set", "map={fur: {tabi: white}}"], "map of cats: fur has no class 'tabi'."),
    ],
)
def test_mistakes_are_told_and_exit_with_2(animals, arguments, message):
    for command in ("verify", "stats"):
        done = animals(command, *arguments)
        assert (done.code, done.out) == (2, "")
        assert done.err.startswith(f"farbench: error: {message}"), done.err


def test_labels_can_be_translated(animals):
    done = animals("stats", "cats+birds", "--set", "cats.map={fur: {tabby: feathers, white: null}}")
    assert done.code == 2  # the files of birds are called like those of cats
    assert "fur has the label 'tabby'" in done.err
    assert "farbench data verify cats+birds" in done.err
    done = animals("verify", "birds")
    assert done.code == 1
    assert "wrong    labels fur       fur has the label 'tabby'." in done.out


def test_help_and_start_up_are_light(farbench_cli):
    for arguments in (("data",), ("data", "--help"), ("data", "verify", "--help")):
        done = farbench_cli(*arguments)
        assert "Usage: farbench data" in done.out + done.err
    script = (
        "import sys, io, contextlib\n"
        "from farbench.cli import main\n"
        "with contextlib.redirect_stdout(io.StringIO()):\n"
        "    main(['data', 'verify', '--help'])\n"
        "print(' '.join(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    # Newer versions of typer load pydantic for any command; `farbench --help` does not.
    assert {"numpy", "torch", "pandas", "cv2"}.isdisjoint(done.stdout.split())


def test_verify_needs_no_torch(animals, tmp_path):
    script = (
        "import sys\n"
        "from farbench.cli import main\n"
        f"main(['data', 'verify', 'cats', '--plugins', {str(tmp_path / 'animals.py')!r}])\n"
        "print(' '.join(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=120
    )
    assert "all 7 decode" in done.stdout
    assert {"torch", "timm", "sklearn"}.isdisjoint(done.stderr.split())


def test_progress_shows_the_rate_on_a_terminal(animals, monkeypatch):
    import io

    from farbench.running import progress

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    out = Terminal()
    monkeypatch.setattr(progress.sys, "stderr", out)
    assert animals("verify", "cats").code == 0
    monkeypatch.undo()
    assert "  images: 7/7, " in out.getvalue()
    assert "/s, 0 s left" in out.getvalue()


def test_what_was_packed_is_checked_whole(animals, tmp_path, monkeypatch):
    from farbench.data.intact import PIXELS
    from farbench.data.pack import pack
    from farbench.store.artifacts import ArtifactStore

    monkeypatch.setenv("FARBENCH_CACHE", str(tmp_path / "cache"))
    store = ArtifactStore(tmp_path / "cache")
    for key, name in (("good", "cats"), ("bad", "cats"), ("other", "dogs")):
        pack(store, key, 3, lambda i: np.full((8, 8, 3), i, np.uint8), 16, dataset=name)
    file = store.folder("packed", "bad") / PIXELS
    file.write_bytes(file.read_bytes()[:-1] + b"\x07")
    done = animals("verify", "cats")
    assert done.code == 0
    bad, good = done.out.splitlines()[-2:]
    assert bad == (
        f"packed images: 3 in {file.parent}: damaged (image 2 is not what was written); "
        "the next run packs them again"
    )
    assert good == f"packed images: 3 in {store.folder('packed', 'good')}: whole"
    assert store.meta("packed", "bad") is None
    record = json.loads(animals("verify", "cats", "--json").out)
    folder = str(store.folder("packed", "good"))
    assert record["packed"] == [{"folder": folder, "images": 3, "wrong": None}]
