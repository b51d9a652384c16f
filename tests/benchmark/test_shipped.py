"""The shipped benchmarks, protocols and published numbers."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import farbench
from farbench.benchmark import locate
from farbench.benchmark.loading import load_benchmark, load_protocol
from farbench.benchmark.resolve import resolve_benchmark
from farbench.errors import UserError
from farbench.plugins.manager import load_plugins
from farbench.tables.published.rows import load_published


@pytest.mark.parametrize("name", locate.shipped_names("benchmark"))
@pytest.mark.parametrize("protocol", locate.shipped_names("protocol"))
def test_every_benchmark_loads_under_every_protocol(name, protocol):
    # CelebA, the data set of `mini` and `paper`, labels neither age nor race.
    other = name == "age_gender_race_expression" and protocol in ("mini", "paper")
    loaded = load_benchmark(name, protocol=protocol, dataset="utkface+fer2013" if other else None)
    assert loaded.benchmark.protocol.name == protocol
    registry = load_plugins(loaded.benchmark.plugins)
    if not registry.methods:
        pytest.skip("farbench is not installed, so its own plugins are not found")
    assert len(resolve_benchmark(loaded, registry).rows) == len(loaded.benchmark.rows)


def test_the_ablation_is_table_3():
    benchmark = load_benchmark("ablation").benchmark
    assert {row.id: row.marks for row in benchmark.rows} == {
        "baseline": (),
        "attribute_grouping": ("AG",),
        "aml": ("AG", "AML"),
        "g2ff_ca": ("AG", "AML", "CA"),
        "g2ff_sa": ("AG", "AML", "SA"),
        "g2ff_ca_sa": ("AG", "AML", "CA-SA"),
    }
    assert benchmark.marks == ("AG", "AML", "CA", "SA", "CA-SA")
    assert benchmark.protocol.name == "quick"


def test_the_mask_scales_are_table_4():
    rows = load_benchmark("mask_scale").benchmark.rows
    assert [row.label for row in rows] == [f"{p}% of PMR" for p in (64, 81, 100, 121, 144)]
    published = load_published("mgmtn_table4").rows
    assert [row.label for row in published] == [row.label for row in rows]


def test_the_paper_protocol_is_section_4_2():
    p = load_protocol("paper")
    assert (p.resize, p.crop, p.optimizer, p.learning_rate, p.weight_decay) == (
        256, 227, "adam", 1e-4, 5e-4,
    )  # fmt: skip
    assert (p.batch_size, p.momentum, p.method["dropout"], p.loss) == (
        36, 0.9, 0.5, "equalized_focal",
    )  # fmt: skip
    assert p.augmentation.rotation == 15.0
    assert p.augmentation.rotation_probability == p.augmentation.flip == 0.35
    assert p.method["backbone"] == "resnest50d"
    assert p.substitute == {}


@pytest.mark.parametrize("name", ["quick", "synthetic"])
def test_a_protocol_of_drawn_faces_uses_every_face_it_draws(name):
    protocol = load_protocol(name)
    assert isinstance(protocol.dataset, dict)
    drawn = {split: protocol.dataset[split] for split in ("train", "valid", "test")}
    assert protocol.images.model_dump() == drawn


def test_published_numbers_of_mgmtn():
    table2 = load_published("mgmtn_table2").rows
    ours = [row for row in table2 if row.method == "MGMTN"]
    assert [row.values["lfwa"]["mA"] for row in ours] == [81.10, 81.29]
    assert len(table2) == 15
    assert all(row.paper and row.table == "Table 2" for row in table2)
    assert ours[0].fraction("celeba", "accuracy") == pytest.approx(0.923)
    assert ours[0].fraction("utkface", "accuracy") is None
    baseline, *_, last = load_published("mgmtn_table3").rows
    assert (baseline.values["celeba"], last.values["celeba"]) == (
        {"accuracy": 90.91, "mA": 88.01},
        {"accuracy": 92.30, "mA": 89.29},
    )


@pytest.mark.parametrize("name", locate.shipped_names("published table"))
def test_published_values_are_percentages(name):
    for row in load_published(name).rows:
        for metrics in row.values.values():
            assert all(50 < value < 100 for value in metrics.values())


def test_a_published_table_with_mistakes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("p.yaml").write_text(
        "title: x\npaper: y\nrows:\n- {label: a, method: b, table: t, values: {c: {accuracy: x}}}\n"
        "- {label: a, method: b, table: t, values: {}, not: 1}\n"
        "- {label: a, table: t, values: {}}\n"
    )
    with pytest.raises(UserError) as caught:
        load_published("p.yaml")
    first, second, third = sorted(str(caught.value).split("\n"))
    assert first == "p.yaml:4: rows[0].values.c.accuracy: expected a number, got 'x'"
    assert second.startswith("p.yaml:5: rows[1].not: unknown key. Did you mean 'note'?")
    assert third == "p.yaml:6: rows[2]: 'method' is missing"


def test_the_copy_in_the_package_is_used_without_a_checkout(tmp_path, monkeypatch):
    package = tmp_path / "site-packages" / "farbench"
    shutil.copytree(locate.shipped_folder(), package / "shipped_benchmarks")
    monkeypatch.setattr(farbench, "__file__", str(package / "__init__.py"))
    assert locate.shipped_folder() == package / "shipped_benchmarks"
    assert load_benchmark("ablation").files[0].is_relative_to(package)
    # A folder that only happens to be called `benchmarks` beside the package is not a checkout.
    (tmp_path / "site-packages" / "benchmarks").mkdir()
    assert locate.shipped_folder() == package / "shipped_benchmarks"


@pytest.mark.parametrize(
    ("name", "backbone"),
    [
        ("far_amtn", "resnet50"),
        ("single_vs_multi", "resnet18"),
        ("age_gender_race_expression", "mobilenetv3_large_100"),
    ],
)
def test_other_papers_keep_their_trunk_under_mgmtns_protocol(name, backbone):
    """`paper` names MGMTN's trunk for every method that has one; other papers have their own."""
    registry = load_plugins()
    if not registry.methods:
        pytest.skip("farbench is not installed, so its own plugins are not found")
    dataset = "utkface" if name == "age_gender_race_expression" else None
    rows = resolve_benchmark(load_benchmark(name, protocol="paper", dataset=dataset), registry).rows
    assert {row.method.backbone for row in rows} == {backbone}
