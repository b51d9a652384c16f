"""Seeded splits: what an image's lot depends on, and what it must not depend on."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from farbench_datasets.splits import carve_valid, seeded_split

IDS = [f"{number:05d}.jpg" for number in range(4000)]


def test_an_image_keeps_its_lot_whatever_lies_beside_it() -> None:
    lot = dict(zip(IDS, seeded_split(IDS), strict=True))
    some = IDS[::-3]
    assert [lot[name] for name in some] == seeded_split(some).tolist()
    assert seeded_split(IDS, seed=1).tolist() != seeded_split(IDS).tolist()
    # Results are only comparable while this holds: change it on purpose or not at all.
    assert "".join(name[1] for name in lot.values())[:20] == "rrrrrrrrarrrrrerrrra"


@pytest.mark.parametrize("shares", [(0.8, 0.1, 0.1), (0.5, 0.0, 0.5), (0.6, 0.3, 0.1)])
def test_counts_are_near_the_shares(shares: tuple[float, float, float]) -> None:
    split = seeded_split(IDS, shares=shares)
    for name, share in zip(("train", "valid", "test"), shares, strict=True):
        assert abs((split == name).mean() - share) <= 4 * np.sqrt(share * (1 - share) / len(IDS))


def test_a_group_is_never_cut() -> None:
    people = pd.Series([f"person {number // 7}" for number in range(4000)], dtype="string")
    people[::10] = pd.NA
    split = seeded_split(IDS, groups=people)
    frame = pd.DataFrame({"split": split, "person": people})
    assert (frame.dropna().groupby("person")["split"].nunique() == 1).all()
    assert split[::10].tolist() == seeded_split(IDS[::10]).tolist()  # those without one are alone
    assert set(split) == {"train", "valid", "test"}


@pytest.mark.parametrize("count", range(3, 30))
def test_few_images_fill_every_split(count: int) -> None:
    split = seeded_split(IDS[:count], seed=count)
    assert set(split) == {"train", "valid", "test"}
    assert (split == "train").sum() >= count // 3
    assert set(seeded_split(IDS[:count], shares=(0.5, 0.0, 0.5))) == {"train", "test"}


@pytest.mark.parametrize("shares", [(0.8, 0.1, 0.2), (1.1, -0.1, 0.0)])
def test_shares_that_are_none_are_refused(shares: tuple[float, float, float]) -> None:
    with pytest.raises(ValueError, match="add up to 1"):
        seeded_split(IDS, shares=shares)


def test_valid_is_carved_from_train_alone() -> None:
    official = ["test" if number % 4 == 0 else "train" for number in range(4000)]
    carved = carve_valid(official, IDS)
    assert (carved[::4] == "test").all()
    assert set(carved[1::4]) == {"train", "valid"}
    assert abs((carved == "valid").sum() - 300) < 66
    people = [number // 8 for number in range(4000)]
    together = pd.DataFrame({"split": carve_valid(official, IDS, groups=people), "who": people})
    rest = together[together["split"] != "test"]
    assert (rest.groupby("who")["split"].nunique() == 1).all()
