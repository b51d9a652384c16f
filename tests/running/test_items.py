"""Which artifacts are made before the cells, and what waits for what."""

from __future__ import annotations

from types import SimpleNamespace

from farbench.running.items import cell_items, with_artifacts


class Store:
    """Knows which artifacts are there."""

    def __init__(self, *there):
        self.there = there

    def meta(self, kind, key):
        return {} if key in self.there else None


def cell(name, *stages, masks=None, status="new"):
    """Plan a cell; a stage whose name begins with m sees masks."""
    return SimpleNamespace(
        name=name,
        folder=f"{name}-folder",
        status=status,
        identity=SimpleNamespace(key=f"{name}-key"),
        masks=None if masks is None else SimpleNamespace(network=SimpleNamespace(key=masks)),
        stages=[
            SimpleNamespace(
                identity=SimpleNamespace(key=stage),
                stage=SimpleNamespace(name=stage),
                masked=stage.startswith("m"),
            )
            for stage in stages
        ],
    )


def planned(*cells, store=None, evaluate=False):
    """Return, of each item in order, its key and what it comes after."""
    plan = SimpleNamespace(
        cells=cells, to_run=lambda: [one for one in cells if one.status != "finished"]
    )
    items = with_artifacts(cell_items(plan, evaluate=evaluate), plan, store or Store())
    return {item.key: set(item.after) for item in items}, items


def test_what_one_cell_needs_is_made_by_the_cell():
    assert planned(cell("a", "global", "a"), cell("b", "b"))[0] == {
        "a-folder": set(),
        "b-folder": set(),
    }


def test_a_shared_stage_comes_before_those_that_need_it_and_no_others():
    after, items = planned(cell("a", "global", "a"), cell("b", "global", "b"), cell("c", "c"))
    assert after == {
        "stages/global": set(),
        "a-folder": {"stages/global"},
        "b-folder": {"stages/global"},
        "c-folder": set(),
    }
    assert [item.name for item in items] == ["[first 1/1] global", "[1/3] a", "[2/3] b", "[3/3] c"]
    assert items[0].payload.folder == "a-folder"


def test_masks_and_the_stage_that_does_not_see_them_are_made_at_the_same_time():
    cells = [cell(name, "global", "mgroups", name, masks="net") for name in ("a", "b")]
    after, _ = planned(cell("base", "global", "base"), *cells)
    assert list(after) == [
        "stages/global",
        "masks/net",
        "stages/mgroups",
        "base-folder",
        "a-folder",
        "b-folder",
    ]
    assert after["masks/net"] == set()
    assert after["stages/mgroups"] == {"stages/global", "masks/net"}
    assert after["base-folder"] == {"stages/global"}
    assert after["b-folder"] == {"stages/global", "masks/net", "stages/mgroups"}


def test_the_mask_network_of_a_single_cell_waits_for_no_stage():
    after, _ = planned(cell("a", "global", "ma", masks="net"), cell("b", "global", "b"))
    assert after["masks/net"] == set()
    assert after["a-folder"] == {"stages/global", "masks/net"}


def test_what_is_there_is_not_made():
    cells = cell("a", "global", "a", masks="net"), cell("b", "global", "b", masks="net")
    after, _ = planned(*cells, store=Store("net", "global"))
    assert after == {"a-folder": set(), "b-folder": set()}


def test_finished_cells_are_items_only_where_they_are_evaluated():
    done = cell("a", "global", "a", status="finished")
    waiting = cell("b", "global", "b")
    assert list(planned(done, waiting)[0]) == ["b-folder"]
    after, items = planned(done, waiting, evaluate=True)
    assert after == {"a-folder": set(), "b-folder": set()}
    assert [item.name for item in items] == ["a", "[1/1] b"]
