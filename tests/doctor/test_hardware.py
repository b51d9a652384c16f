"""What the machine has: GPUs and their driver, memory, disks."""

from __future__ import annotations

import shutil
import tempfile
from types import SimpleNamespace

import pytest
import torch
from diagnoses import problem, states

from farbench.doctor import devices, disk, memory
from farbench.doctor.devices import check_devices
from farbench.doctor.disk import check_disk
from farbench.doctor.memory import check_memory


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
    found = problem(check_devices(machine()))
    assert (found.state, found.text) == ("warning", "CUDA_VISIBLE_DEVICES hides it")
    assert problem(check_devices(machine(device="cuda"))).state == "problem"


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
    (tmp_path / "memory.stat").write_text("anon 1\nfile 5\ninactive_file 0\n")
    found = problem(check_memory(machine()))
    assert found.text == "1.0 GB free (the container's limit): little"
    # Files that were read once and lie in memory are no use of it.
    (tmp_path / "memory.stat").write_text("anon 1\nfile 5\ninactive_file 6000000000\n")
    assert [one.text for one in check_memory(machine())] == ["7.0 GB free (the container's limit)"]
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
