"""What makes a cell another cell, and what does not."""

from __future__ import annotations

import itertools
import shutil

import pytest

from farbench.benchmark.identity import code_identity
from farbench.benchmark.loading import load_benchmark
from farbench.benchmark.resolve import resolve_benchmark
from farbench.plugins.manager import load_plugins
from farbench.running.plan import Planner
from farbench.store.artifacts import ArtifactStore


@pytest.fixture
def plan(tiny, tmp_path):
    """Return a function that plans a copy of the tiny benchmark; a file loads once a process."""
    numbers = itertools.count()

    def plan(*sets, changes=(), **given):
        folder = tmp_path / f"copy{next(numbers)}"
        shutil.copytree(tiny.folder, folder)
        for name, old, new in changes:
            text = (folder / name).read_text()
            assert old in text, old
            (folder / name).write_text(text.replace(old, new))
        loaded = load_benchmark(folder / "tiny_bench.yaml", sets=sets, **given)
        registry = load_plugins(loaded.benchmark.plugins)
        assert not registry.broken
        store = ArtifactStore(tmp_path / "cache")
        planner = Planner(registry, store, tmp_path / "results", None, "cpu")
        planned = planner.plan(resolve_benchmark(loaded, registry))
        return {cell.row.row.id: cell for cell in planned.cells}

    return plan


def key(cells):
    return cells["fine"].identity.key


BENCH, METHOD = "tiny_bench.yaml", "tiny_method.py"
SAME = {
    "nothing": [],
    "a comment": [(METHOD, "self.steps = 0", "self.steps = 0  # none yet")],
    "a docstring": [(METHOD, "Averages each colour", "Takes the mean of each colour")],
    "a line break": [(METHOD, "super().__init__()", "super(\n                ).__init__()")],
    "the label": [(BENCH, "cells: 4", "cells: 4, label: a fine one")],
    "the marks": [
        (BENCH, "cells: 4", "cells: 4, marks: [M]"),
        (BENCH, "title: Tiny", "title: Tiny\nmarks: [M]"),
    ],
    "the title": [(BENCH, "title: Tiny", "title: Very tiny\ncaption: Yes")],
    "another row": [(BENCH, "cells: 2", "cells: 1")],
    "another row's id": [(BENCH, "coarse:", "rough:")],
    "what the store keeps": [("tiny.yaml", "threads: 1", "threads: 1\nkeep_weights: false")],
    "masks it does not use": [("tiny.yaml", "threads: 1", "threads: 1\nmasks: {epochs: 9}")],
}


@pytest.mark.parametrize("changes", SAME.values(), ids=list(SAME))
def test_the_same_cell(plan, changes):
    before, after = plan()["fine"], plan(changes=changes)["fine"]
    assert after.identity.key == before.identity.key
    assert after.folder == before.folder


OTHER = {
    "an option": ("tiny_bench.yaml", "cells: 4", "cells: 5"),
    "the learning rate": ("tiny.yaml", "learning_rate: 0.05", "learning_rate: 0.06"),
    "the epochs": ("tiny.yaml", "epochs: 3", "epochs: 4"),
    "the image size": ("tiny.yaml", "resize: 40", "resize: 41"),
    "the augmentation": ("tiny.yaml", "threads: 1", "threads: 1\naugmentation: {flip: 0.1}"),
    "the selection": ("tiny.yaml", "threads: 1", "threads: 1\nselection: best_valid"),
    "the loss": ("tiny.yaml", "loss: bce", "loss: focal"),
    "the loss's option": ("tiny.yaml", "loss: bce", "loss: {name: bce, reduction: sum}"),
    "the threads": ("tiny.yaml", "threads: 1", "threads: 2"),
    "a statement of the method": ("tiny_method.py", "nn.Dropout(0.2)", "nn.Dropout(0.3)"),
    "a statement of the data set": ("tiny_dataset.py", "np.uint8(60 * red)", "np.uint8(50 * red)"),
}


@pytest.mark.parametrize("change", OTHER.values(), ids=list(OTHER))
def test_another_cell(plan, change):
    assert key(plan(changes=[change])) != key(plan())


def test_a_method_says_what_it_depends_on(plan):
    """What is in a file that it names, in place of where the file lies."""
    says = "def identity(self):\n        return {'file': 'digest'}\n\n    def build(self, problem"
    cell = plan(changes=[(METHOD, "def build(self, problem", says)])["fine"]
    assert cell.stages[0].identity.recipe["method"]["options"] == {"file": "digest"}


@pytest.mark.parametrize(
    "set_", ["dataset.turned=50", "dataset.train=41", "dataset.broken=3", "protocol.images.train=9"]
)
def test_other_data_other_cell(plan, set_):
    assert key(plan(set_)) != key(plan())


def test_one_label_is_enough(plan):
    """The manifest feels a single label, whatever the options say."""
    turned = ("tiny_dataset.py", "if self.turned >= 0:", "if True:")
    quiet = ("tiny_dataset.py", "frame.loc[self.turned,", "frame.loc[63,")
    manifests = [plan(changes=c)["fine"].source.manifest for c in ((), (turned, quiet))]
    assert manifests[0] != manifests[1]


