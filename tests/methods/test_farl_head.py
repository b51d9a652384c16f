"""FaRL's head: published weights through stand-in files, against the transformer written out."""

from __future__ import annotations

import pathlib
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from peer_parts import ATTRIBUTES, FEW, build, faces, peer_problem
from torch import Tensor, nn
from torch.nn.functional import gelu, layer_norm

import farbench_methods.farl_head_network
from farbench import CELEBA_ATTRIBUTES, BinaryAttributes, UserError
from farbench_methods.farl_head import FaRLHead

WIDTH, HEADS, BLOCKS = 512, 8, 2
BACKBONE = "vit_medium_patch16_clip_224"  # CLIP's form, as FaRL's; smaller, and with plain GELU
SMALL = {"backbone": BACKBONE, "layers": (1,)}


class Block(nn.Module):
    """A block of CLIP's transformer."""

    def __init__(self) -> None:
        super().__init__()
        self.attn = nn.MultiheadAttention(WIDTH, HEADS)
        self.ln_1, self.ln_2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.mlp = nn.ModuleDict(
            {"c_fc": nn.Linear(WIDTH, 4 * WIDTH), "c_proj": nn.Linear(4 * WIDTH, WIDTH)}
        )

    def forward(self, x: Tensor) -> Tensor:
        y = self.ln_1(x)
        x = x + self.attn(y, y, y, need_weights=False)[0]
        return x + self.mlp["c_proj"](gelu(self.mlp["c_fc"](self.ln_2(x))))


class Published(nn.Module):
    """The published model, names and all: transformer and facer's head."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, WIDTH, 16, 16, bias=False)
        self.class_embedding = nn.Parameter(torch.randn(WIDTH))
        self.positional_embedding = nn.Parameter(torch.randn(197, WIDTH))
        self.ln_pre, self.ln_post = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.transformer = nn.ModuleDict(
            {"resblocks": nn.ModuleList(Block() for _ in range(BLOCKS))}
        )
        for value in self.parameters():
            nn.init.normal_(value, 0.0, 0.05)

    def tokens(self, images: Tensor) -> Tensor:
        """Return ``(tokens, N, C)`` after the last block."""
        patches = self.conv1(images).flatten(2).transpose(1, 2)
        first = self.class_embedding.expand(len(images), 1, -1)
        x = self.ln_pre(torch.cat([first, patches], 1) + self.positional_embedding)
        x = x.transpose(0, 1)
        for block in self.transformer["resblocks"]:
            x = block(x)
        return x


def head() -> dict[str, Tensor]:
    """Facer's head, under its names."""
    norms = {f"norm_{i}.{key}": torch.randn(WIDTH) for i in range(3) for key in ("weight", "bias")}
    last = {"final_fc.weight": torch.randn(40, WIDTH) * 0.02, "final_fc.bias": torch.randn(40)}
    return {"weights": torch.randn(1, 3, 1), **norms, **last}


@pytest.fixture(scope="module")
def published() -> tuple[Published, dict[str, Tensor]]:
    torch.manual_seed(5)
    return Published().eval(), head()


Save = Callable[..., Path]


@pytest.fixture
def save(tmp_path: Path, published: tuple[Published, dict[str, Tensor]]) -> Save:
    """Write the attribute model's file, or with ``backbone`` that of a FaRL backbone."""
    model, own = published

    def write(kind: str = "attributes", **changes: object) -> Path:
        state: dict[str, object] = dict(model.state_dict())
        if kind == "attributes":
            file = {
                f"backbone.{key}": value for key, value in state.items() if "ln_post" not in key
            }
            file |= {f"head.{key}": value for key, value in own.items()}
        else:
            state |= {"proj": torch.randn(WIDTH, 512), "mask_token": torch.randn(WIDTH)}
            file = {"epoch": 16, "state_dict": {f"visual.{k}": v for k, v in state.items()}}
            file["state_dict"]["positional_embedding"] = torch.randn(77, 512)  # the text's
        for key, value in changes.items():
            if value is None:
                file.pop(key)
            else:
                file[key] = value
        path = tmp_path / "weights.pt"
        torch.save(file, path)
        return path

    return write


