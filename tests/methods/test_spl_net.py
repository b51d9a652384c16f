"""SPL-Net: the official code's size, and its cross attention written out."""

from __future__ import annotations

import torch
from peer_parts import build, built_without_memory, faces, parameters
from torch import nn
from torch.nn.functional import batch_norm, conv2d, max_pool2d, prelu

from farbench_methods.spl_net import SPLNet
from farbench_methods.spl_net_network import CrossAttention, PreActivationBlock


def test_the_size_of_the_official_code() -> None:
    """43,193,025 parameters, counted there; here by hand for the trunk."""
    network = built_without_memory(SPLNet())
    assert parameters(network) == 43_193_025
    trunk, before = 3 * 64 * 49 + 2 * 64 + 1, 64
    for level, after in enumerate((64, 128, 256, 512)):
        trunk += 9 * before * after + 9 * after * after + 2 * (before + after)
        trunk += before * after if level else 0
        trunk += 2 * 9 * after * after + 4 * after
        before = after
    assert parameters(network.trunk) == trunk
    assert len(network.branches) == 4


def normed(maps: torch.Tensor, norm: nn.BatchNorm2d) -> torch.Tensor:
    return batch_norm(maps, None, None, norm.weight, norm.bias, training=True)


def random_(module: nn.Module) -> nn.Module:
    """Give every parameter another value, so that none hides behind 0 or 1."""
    torch.manual_seed(3)
    for value in module.parameters():
        nn.init.normal_(value, 0.3, 0.3)
    return module.train()


def test_cross_attention_written_out() -> None:
    block = random_(CrossAttention(6, 8, reduction=4))
    own, trunk = torch.randn(3, 6, 10, 10), torch.randn(3, 8, 5, 5)
    found = block(own, trunk)

    def active(maps: torch.Tensor, norm: nn.Module, slope: nn.Module) -> torch.Tensor:
        return prelu(normed(maps, norm), slope.weight)

    bring, join, spatial, channel = block.bring, block.join, block.spatial, block.channel
    brought = conv2d(active(own, bring[0], bring[1]), bring[2].weight, bring[2].bias, padding=1)
    brought = max_pool2d(active(brought, bring[3], bring[4]), 3, 2, 1)
    both, total = torch.cat([brought, trunk], 1), brought + trunk
    middle = prelu(both.mean((2, 3)) @ channel[0].weight.T, channel[1].weight)
    factor = torch.sigmoid(middle @ channel[2].weight.T)[:, :, None, None]
    joined = conv2d(
        active(both * (1 + factor), join[0], join[1]), join[2].weight, join[2].bias, padding=1
    )
    joined = active(joined, join[3], join[4])
    descriptors = torch.stack([total.mean(1), total.amax(1)], 1)
    where = conv2d(active(descriptors, spatial[0], spatial[1]), spatial[2].weight, padding=1)
    where = torch.sigmoid(normed(where, spatial[3]))
    torch.testing.assert_close(found, joined + total * (1 + where))


def test_the_shortcut_reads_the_activated_map_where_it_has_a_convolution() -> None:
    maps = torch.randn(3, 4, 6, 6)
    for outputs, stride in ((4, 1), (8, 2)):
        block = random_(PreActivationBlock(4, outputs, stride))
        active = torch.relu(normed(maps, block.norm1))
        kept = maps if outputs == 4 else conv2d(active, block.shortcut.weight, stride=stride)
        middle = conv2d(active, block.convolution1.weight, stride=stride, padding=1)
        middle = torch.relu(normed(middle, block.norm2))
        expected = conv2d(middle, block.convolution2.weight, padding=1) + kept
        torch.testing.assert_close(block(maps), expected)


def test_a_branch_follows_the_trunk_level_by_level() -> None:
    network = build(SPLNet(width=0.125)).eval()
    with torch.no_grad():
        maps = network.trunk(faces())
        assert [tuple(one.shape[1:]) for one in maps] == [
            *((8, 16, 16), (16, 8, 8), (32, 4, 4), (64, 2, 2)),
        ]
        own = maps[0]
        for block, shared in zip(network.branches[1].blocks, maps, strict=True):
            own = block(own, shared)
        torch.testing.assert_close(network.branches[1](maps), own.mean((2, 3)))
