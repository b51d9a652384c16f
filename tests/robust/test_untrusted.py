"""What comes from elsewhere is data: it runs nothing, and a small file cannot fill the memory."""

from __future__ import annotations

import io
import json
import re
import struct
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest

import farbench
from farbench import limits
from farbench.benchmark.yaml_lines import MOST_VALUES, read_yaml
from farbench.errors import UserError
from farbench.export.pictures import read_picture
from farbench.gate.baseline import read_baseline
from farbench.scoring.predictions import load_predictions
from farbench.store import atomic
from farbench.store.cells import write_predictions
from farbench.store.robustness import read_robustness
from farbench.tasks.attributes import BinaryAttributes
from farbench_datasets import mat_files
from farbench_datasets.celeba_images import CelebAImages
from farbench_datasets.fer2013_table import open_table
from farbench_datasets.mat_files import MatFile
from farbench_datasets.text_files import open_text

ROOT = Path(farbench.__file__).parents[1]

RUNS_CODE = re.compile(
    r"pickle\.loads?\(|allow_pickle=True|weights_only=False|torch\.load\((?!.*weights_only=True)"
    r"|yaml\.(load|full_load|unsafe_load)\(|extractall\(|unpack_archive\(|joblib|shelve|marshal"
    r"|(?<![\w.])(eval|exec)\(|os\.system|shell=True"
)
MAY = {
    "farbench/executors/worker.py": "a run's job, from the process that began it",
    "farbench/executors/errand.py": "a run's job, from the machine that began it",
    "farbench/running/ranks.py": "a stage, from the first process of the same cell",
}


def test_nothing_that_reads_a_file_can_run_code():
    found = {}
    for folder in ("farbench", "plugins"):
        for path in (ROOT / folder).rglob("*.py"):
            lines = path.read_text(encoding="utf-8").splitlines()
            held = [line.strip() for line in lines if RUNS_CODE.search(line.partition("#")[0])]
            # A loader of strings alone, or one that is safe, is named where it is used.
            held = [line for line in held if "BaseLoader" not in line and "_Loader" not in line]
            if held:
                found[str(path.relative_to(ROOT))] = held
    assert {name for name in found if name not in MAY} == set(), found


def aliases(last: str) -> str:
    lines = [f"a0: &a0 [{', '.join('x' * 10)}]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 12)]
    return "\n".join([*lines, last, ""])


def merges() -> str:
    lines = ["a0: &a0 {k0: 1}"]
    lines += [
        f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 10)}], k{i}: 1}}" for i in range(1, 12)
    ]
    return "\n".join([*lines, ""])


def nested_merges() -> str:
    """Give all anchors inside one merge, so that a single step would write them out."""
    inner = ["&a0 {k0: 1}"]
    inner += [f"&a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 10)}], k{i}: 1}}" for i in range(1, 12)]
    return f"<<: [{', '.join(inner)}]\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (aliases("title: *a11"), f"more than {MOST_VALUES:,} values, with every alias written out"),
        (merges(), "more than 100,000 values"),
        (nested_merges(), "more than 100,000 values"),
        (
            "title: " + "x" * limits.YAML,
            f"has {limits.YAML + 7:,} bytes, and at most {limits.YAML:,}",
        ),
        ("title: " + "[" * 50_000, "too many levels"),
        ("title: !!python/object/apply:os.system [true]", "the tag"),
        ("title: &a [*a]", "an alias must not point at what contains it"),
    ],
    ids=["aliases", "merges", "nested merges", "size", "depth", "object", "circle"],
)
def test_yaml(tmp_path, text, told):
    path = tmp_path / "bench.yaml"
    path.write_text(text)
    with pytest.raises(UserError, match=re.escape(told)):
        read_yaml(path)


def test_yaml_with_ordinary_aliases_is_read(tmp_path):
    path = tmp_path / "bench.yaml"
    path.write_text("a: &a {x: 1}\nb: {<<: *a, y: [*a, *a]}\n")
    assert read_yaml(path).data["b"] == {"x": 1, "y": [{"x": 1}, {"x": 1}]}


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "1" * 5000, '{"a": NaN'])
def test_json(tmp_path, text):
    path = tmp_path / "cell.json"
    path.write_text(text)
    with pytest.raises(UserError, match="cannot be read"):
        atomic.read_json(path)


def read_labels(path):
    with open_text(path) as lines:
        return list(lines)


@pytest.mark.parametrize(
    ("read", "most"),
    [
        (read_yaml, limits.YAML),
        (atomic.read_json, limits.JSON),
        (read_baseline, limits.JSON),
        (read_labels, limits.TABLE),
        (lambda path: MatFile(path, ("name",)), limits.TABLE),
        (open_table, limits.PIXEL_TABLE),
        (read_picture, limits.PICTURE),
        (
            lambda path: CelebAImages(path.parent, frozenset({path.name})).read(path.name),
            limits.PICTURE,
        ),
    ],
    ids=["yaml", "json", "baseline", "labels", "matlab", "fer2013", "picture", "celeba"],
)
def test_a_file_beyond_its_limit_is_refused_before_it_is_read(tmp_path, read, most):
    path = tmp_path / "file"
    with path.open("wb") as file:
        file.truncate(most + 1)  # it takes no room
    told = f"{path} has {most + 1:,} bytes, and at most {most:,} are read of such a file"
    with pytest.raises(UserError, match=re.escape(told)):
        read(path)