def written_out(model: Published, own: dict[str, Tensor], images: Tensor) -> Tensor:
    """Facer's head on the last block's tokens."""
    tokens = model.tokens(images)
    parts = [tokens[1:].mean(0), tokens[1:].amax(0), tokens[0]]
    normed = [
        layer_norm(part, (WIDTH,), own[f"norm_{i}.weight"], own[f"norm_{i}.bias"])
        for i, part in enumerate(parts)
    ]
    mixture = own["weights"].flatten().softmax(0)
    feature = sum(weight * part for weight, part in zip(mixture, normed, strict=True))
    return feature @ own["final_fc.weight"].T + own["final_fc.bias"]


def network(path: Path | None, tasks: tuple[BinaryAttributes, ...] = (ATTRIBUTES,)) -> nn.Module:
    method = FaRLHead(**SMALL, weights=None if path is None else str(path))
    return build(method, peer_problem(tasks, side=224, pretrained=True)).eval()


def test_the_attribute_model_is_loaded_whole(
    published: tuple[Published, dict[str, Tensor]], save: Save
) -> None:
    model, own = published
    images = faces(2, 224)
    with torch.no_grad():
        found = network(save())(images)["attributes"]
        torch.testing.assert_close(found, written_out(model, own, images), rtol=1e-3, atol=1e-3)


def test_rows_of_the_head_go_to_the_attributes_by_name(
    published: tuple[Published, dict[str, Tensor]], save: Save
) -> None:
    model, own = published
    mixed = BinaryAttributes("mixed", ("Young", "Left_Handed", "Bald"))
    images = faces(2, 224)
    with torch.no_grad():
        found = network(save(), (mixed, FEW))(images)
        expected = written_out(model, own, images)
    columns = [CELEBA_ATTRIBUTES.index(name) for name in FEW.attributes]
    torch.testing.assert_close(found["attributes"], expected[:, columns], rtol=1e-3, atol=1e-3)
    known = [CELEBA_ATTRIBUTES.index(name) for name in ("Young", "Bald")]
    torch.testing.assert_close(found["mixed"][:, [0, 2]], expected[:, known], rtol=1e-3, atol=1e-3)
    # The head knows no Left_Handed: it starts at the prior.
    assert torch.sigmoid(found["mixed"][:, 1]).tolist() == pytest.approx([0.2] * 2, abs=0.1)


def test_a_backbone_leaves_the_head_alone(
    published: tuple[Published, dict[str, Tensor]], save: Save
) -> None:
    model, _ = published
    made = network(save("backbone"))
    images = faces(1, 224)
    with torch.no_grad():
        tokens = model.tokens(images)
        found = made.trunk.forward_intermediates(
            images, indices=[1], return_prefix_tokens=True, intermediates_only=True
        )[0]
        torch.testing.assert_close(found[1][:, 0], tokens[0], rtol=1e-3, atol=1e-3)
        share = torch.sigmoid(made(images)["attributes"])
    assert share.flatten().tolist() == pytest.approx([0.2] * 40, abs=0.1)
    assert made.mixture.tolist() == [1, 1, 1]


def test_images_of_other_sizes_are_padded_to_whole_patches(save: Save) -> None:
    made = network(save())
    for side in (48, 112, 227):
        with torch.no_grad():
            assert made(faces(1, side))["attributes"].shape == (1, 40)


def test_blocks_that_are_not_read_are_gone() -> None:
    made = build(FaRLHead(backbone="vit_tiny_patch16_224", layers=(2, 0)))
    assert len(made.trunk.blocks) == 3
    assert len(made.norms) == len(made.mixture) == 6
    made(faces())["attributes"].sum().backward()
    assert [key for key, value in made.named_parameters() if value.grad is None] == []


def test_the_default_is_facers_model() -> None:
    with torch.device("meta"):
        made = FaRLHead().build(peer_problem(side=224, start_at_prior=False))
    assert (made.feature_size, len(made.trunk.blocks)) == (768, 12)
    assert made.trunk.blocks[0].attn.num_heads == 12
    assert made.pixel_mean == pytest.approx((0.48145466, 0.4578275, 0.40821073))
    assert made.pixel_std == pytest.approx((0.26862954, 0.26130258, 0.27577711))


