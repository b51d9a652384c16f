"""Each check finds what it is there for, on a machine that is broken in that way."""

from __future__ import annotations

import importlib.metadata
import platform
import shutil
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from farbench.doctor import devices, disk, memory, speed
from farbench.doctor.datasets import check_datasets
from farbench.doctor.devices import check_devices
from farbench.doctor.disk import check_disk
from farbench.doctor.examine import CHECKS, examine
from farbench.doctor.libraries import check_libraries
from farbench.doctor.memory import check_memory
from farbench.doctor.plugins import check_plugins
from farbench.doctor.python import check_python
from farbench.doctor.torchvision import check_torchvision
from farbench.errors import UserError
from farbench.plugins.health import Machine
from farbench.plugins.manager import load_plugins


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine with the shipped plugins and empty folders."""
    for name in ("FARBENCH_PLUGINS", "FARBENCH_AUTOLOAD", "CUDA_VISIBLE_DEVICES"):
        monkeypatch.delenv(name, raising=False)

    def make(paths=(), **changes):
        registry = load_plugins(paths, keep_clashes=True)
        fields = {"cache": tmp_path / "cache", "results": tmp_path / "runs", "data_root": None}
        return Machine(registry, **(fields | changes))

    return make


def states(found):
    return [one.state for one in found]


def problem(found):
    """Return the only diagnosis that is not fine."""
    (one,) = [one for one in found if one.state != "ok"]
    assert one.advice
    return one


def test_python_that_is_too_old(machine, monkeypatch):
    assert states(check_python(machine())) == ["ok"]
    monkeypatch.setattr(platform, "python_version", lambda: "3.9.1")
    assert problem(check_python(machine())).text == "3.9.1; farbench needs >=3.11"


def fake_versions(monkeypatch, versions, requires):
    version, needed = importlib.metadata.version, importlib.metadata.requires

    def fake(name):
        found = versions.get(name) or version(name)
        if found == "gone":
            raise importlib.metadata.PackageNotFoundError(name)
        return found

    monkeypatch.setattr(importlib.metadata, "version", fake)
    monkeypatch.setattr(
        importlib.metadata, "requires", lambda name: requires.get(name) or needed(name)
    )


def test_torch_that_torchvision_was_not_built_for(machine, monkeypatch):
    assert states(check_libraries(machine())) == ["ok"]
    wanted = {"torchvision": ["numpy", "torch (==2.5.0)", "scipy ; extra == 'scipy'"]}
    fake_versions(monkeypatch, {"torch": "2.6.0", "torchvision": "0.21.0"}, wanted)
    found = problem(check_libraries(machine()))
    assert (found.about, found.state) == ("torch", "problem")
    assert found.text == "2.6.0 is installed; torchvision 0.21.0 needs ==2.5.0"
    assert found.advice == "pip install --upgrade 'torch==2.5.0' torchvision"


def test_a_library_that_is_gone_or_too_old(machine, monkeypatch):
    fake_versions(monkeypatch, {"tabulate": "gone", "jinja2": "2.0"}, {})
    found = {one.about: one for one in check_libraries(machine())}
    assert found["tabulate"].text == "not installed; farbench needs it"
    assert found["tabulate"].advice == "pip install 'tabulate>=0.9'"
    assert found["jinja2"].text.startswith("2.0 is installed; farbench ")


def test_farbench_that_is_not_installed(machine, monkeypatch):
    def gone(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "requires", gone)
    assert "none of its plugins is found" in problem(check_libraries(machine())).text


def test_torchvision_of_another_build(machine, monkeypatch):
    assert states(check_torchvision(machine())) == ["ok"]

    def nms(*_):
        raise RuntimeError("operator torchvision::nms does not exist\nmore")

    broken = SimpleNamespace(ops=SimpleNamespace(nms=nms), __version__="0")
    monkeypatch.setitem(sys.modules, "torchvision", broken)
    found = problem(check_torchvision(machine()))
    assert found.text.endswith("RuntimeError: operator torchvision::nms does not exist")


METHOD = "from farbench import Method\n\n\nclass Mine(Method):\n    name = 'baseline'\n"


def test_plugins_in_trouble(machine, tmp_path, monkeypatch):
    assert states(check_plugins(machine())) == ["ok"]
    (tmp_path / "bad.py").write_text("1 / 0\n")
    found = problem(check_plugins(machine([tmp_path / "bad.py"])))
    assert found.text == (
        f"{tmp_path / 'bad.py'} is broken: ZeroDivisionError: division by zero (line 1)"
    )
    assert found.advice == f"Mend it: farbench test-plugin {tmp_path / 'bad.py'}"
    (tmp_path / "same.py").write_text(METHOD)
    (clash,) = [o for o in check_plugins(machine([tmp_path / "same.py"])) if o.state != "ok"]
    assert clash.state == "problem"
    assert clash.text.startswith("method 'baseline' is provided twice: by farbench ")
    monkeypatch.setenv("FARBENCH_AUTOLOAD", "no:farbench_losses")
    off = problem(check_plugins(machine()))
    assert (off.state, off.text) == (
        "warning",
        "switched off by FARBENCH_AUTOLOAD: farbench_losses",
    )


@pytest.fixture
def gpu(monkeypatch, tmp_path):
    """Return a function that fakes a driver and what torch says of it."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)

    def fake(*, driver, built, knows=0, count=0):
        file = tmp_path / "driver"
        if driver:
            file.write_text("NVRM\n")
        monkeypatch.setattr(devices, "DRIVER", file)
        monkeypatch.setattr(torch.version, "cuda", built)
        monkeypatch.setattr(torch._C, "_cuda_getDriverVersion", lambda: knows, raising=False)
        monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda index: "Fake GPU")
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda index: (9, 0))
        # What is computed on the fake GPU is computed here.
        ones = torch.ones
        monkeypatch.setattr(torch, "ones", lambda *size, device: ones(*size))

    return fake