def test_another_seed_is_another_cell_and_says_so_in_its_folder(plan):
    one, two = plan(seeds=[1])["fine"], plan(seeds=[2])["fine"]
    assert one.identity.key != two.identity.key
    assert [cell.folder.rsplit("-", 1)[0] for cell in (one, two)] == [
        "fine-dots-s1",
        "fine-dots-s2",
    ]


def test_where_a_plugin_lies_does_not_matter(plan):
    assert key(plan()) == key(plan())  # two folders
    modules = plan()["fine"].identity.code["modules"]
    assert "farbench_plugin_tiny_method" in modules


def test_the_code_of_all_that_makes_a_number_is_followed(plan):
    modules = plan()["fine"].identity.code["modules"]
    wanted = {"stage", "predict", "device"}
    assert {f"farbench.training.{name}" for name in wanted} <= set(modules)
    assert {"farbench.data.pack", "farbench.data.batches", "farbench.data.geometry"} <= set(modules)
    assert "farbench_losses.binary_cross_entropy" in modules
    never = (
        "farbench.cli",
        "farbench.tables",
        "farbench.store",
        "farbench.plugins.manager",
        "farbench.plugins.registry",
    )
    assert not [name for name in modules if name.startswith(never)]


def test_a_plugin_file_that_builds_on_a_package_follows_it(tmp_path):
    file = tmp_path / "on_top.py"
    file.write_text(
        "from farbench_methods.mgmtn import AML\n\n\nclass Mine(AML):\n    name = 'm'\n"
    )
    entry = load_plugins([file]).methods["m"]
    modules = code_identity([entry.value.__module__])["modules"]
    assert {
        "farbench_plugin_on_top",
        "farbench_methods.mgmtn",
        "farbench_methods.group_network",
    } <= set(modules)


def family(plan, *sets):
    """Plan three shipped methods under a small protocol and return their cells."""
    rows = (
        ("tiny_bench.yaml", "{method: tiny_net, cells: 2}", "{method: baseline}"),
        ("tiny_bench.yaml", "{method: tiny_net, cells: 4}", "{method: attribute_grouping}"),
        (
            "tiny_bench.yaml",
            "plugins: [tiny_method.py, tiny_dataset.py]",
            "datasets: [{name: synthetic_faces, train: 8, valid: 4, test: 4}]",
        ),
        ("tiny_bench.yaml", "rows:", "rows:\n  aml: {method: aml}\n  g2ff: {method: g2ff_ca}"),
        ("tiny.yaml", "stage_epochs: {}", "stage_epochs: {global: 1, groups: 1}"),
    )
    return plan(*sets, changes=rows)


def test_rows_share_the_global_stage_and_the_mask_network(plan):
    cells = family(plan)
    stages = {row: [run.identity.key for run in cell.stages] for row, cell in cells.items()}
    assert len({keys[0] for keys in stages.values()}) == 1
    assert sorted(len(keys) for keys in stages.values()) == [2, 3, 3, 3]
    assert len({key for keys in stages.values() for key in keys}) == 1 + 1 + 3 * 2
    assert cells["aml"].masks.network.key == cells["g2ff"].masks.network.key
    scaled = family(plan, "rows.aml.mask_area=0.5")["aml"]
    assert scaled.masks.network.key == cells["aml"].masks.network.key
    assert scaled.identity.key != cells["aml"].identity.key


def test_a_stage_never_mentions_the_row(plan):
    cells = family(plan)
    for row, cell in cells.items():
        for run in cell.stages:
            assert row not in [v for v in run.identity.recipe.values() if isinstance(v, str)] or (
                row == "aml"  # also the method's name
            )
            assert {"row", "label", "marks", "benchmark"}.isdisjoint(run.identity.recipe)


def test_a_change_of_a_parent_changes_its_children(plan):
    before, after = family(plan), family(plan, "protocol.stage_epochs.global=2")
    for row in before:
        for old, new in zip(before[row].stages, after[row].stages, strict=True):
            assert old.identity.key != new.identity.key
    groups = family(plan, "protocol.stage_epochs.groups=2")
    keys = [[run.identity.key for run in cells["aml"].stages] for cells in (before, groups)]
    assert keys[0][0] == keys[1][0]
    assert keys[0][1] != keys[1][1]
    assert keys[0][2] != keys[1][2]


def test_rows_that_are_the_same_training_are_told(tiny):
    tiny.file.write_text(tiny.file.read_text().replace("cells: 2", "cells: 4"))
    assert "note: rows coarse and fine are the same training" in tiny.run("--dry-run").out


def test_the_origin_of_pretrained_weights_is_part_of_the_first_stage(plan, monkeypatch):
    """Two machines may start the same backbone from other weights: those are two results."""
    from farbench.running import stages

    named = [
        ("tiny_method.py", "    cells: int", '    backbone: str = "some_trunk"\n    cells: int')
    ]

    def key(origin, *sets):
        monkeypatch.setattr(stages, "pretrained_identity", lambda name: {"package": origin})
        return plan(*sets, changes=named)["fine"].identity.key

    used = "protocol.pretrained=true"
    assert key("one", used) == key("one", used)
    assert key("one", used) != key("other", used)
    assert key("one") == key("other")  # nothing pretrained, so nothing depends on it