def test_without_a_file_the_default_says_where_to_get_one(monkeypatch: pytest.MonkeyPatch) -> None:
    short = FaRLHead.model_fields["backbone"].default
    made = build(FaRLHead(backbone="vit_tiny_patch16_224", layers=(0,))).trunk
    monkeypatch.setattr(
        farbench_methods.farl_head_network, "_transformer", lambda name, layers: made
    )
    with pytest.raises(UserError) as told:
        build(FaRLHead(backbone=short), peer_problem(pretrained=True))
    message = str(told.value)
    for part in (
        "FaRL-Base-Patch16-LAIONFace20M-ep64.pth",
        "face_attribute.farl.celeba.pt",
        "has learned CelebA",
        "--set method.weights=FILE",
        "--set protocol.pretrained=false",
    ):
        assert part in message


def test_another_backbone_starts_from_its_own_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(
        farbench_methods.farl_head_network, "load_pretrained", lambda net, name: asked.append(name)
    )
    method = FaRLHead(backbone="vit_tiny_patch16_224", layers=(0,))
    build(method, peer_problem(pretrained=True))
    assert asked == ["vit_tiny_patch16_224"]
    build(method, peer_problem(pretrained=False))
    assert asked == ["vit_tiny_patch16_224"]


def test_from_scratch_reads_no_file() -> None:
    method = FaRLHead(backbone="vit_tiny_patch16_224", layers=(0,), weights="nowhere.pt")
    build(method, peer_problem(pretrained=False))
    with pytest.raises(UserError, match=r"no file nowhere\.pt"):
        build(method, peer_problem(pretrained=True))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"backbone.ln_pre.weight": None}, r"it has no norm_pre\.weight"),
        (
            {"backbone.conv1.weight": torch.zeros(768, 3, 16, 16)},
            r"patch_embed\.proj\.weight measures \(768, 3, 16, 16\) and should measure \(512",
        ),
        ({"head.weights": torch.zeros(1, 6, 1)}, r"layers \[1\]: weights measures \(1, 6, 1\)"),
        ({"head.final_fc.weight": torch.zeros(2, 512)}, r"should measure \(40, 512\)"),
        ({"backbone.positional_embedding": None}, "holds no FaRL model"),
    ],
)
def test_a_file_that_does_not_fit_is_told(
    save: Save, changes: dict[str, object], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        network(save(**changes))


def test_an_identity_tells_what_is_in_the_file_and_not_where_it_lies(tmp_path: Path) -> None:
    here, there = tmp_path / "here.pt", tmp_path / "there.pt"
    method = FaRLHead(weights=str(here))
    assert method.identity() == method.options()  # a file that is missing is told by who reads it
    here.write_bytes(b"some weights")
    there.write_bytes(b"some weights")
    known = method.identity()
    assert known == FaRLHead(weights=str(there)).identity()
    assert str(here) not in known.values()
    here.write_bytes(b"other weights")
    assert method.identity() != known
    assert FaRLHead().identity() == FaRLHead().options()


class Bomb:
    """An object whose unpickling would run code."""

    def __reduce__(self) -> tuple[object, ...]:
        return (pathlib.Path.touch, (Path("bomb-went-off"),))


@pytest.mark.parametrize("content", ["code", "text", "a list"])
def test_a_file_is_read_without_running_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "weights.pt"
    if content == "text":
        path.write_text("these are no weights")
    else:
        torch.save(Bomb() if content == "code" else [torch.zeros(1)], path)
    with pytest.raises(UserError, match=r"cannot be read as weights|holds no FaRL model"):
        network(path)
    assert not Path("bomb-went-off").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"backbone": "vit_tiny_patch16_22"}, "Did you mean 'vit_tiny_patch16_224'"),
        ({"backbone": "resnet10t"}, "no vision transformer with a class token"),
        ({"backbone": "vit_tiny_patch16_224", "layers": (12,)}, "blocks 0 to 11, and 12 was asked"),
    ],
)
def test_backbones_that_do_not_do_are_told(options: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        build(FaRLHead(**options))