@pytest.mark.parametrize("write", ["old", "hdf5"])
def test_a_matlab_file_that_unpacks_to_too_much_is_refused_before_it_does(
    tmp_path, monkeypatch, write
):
    path = tmp_path / "labels.mat"
    zeros = np.zeros((300, 100))
    if write == "old":
        pytest.importorskip("scipy.io").savemat(path, {"label": zeros}, do_compression=True)
    else:
        h5py = pytest.importorskip("h5py")
        with h5py.File(path, "w", userblock_size=512) as file:
            file.create_dataset("label", data=zeros, compression="gzip")
    assert path.stat().st_size < 20_000
    monkeypatch.setattr(mat_files, "TABLE", 100_000)
    with pytest.raises(UserError, match=r"'label' of .* has 240,000 bytes, and at most 100,000"):
        MatFile(path, ("label",))


FOUR = BinaryAttributes("attributes", ("a", "b", "c", "d"))


def predictions(path: Path) -> Path:
    rng = np.random.default_rng(0)
    write_predictions(
        path,
        np.array([f"image{i}" for i in range(200)]),
        {"attributes": rng.normal(size=(200, 4)).astype(np.float16)},
        {"attributes": rng.integers(0, 2, (200, 4)).astype(np.int8)},
    )
    return path


def test_objects_in_predictions_are_refused(tmp_path):
    class Runs:
        def __reduce__(self):
            return print, ("it ran",)

    names = ("image", "attributes.output", "attributes.target")
    path = tmp_path / "predictions.npz"
    np.savez(path, **{name: np.array([Runs()], object) for name in names})
    with pytest.raises(UserError, match="Object arrays cannot be loaded"):
        load_predictions(path, FOUR)


def test_predictions_that_unpack_to_too_much_are_refused_before_they_do(tmp_path):
    path = predictions(tmp_path / "predictions.npz")
    with zipfile.ZipFile(path, "a") as held:
        held.writestr("more.npy", b"x")
    data = bytearray(path.read_bytes())
    at = data.rindex(b"PK\x01\x02")  # the last entry of the directory claims five gigabytes
    data[at + 24 : at + 28] = struct.pack("<I", 0xFFFFFFF0)
    at = data.rindex(b"PK\x01\x02", 0, at)
    data[at + 24 : at + 28] = struct.pack("<I", 0xFFFFFFF0)
    path.write_bytes(data)
    with pytest.raises(UserError, match="its arrays would take 8,"):
        load_predictions(path, FOUR)


def test_an_array_that_claims_to_be_huge_is_refused(tmp_path):
    header = io.BytesIO()
    shape = {"descr": "<f8", "fortran_order": False, "shape": (1 << 50,)}
    np.lib.format.write_array_header_1_0(header, shape)
    path = tmp_path / "predictions.npz"
    with zipfile.ZipFile(path, "w") as held:
        for name in ("image", "attributes.output", "attributes.target"):
            held.writestr(f"{name}.npy", header.getvalue())
    with pytest.raises(UserError, match="is no predictions file"):
        load_predictions(path, FOUR)


@pytest.mark.filterwarnings("ignore::SyntaxWarning")
def test_a_flipped_bit_in_predictions_is_told_or_changes_nothing(tmp_path):
    path = predictions(tmp_path / "predictions.npz")
    whole, rng, told = path.read_bytes(), np.random.default_rng(3), 0
    right = load_predictions(path, FOUR)
    for _ in range(400):
        data = bytearray(whole)
        data[rng.integers(len(data))] ^= 1 << rng.integers(8)
        path.write_bytes(data)
        try:
            found = load_predictions(path, FOUR)
        except UserError:
            told += 1
            continue
        for name in ("image", "output", "target"):
            assert np.array_equal(getattr(found, name), getattr(right, name))
    assert told > 300


def test_robustness_of_a_later_version_is_refused(tmp_path):
    (tmp_path / "robustness.json").write_text(json.dumps({"schema": 2, "cell": "k"}))
    with pytest.raises(UserError, match="later farbench"):
        read_robustness(tmp_path, "k")


def black_png(side: int) -> bytes:
    """Return a black picture of side x side pixels, a thousandth of that in bytes."""

    def chunk(kind: bytes, held: bytes) -> bytes:
        return (
            struct.pack(">I", len(held)) + kind + held + struct.pack(">I", zlib.crc32(kind + held))
        )

    packer, row = zlib.compressobj(9), bytes(side // 8 + 1)
    rows = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    head = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


READS = """
import sys
from pathlib import Path
from farbench.errors import UserError
from farbench.plugins.dataset import Dataset

class Row:
    image = "black.png"

class Faces(Dataset):
    name = "faces"

try:
    Faces.read(Faces.model_construct(), Path(sys.argv[1]), Row)
except UserError as error:
    print(error)
"""


def test_a_picture_that_decodes_to_gigabytes_is_refused(tmp_path):
    """In a process of its own: the limit is read when OpenCV is loaded."""
    (tmp_path / "black.png").write_bytes(black_png(24_000))
    words = [sys.executable, "-c", READS, str(tmp_path)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stdout.endswith("black.png does not decode.\n")  # 1.7 GB, if it did