def test_no_gpu_is_fine_unless_it_is_asked_for(machine, gpu):
    gpu(driver=False, built="13.0")
    assert states(check_devices(machine())) == ["ok", "ok"]
    found = problem(check_devices(machine(device="cuda")))
    assert (found.state, found.text) == ("problem", "there is no NVIDIA driver here")


def test_torch_without_cuda_beside_a_driver(machine, gpu):
    gpu(driver=True, built=None)
    found = problem(check_devices(machine()))
    assert found.state == "warning"
    assert "is built without CUDA" in found.text
    assert problem(check_devices(machine(device="cuda"))).state == "problem"


def test_a_driver_that_is_too_old_for_torch(machine, gpu):
    gpu(driver=True, built="13.0", knows=12040)
    found = problem(check_devices(machine()))
    assert found.state == "problem"
    assert found.text.endswith("is built for CUDA 13.0, and the driver knows CUDA 12.4")
    gpu(driver=True, built="13.0", knows=0)
    assert problem(check_devices(machine())).text.endswith("the driver does not answer")


def test_a_gpu_that_is_hidden(machine, gpu, monkeypatch):
    gpu(driver=True, built="13.0", knows=13000)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert problem(check_devices(machine())).text == "CUDA_VISIBLE_DEVICES hides it"


def test_gpus(machine, gpu, monkeypatch):
    gpu(driver=True, built="13.0", knows=13000, count=2)
    fine = list(check_devices(machine()))
    assert [one.about for one in fine] == ["processor", "cuda:0", "cuda:1"]
    assert states(fine) == ["ok"] * 3
    missing = problem(check_devices(machine(device="cuda:2")))
    assert (missing.about, missing.text) == ("cuda:2", "not there: 2 GPUs are visible")

    def no_kernel(*_, device):
        raise RuntimeError("CUDA error: no kernel image is available for execution on the device")

    with monkeypatch.context() as patch:
        patch.setattr(torch.cuda, "get_device_capability", lambda index: (7, 5))
        slow = [one for one in check_devices(machine()) if one.state == "warning"]
        assert len(slow) == 2
        assert "bfloat16" in slow[0].text
    monkeypatch.setattr(torch, "ones", no_kernel)
    broken = [one for one in check_devices(machine()) if one.state == "problem"]
    assert len(broken) == 2
    assert "(compute capability 9.0) does not compute" in broken[0].text
    assert "no kernel image" in broken[0].text


