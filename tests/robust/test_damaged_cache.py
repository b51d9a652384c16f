"""A damaged artifact or checkpoint is noticed wherever the damage is, told, and made again."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from damages import DAMAGES
from torch import nn

from farbench.errors import UserError
from farbench.store.artifacts import DONE, FORMAT, PROGRESS, ArtifactStore
from farbench.store.checksums import checksums, damage
from farbench.training.checkpoint import Checkpoint

every_damage = pytest.mark.parametrize("hurt", DAMAGES.values(), ids=list(DAMAGES))


class Built:
    """A store with one artifact of two files; counts how often it is built."""

    def __init__(self, root: Path) -> None:
        self.root, self.times = root, 0
        self.said: list[str] = []
        self.folder = root / "masks" / "abc"

    def build(self, folder: Path) -> dict[str, int]:
        self.times += 1
        np.save(folder / "masks.npy", np.arange(3000))
        (folder / "weights.bin").write_bytes(bytes(range(256)) * 20)
        return {"answer": 42}

    def get(self):
        """Ask as another process would: a store of its own."""
        return ArtifactStore(self.root, self.said.append).get("masks", "abc", self.build)


@pytest.fixture
def built(tmp_path):
    held = Built(tmp_path)
    assert held.get()[1:] == ({"answer": 42}, False)
    assert held.get()[1:] == ({"answer": 42}, True)
    return held


@pytest.mark.parametrize(
    ("name", "hurt"),
    [
        pytest.param(name, hurt, id=f"{name}: {how}")
        for name in ("masks.npy", "weights.bin", DONE)
        for how, hurt in DAMAGES.items()
        if (name, how) != (DONE, "one byte short")  # the end of its last line says nothing
    ],
)
def test_a_damaged_artifact_is_made_anew_and_told(built, name, hurt):
    whole = {path.name: path.read_bytes() for path in built.folder.iterdir()}
    hurt(built.folder / name)
    folder, meta, shared = built.get()
    assert (meta, shared, built.times) == ({"answer": 42}, False, 2)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == whole
    if name != DONE or hurt is not DAMAGES["missing"]:  # without it, it was never finished
        (line,) = built.said
        assert line.startswith(f"warning: {folder} is damaged (")
        assert name in line
    assert built.get()[2] is True
    assert len(built.said) <= 1


def test_any_flipped_bit_is_noticed(built):
    rng = np.random.default_rng(0)
    kept = json.loads((built.folder / DONE).read_text())["files"]
    path = built.folder / "weights.bin"
    whole = path.read_bytes()
    for _ in range(300):
        held = bytearray(whole)
        held[rng.integers(len(held))] ^= 1 << rng.integers(8)
        path.write_bytes(held)
        assert damage(built.folder, kept) is not None
    path.write_bytes(whole)
    assert damage(built.folder, kept) is None


def test_a_flipped_bit_in_the_record_never_gives_another_record(built):
    rng = np.random.default_rng(1)
    path = built.folder / DONE
    whole = path.read_bytes()
    for _ in range(300):
        held = bytearray(whole)
        held[rng.integers(len(held))] ^= 1 << rng.integers(8)
        path.write_bytes(held)
        # A bit of the word "checksum" itself leaves a record without one: it says the same.
        found = ArtifactStore(built.root).meta("masks", "abc")
        assert found is None or found["answer"] == 42


def test_another_process_keeps_the_files_that_it_has_mapped(built):
    held = np.load(built.folder / "masks.npy", mmap_mode="r")
    DAMAGES["last byte"](built.folder / "weights.bin")
    built.get()
    assert held[-1] == 2999
    assert held.base is not None


def test_a_damaged_artifact_goes_on_from_a_checkpoint_that_is_still_there(built):
    """Killed after artifact.json was written, and damaged before the next run."""
    (built.folder / PROGRESS).mkdir()
    (built.folder / PROGRESS / "half").write_text("done")
    DAMAGES["empty"](built.folder / "masks.npy")
    seen = []

    def build(folder: Path) -> dict[str, int]:
        seen.append((folder / PROGRESS / "half").read_text())
        return built.build(folder)

    ArtifactStore(built.root, built.said.append).get("masks", "abc", build)
    assert seen == ["done"]
    assert not (built.folder / PROGRESS).exists()


def test_an_artifact_of_before_is_read_as_it_is(built):
    record = json.loads((built.folder / DONE).read_text())
    for name in ("format", "files", "checksum"):
        del record[name]
    (built.folder / DONE).write_text(json.dumps(record))
    assert built.get()[1:] == ({"answer": 42}, True)
    assert built.said == []


def test_an_artifact_of_a_later_version_is_refused_and_stays(built):
    record = {"format": FORMAT + 1, "answer": 42, "stored": "otherwise"}
    (built.folder / DONE).write_text(json.dumps(record))
    with pytest.raises(UserError, match=r"artifact\.json was written by a later farbench"):
        built.get()
    assert json.loads((built.folder / DONE).read_text()) == record
    assert (built.folder / "masks.npy").is_file()


def test_only_the_head_of_packed_images_is_covered(tmp_path):
    (tmp_path / "images.npy").write_bytes(bytes(10_000))
    kept = checksums(tmp_path, ["images.npy", "absent"], heads=["images.npy"])
    assert kept == {"images.npy": {"bytes": 10_000, "crc32": "c71c0011", "of": 4096}}
    DAMAGES["last byte"](tmp_path / "images.npy")
    assert damage(tmp_path, kept) is None
    DAMAGES["early byte"](tmp_path / "images.npy")
    assert damage(tmp_path, kept) == ("images.npy is not what was written: its checksum is another")


def checkpoint(path: Path) -> Checkpoint:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(20, 20), nn.BatchNorm1d(20))
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)
    return Checkpoint(path, network, nn.Module(), optimizer)


@pytest.fixture
def half_trained(tmp_path):
    """Return a folder with a checkpoint of two epochs, and what resuming from it gives."""
    folder = tmp_path / "stages" / "abc"
    state = checkpoint(folder / PROGRESS / "checkpoint.pt")
    for epoch in (1, 2):
        state.network(torch.ones(4, 20)).sum().backward()
        state.optimizer.step()
        state.finish_epoch(epoch, {"loss": 0.5}, keep_best=0.25)
    return tmp_path, folder, state


def resumed(root: Path, said: list[str]) -> Checkpoint:
    """Ask for the artifact as a run does; return what its builder goes on from."""
    found: list[Checkpoint] = []

    def build(folder: Path) -> dict[str, int]:
        found.append(checkpoint(folder / PROGRESS / "checkpoint.pt"))
        found[0].resume()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ArtifactStore(root, said.append).get("stages", "abc", build)
    return found[0]


def assert_same_state(one: Checkpoint, other: Checkpoint) -> None:
    assert one.history == other.history
    assert one.best is not None
    for mine, theirs in zip(
        one.network.state_dict().values(), other.network.state_dict().values(), strict=True
    ):
        assert torch.equal(mine, theirs)


def test_a_whole_checkpoint_is_gone_on_from(half_trained):
    root, _, state = half_trained
    said: list[str] = []
    assert_same_state(resumed(root, said), state)
    assert said == []


@every_damage
def test_a_damaged_checkpoint_is_not_gone_on_from(half_trained, hurt):
    root, folder, state = half_trained
    path = folder / PROGRESS / "checkpoint.pt"
    hurt(path)
    said: list[str] = []
    found = resumed(root, said)
    if found.epoch:  # a zip file has a few bytes that mean nothing
        assert_same_state(found, state)
        return
    assert not path.exists()
    if hurt is not DAMAGES["missing"]:
        (line,) = said
        assert line == f"warning: {path} is damaged: its training begins at the first epoch"


def test_a_flipped_bit_in_a_checkpoint_never_gives_other_weights(half_trained):
    root, folder, state = half_trained
    path = folder / PROGRESS / "checkpoint.pt"
    whole, rng, noticed = path.read_bytes(), np.random.default_rng(2), 0
    for _ in range(150):
        held = bytearray(whole)
        held[rng.integers(len(held))] ^= 1 << rng.integers(8)
        path.write_bytes(held)
        found = resumed(root, [])
        if found.epoch:
            assert_same_state(found, state)
        else:
            noticed += 1
        shutil.rmtree(folder / PROGRESS, ignore_errors=True)
        path.parent.mkdir()
    assert noticed > 50
