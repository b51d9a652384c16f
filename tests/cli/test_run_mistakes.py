"""Every mistake in what was asked is one clear error, exit code 2, and no results folder."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from farbench.tasks.attributes import CELEBA_ATTRIBUTES

SPLITS = [0] * 6 + [1] * 4 + [2] * 4
NAMES = [f"{number:06d}.jpg" for number in range(1, len(SPLITS) + 1)]


@pytest.fixture
def celeba(tmp_path):
    """Draw a CelebA of 14 images; return the folder above it."""
    root = tmp_path / "data" / "celeba"
    (root / "img_align_celeba").mkdir(parents=True)
    random = np.random.default_rng(0)
    rows = []
    for name in NAMES:
        image = random.integers(0, 255, (218, 178, 3), dtype=np.uint8)
        cv2.imwrite(str(root / "img_align_celeba" / name), image)
        rows.append(f"{name} " + " ".join(str(v) for v in random.choice([-1, 1], 40)))
    head = [str(len(NAMES)), " ".join(CELEBA_ATTRIBUTES)]
    (root / "list_attr_celeba.txt").write_text("\n".join([*head, *rows]) + "\n")
    split = [f"{name} {split}" for name, split in zip(NAMES, SPLITS, strict=True)]
    (root / "list_eval_partition.txt").write_text("\n".join(split) + "\n")
    return root.parent


def refused(tiny, outcome):
    """Check the shape of a refusal and return its text."""
    assert outcome.code == 2, outcome.err
    assert outcome.out == ""
    assert outcome.err.count("farbench: error: ") == 1
    assert "Traceback" not in outcome.err
    assert not tiny.results.is_dir()
    return outcome.err.split("farbench: error: ")[1].rstrip("\n")


MISTAKES = {
    "unknown method": (
        "method: tiny_net, cells: 4",
        "method: tiny_nte",
        ":7: unknown method 'tiny_nte'. Did you mean 'tiny_net'?",
    ),
    "unknown option": (
        "cells: 4",
        "celsl: 4",
        ":7: rows.fine: method 'tiny_net' has no option 'celsl'. Did you mean 'cells'?",
    ),
    "wrong type": ("cells: 4", "cells: four", ":7: rows.fine.cells: expected an integer"),
    "out of bounds": ("cells: 4", "cells: 9", ":7: rows.fine.cells: must be at most 8, got 9"),
    "unknown key": ("title: Tiny", "titel: Tiny", ":2: unknown key 'titel'. Did you mean 'title'?"),
    "unknown protocol": (
        "protocol: tiny.yaml",
        "protocol: quik",
        ":3: unknown protocol 'quik'. Did you mean 'quick'?",
    ),
    "unknown protocol key": (
        "protocol: tiny.yaml",
        "protocol: {extends: tiny.yaml, epoch: 3}",
        ":3: protocol.epoch: unknown key. Did you mean 'epochs'?",
    ),
    "broken YAML": ("rows:", "rows: [", ":"),
    "missing plugin": (
        "tiny_method.py",
        "tiny_metohd.py",
        ":4: plugins[0]: no file or folder 'tiny_metohd.py'. Did you mean 'tiny_method.py'?",
    ),
    "unknown data set": (
        "title: Tiny",
        "datasets: [dosts]",
        ":2: unknown dataset 'dosts'. Did you mean 'dots'?",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=list(MISTAKES))
def test_a_mistake_in_the_file_has_its_line(tiny, mistake):
    old, new, message = mistake
    text = tiny.file.read_text()
    assert old in text
    tiny.file.write_text(text.replace(old, new))
    error = refused(tiny, tiny.run(code=None))
    assert error.startswith(f"{tiny.file}{message}")
    assert "\n" not in error


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--rows", "fien"), "no row 'fien' in benchmark 'tiny_bench'. Did you mean 'fine'?"),
        (("--protocol", "papper"), "unknown protocol 'papper'. Did you mean 'paper'?"),
        (("--dataset", "celebb"), "unknown dataset 'celebb'. Did you mean 'celeba'?"),
        (("--set", "protocol.epochs=x"), "protocol.epochs: expected an integer"),
        (("--set", "dataset.trian=3"), "Did you mean 'train'?"),
        (("--set", "protocol.crop=64"), "must not be larger than resize (40), got 64"),
        (("--device", "cuda"), "device 'cuda' is not there: 0 CUDA devices are visible."),
        (("--seeds", "one"), "--seeds: expected integers"),
        (("--plugins", "gone.py"), "work/gone.py does not exist. Give a .py file or a folder"),
    ],
)
def test_a_mistake_on_the_command_line(tiny, arguments, message, monkeypatch):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    assert message in refused(tiny, tiny.run(*arguments, code=None))


def test_no_data_root_tells_the_steps(tiny):
    error = refused(tiny, tiny.run("--dataset", "celeba", code=None))
    assert error.startswith("data set 'celeba' needs a data root: give --data-root DIR or set ")
    assert "How to get it:\n1. Ask for the data at https://mmlab" in error


def test_a_wrong_data_root(tiny, tmp_path):
    arguments = ("--dataset", "celeba", "--data-root")
    error = refused(tiny, tiny.run(*arguments, tmp_path, code=None))
    assert error.startswith(f"data root {tmp_path} holds no CelebA (celeba/).")
    error = refused(tiny, tiny.run(*arguments, tmp_path / "gone", code=None))
    assert error.startswith(f"data root {tmp_path / 'gone'} does not exist, so there is no CelebA")


def on_celeba(tiny, celeba, *arguments, code=None):
    small = ("--rows", "fine", "--set", "protocol.epochs=1")
    return tiny.run("--dataset", "celeba", "--data-root", celeba, *small, *arguments, code=code)


def test_labels_and_images_that_do_not_match_are_counted_and_listed(tiny, celeba):
    images = celeba / "celeba" / "img_align_celeba"
    (images / NAMES[1]).unlink()
    cv2.imwrite(str(images / "000099.jpg"), np.zeros((218, 178, 3), np.uint8))
    strict = ("--set", "dataset.on_mismatch=error")
    error = refused(tiny, on_celeba(tiny, celeba, *strict))
    assert "1 label rows of list_attr_celeba.txt have no image" in error
    assert NAMES[1] in error
    assert "1 images have no row in list_attr_celeba.txt" in error
    assert "000099.jpg" in error
    outcome = on_celeba(tiny, celeba, code=0)
    assert f"have no image and are left out: {NAMES[1]}." in outcome.err
    assert "have no row in list_attr_celeba.txt and are left out: 000099.jpg." in outcome.err


def test_an_image_that_does_not_decode_is_named(tiny, celeba):
    (celeba / "celeba" / "img_align_celeba" / NAMES[2]).write_bytes(b"no image")
    error = refused(tiny, on_celeba(tiny, celeba))
    assert error.startswith("1 image does not open: ")
    assert NAMES[2] in error
    assert "--skip-broken" in error
    outcome = on_celeba(tiny, celeba, "--skip-broken", code=0)
    assert f"1 image that does not decode is left out: {NAMES[2]}." in outcome.err


def test_a_mask_method_without_keypoints(tiny, celeba):
    text = tiny.file.read_text().replace("method: tiny_net, cells: 4", "method: aml")
    tiny.file.write_text(text)
    error = refused(tiny, on_celeba(tiny, celeba, "--set", "protocol.keypoints=exact"))
    assert error.startswith(
        "the masks need keypoints, and the keypoint model 'exact' cannot give them for data set "
        "'celeba': "
    )


@pytest.mark.parametrize("where", ["results", "results/tiny_bench", "above/results"])
def test_results_with_a_file_in_the_way(tiny, tmp_path, where):
    file = tmp_path / (where if where != "above/results" else "above")
    file.parent.mkdir(exist_ok=True)
    file.write_text("in the way")
    target = tmp_path / ("results" if where.startswith("results") else where)
    outcome = tiny.run(results=target, code=2)
    assert outcome.err.startswith("farbench: error: results folder ")
    assert f"{file} is a file. Choose another with --results DIR." in outcome.err
    assert "packing" not in outcome.err  # told before the work, not after
    assert file.read_text() == "in the way"


@pytest.mark.parametrize(
    ("set_", "message"),
    [
        ("method.backbone=resnet10", "timm has no backbone 'resnet10'. Did you mean 'resnet10t'?"),
        ("protocol.masks.encoder=resnet1", "has no encoder 'resnet1'"),
        ("protocol.stage_epochs.global=1", "has a stage 'groups', and the protocol does not say"),
    ],
)
def test_a_network_that_cannot_be_had_is_told_before_anything_is_written(tiny, set_, message):
    text = tiny.file.read_text().replace("method: tiny_net, cells: 4", "method: aml")
    tiny.file.write_text(text)
    small = ["--set", "dataset.train=8", "--set", "dataset.valid=4", "--set", "dataset.test=4"]
    stages = ["--set", "protocol.stage_epochs.global=0", "--set", "protocol.stage_epochs.groups=0"]
    outcome = tiny.run(
        *("--dataset", "synthetic_faces", "--rows", "fine"),
        *("--set", "method.backbone=resnet10t", *small),
        *(stages if "stage_epochs" not in set_ else []),
        *("--set", set_),
        code=None,
    )
    assert message in refused(tiny, outcome)


def test_weights_that_cannot_be_downloaded_are_told_quickly_and_quietly(tiny, monkeypatch):
    from farbench.nn import offline

    monkeypatch.setattr(offline, "answers", lambda address: False)
    monkeypatch.setenv("HF_HUB_CACHE", str(tiny.folder))
    tiny.file.write_text(tiny.file.read_text().replace("tiny_net, cells: 4", "baseline"))
    outcome = tiny.run(
        *("--dataset", "synthetic_faces", "--rows", "fine", "--set", "protocol.pretrained=true"),
        *("--set", "method.backbone=resnet10t", "--set", "protocol.stage_epochs.global=0"),
        *("--set", "dataset.train=8", "--set", "dataset.valid=4", "--set", "dataset.test=4"),
        code=None,
    )
    error = refused(tiny, outcome)
    assert "pretrained weights of 'resnet10t' could not be downloaded" in error
    assert "--set protocol.pretrained=false" in error
    assert "Retry" not in outcome.err


@pytest.mark.parametrize("dry", [(), ("--dry-run",)])
@pytest.mark.parametrize(
    ("set_", "place"),
    [
        ("rows.coarse.cells=3", "{file}:7: rows.fine: timm has no backbone 'resnet10'"),
        ("method.backbone=resnet10", "--set method.backbone=resnet10: rows.fine: timm has no "),
        (
            "protocol.masks.encoder=resnet1",
            "--set protocol.masks.encoder=resnet1: rows.fine: segmentation-models-pytorch has no "
            "encoder 'resnet1'",
        ),
    ],
)
def test_a_network_that_cannot_be_had_has_its_place(tiny, set_, place, dry):
    backbone = "resnet10" if set_.startswith("rows") else "resnet10t"
    aml = f"method: aml, backbone: {backbone}"
    tiny.file.write_text(tiny.file.read_text().replace("method: tiny_net, cells: 4", aml))
    outcome = tiny.run(
        *("--dataset", "synthetic_faces", "--rows", "fine", "--set", "dataset.train=8"),
        *("--set", "dataset.valid=4", "--set", "dataset.test=4"),
        *("--set", "protocol.stage_epochs.global=0", "--set", "protocol.stage_epochs.groups=0"),
        *("--set", set_, *dry),
        code=None,
    )
    assert refused(tiny, outcome).startswith(place.format(file=tiny.file))


def test_a_dry_run_tells_of_a_file_in_the_way_of_the_results(tiny, tmp_path):
    (tmp_path / "results").write_text("in the way")
    outcome = tiny.run("--dry-run", results=tmp_path / "results", code=2)
    assert "is a file. Choose another with --results DIR." in outcome.err