def test_little_memory_and_a_container_s_limit(machine, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(memory, "CGROUP", tmp_path)
    monkeypatch.setattr("farbench.data.placement.free_memory", lambda device: 50_000_000_000)
    assert [one.text for one in check_memory(machine())] == ["50.0 GB free"]
    (tmp_path / "memory.max").write_text("8000000000\n")
    (tmp_path / "memory.current").write_text("7000000000\n")
    found = problem(check_memory(machine()))
    assert found.text == "1.0 GB free (the container's limit): little"
    (tmp_path / "memory.max").write_text("max\n")
    assert states(check_memory(machine())) == ["ok"]
    monkeypatch.setattr("farbench.data.placement.free_memory", lambda device: 900_000_000)
    assert problem(check_memory(machine())).text == "0.9 GB free: little"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert [one.about for one in check_memory(machine())] == ["memory", "cuda:0 memory"]


def test_a_full_disk(machine, monkeypatch):
    free = {"bytes": 20e9}
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=free["bytes"]))
    assert states(check_disk(machine())) == ["ok", "ok"]
    free["bytes"] = 5e9
    assert states(check_disk(machine())) == ["warning", "ok"]
    free["bytes"] = 1e8
    found = list(check_disk(machine()))
    assert states(found) == ["problem", "problem"]
    assert "0.1 GB free: too little" in found[0].text
    assert "FARBENCH_CACHE" in found[0].advice
    assert "--results" in found[1].advice


def test_folders_that_cannot_be_written_or_locked(machine, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=20e9))
    (tmp_path / "file").write_text("")
    found = problem(check_disk(machine(cache=tmp_path / "file" / "cache")))
    assert found.text.endswith(f"{tmp_path / 'file'} is a file")
    with monkeypatch.context() as patch:
        patch.setattr(disk.fcntl, "flock", lambda *_: (_ for _ in ()).throw(OSError(37, "none")))
        assert states(check_disk(machine())) == ["warning", "warning"]

    def refuse(**_):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    found = list(check_disk(machine()))
    assert states(found) == ["problem", "problem"]
    assert found[0].text.endswith("cannot be written: Read-only file system")
    assert not (tmp_path / "cache").exists()
    assert not (tmp_path / "runs").exists()


ON_DISK = '''
from pathlib import Path
from typing import ClassVar

from farbench import BinaryAttributes, Dataset, DatasetInfo, UserError


class OnDisk(Dataset):
    """Three grey images and a label file."""

    name: ClassVar[str] = "on_disk"
    info: ClassVar[DatasetInfo] = DatasetInfo(title="On disk", citation="nobody", licence="none")

    def tasks(self):
        return (BinaryAttributes("attributes", ("Dark",)),)

    def index(self, root):
        import pandas as pd

        if not (root / "labels.txt").is_file():
            raise UserError(f"labels.txt is missing in {root}.\\nHow to get it: write it.")
        frame = pd.DataFrame({"image": ["a.png", "b.png", "c.png"]})
        frame["split"] = ["train", "valid", "test"]
        frame["attributes.Dark"] = [0, 1, 0]
        return frame
'''


def test_data_sets(machine, tmp_path):
    import cv2
    import numpy as np

    assert states(check_datasets(machine())) == ["ok"]
    nowhere = problem(check_datasets(machine(data_root=tmp_path / "nowhere")))
    assert nowhere.text == f"the data root {tmp_path / 'nowhere'} is not a folder"

    (tmp_path / "plugin.py").write_text(ON_DISK)
    root = tmp_path / "data" / "on_disk"
    root.mkdir(parents=True)
    here = machine([tmp_path / "plugin.py"], data_root=tmp_path / "data")
    found = problem(check_datasets(here))
    assert (found.about, found.text) == (
        "data set on_disk",
        f"labels.txt is missing in {root}.",
    )
    (root / "labels.txt").write_text("")
    assert "is missing" in problem(check_datasets(here)).text  # the first image
    for name in "abc":
        cv2.imwrite(str(root / f"{name}.png"), np.full((8, 8, 3), 128, np.uint8))
    fine, absent = check_datasets(here)
    assert fine.text == f"{root}: 1 train, 1 valid, 1 test images"
    assert "celeba" in absent.text
    (root / "b.png").write_bytes(b"no image")
    assert "b.png does not decode" in problem(check_datasets(here)).text


