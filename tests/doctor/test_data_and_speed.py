"""Data sets that are there, or not whole; images that are made slower than they are used."""

from __future__ import annotations

import pytest
from diagnoses import problem, states

from farbench.doctor import speed
from farbench.doctor.datasets import check_datasets

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


def test_images_that_are_no_files_of_their_own_are_not_missing(machine, tmp_path):
    text = ON_DISK + (
        "\n    def read(self, root, row):\n        import numpy as np\n\n"
        "        return np.zeros((8, 8, 3), np.uint8)\n"
        "\n    def sizes(self, root, images):\n        return [-1] * len(images)\n"
    )
    (tmp_path / "plugin.py").write_text(text)
    (tmp_path / "on_disk").mkdir()
    (tmp_path / "on_disk" / "labels.txt").write_text("")
    found = check_datasets(machine([tmp_path / "plugin.py"], data_root=tmp_path))
    assert states(found) == ["ok", "ok"]


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