def test_image_files_that_are_missing(machine, tmp_path):
    import cv2
    import numpy as np

    text = ON_DISK.replace('"a.png", "b.png", "c.png"]', '"a.png", "b.png", "c.png", "d.png"]')
    text = text.replace('"valid", "test"]', '"valid", "test", "train"]').replace(
        "1, 0]", "1, 0, 0]"
    )
    (tmp_path / "plugin.py").write_text(text)
    root = tmp_path / "on_disk"
    root.mkdir()
    (root / "labels.txt").write_text("")
    for name in "abc":
        cv2.imwrite(str(root / f"{name}.png"), np.full((8, 8, 3), 128, np.uint8))
    found = problem(check_datasets(machine([tmp_path / "plugin.py"], data_root=tmp_path)))
    assert found.text == f"1 of 4 image files in {root} are missing"
    assert found.advice.startswith("farbench data verify on_disk")


def test_input_bound(machine):
    bound = speed.told(speed.Rates(batches=900, steps=3000), machine())
    assert bound.state == "warning"
    assert bound.text == (
        "you are input bound: batches are made at 900 images/s, and baseline under quick could "
        "train 3,000"
    )
    assert "farbench profile baseline --protocol quick" in bound.advice
    assert speed.told(speed.Rates(batches=9000, steps=3000), machine()).state == "ok"


@pytest.mark.slow
def test_speed_is_measured(machine, tmp_path):
    (tmp_path / "protocol.yaml").write_text(
        "resize: 36\ncrop: 32\nbatch_size: 4\nthreads: 1\nloss: bce\npretrained: false\n"
        "substitute: {resnest50d: resnet10t}\n"
    )
    protocol = str(tmp_path / "protocol.yaml")
    decoding, training = speed.check_speed(machine(protocol=protocol, device="cpu"))
    assert "images/s of synthetic_faces" in decoding.text
    assert training.about == "training"
    assert f"baseline under {protocol}" in training.text


def test_every_check_runs_alone_and_an_unknown_name_is_told(machine):
    with pytest.raises(UserError, match=r"unknown check 'disks'. Did you mean 'disk'\? Known: "):
        list(examine(machine(), ["disks"]))
    found = list(examine(machine(), ["plugins", "python"]))
    assert [one.check for one in found] == ["plugins", "python"]
    assert set(CHECKS) == {path.stem for path in Path(disk.__file__).parent.glob("*.py")} - {
        "__init__",
        "examine",
    }


PLUGIN = """
from farbench import Diagnosis, hookimpl


def moon(machine):
    yield Diagnosis("moon", "warning", f"full over {machine.device}", "wait")


def broken(machine):
    raise ValueError("no moon")


@hookimpl
def farbench_health_checks():
    return [moon, broken]
"""


def test_a_plugin_adds_checks_and_one_that_raises_is_a_problem(machine, tmp_path):
    (tmp_path / "moon.py").write_text(PLUGIN)
    moon, broken = examine(machine([tmp_path / "moon.py"], device="cpu"), ["moon", "broken"])
    assert (moon.check, moon.diagnosis.text) == ("moon", "full over cpu")
    assert broken.diagnosis.state == "problem"
    assert broken.diagnosis.text == "the check failed: ValueError: no moon"
    (wrong,) = examine(machine(method="basline"), ["speed"])
    assert wrong.diagnosis.state == "problem"
    assert wrong.diagnosis.text.startswith("METHOD: unknown method 'basline'. Did you mean 'base")
    (tmp_path / "moon.py").write_text(PLUGIN.replace("[moon, broken]", "[1 / 0]"))
    sys.modules.pop(next(name for name in sys.modules if name.startswith("farbench_plugin_moon")))
    *_, last = examine(machine([tmp_path / "moon.py"]), ["python"])
    assert last.check == "plugins"
    assert "checks of moon" in last.diagnosis.about
