"""Resolving: names become plugins with checked options, or one clear line says why not."""

from __future__ import annotations

import pytest

from farbench.benchmark.loading import load_benchmark
from farbench.benchmark.resolve import resolve_benchmark
from farbench.errors import UserError
from farbench.plugins.manager import load_plugins

HEAD = "protocol: toy.yaml\nplugins: [toys.py]\n"


@pytest.fixture
def resolve(temp_benchmark, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)

    def write_and_resolve(text, *, files=None, **options):
        loaded = load_benchmark(temp_benchmark(text, files=files).file, **options)
        return resolve_benchmark(loaded, load_plugins(loaded.benchmark.plugins))

    return write_and_resolve


def test_every_name_becomes_a_plugin(resolve):
    text = HEAD + "datasets: [{name: toy_faces, noise: 0.5}]\nrows: {a: {method: toy}}\n"
    resolved = resolve(text, sets=["protocol.loss.gamma=3"])
    (row,) = resolved.rows
    loss = row.losses["attributes"]
    assert (row.method.name, loss.name, loss.gamma) == ("toy", "toy_loss", 3.0)
    assert [dataset.noise for dataset in resolved.datasets] == [0.5]


TWO = "datasets: [toy_faces, {name: toy_faces, noise: 0.5}]\nrows: {a: {method: toy}}\n"


def test_tables_could_not_tell_two_data_sets_of_one_name_apart(resolve):
    with pytest.raises(UserError, match=r"yaml:3: datasets\[1\]: 'toy_faces' is given twice, and"):
        resolve(HEAD + TWO)
    within = TWO.replace("[toy_faces,", "[toy_faces+toy_faces,")
    for text in (f"join: true\n{TWO}", within):
        with pytest.raises(UserError, match=r"bench\.yaml:\d: '\S+' names toy_faces twice"):
            resolve(HEAD + text)


def test_what_is_set_of_a_data_set_is_laid_over_its_entry(temp_benchmark, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    entry = "datasets: [{name: toy_faces, map: {attributes: {A: B, C: D}}}]\n"
    file = temp_benchmark(HEAD + entry + "rows: {a: {method: toy}}\n").file
    loaded = load_benchmark(file, sets=["dataset.map.attributes.A=E", "dataset.noise=0.25"])
    assert loaded.benchmark.datasets == (
        {"name": "toy_faces", "map": {"attributes": {"A": "E", "C": "D"}}, "noise": 0.25},
    )
    places = {key: loaded.places.at(("datasets", 0, "map", "attributes", key)) for key in "AC"}
    assert places == {"A": "--set dataset.map.attributes.A=E", "C": "bench.yaml:3"}
    several = temp_benchmark(HEAD + "datasets: [a+b]\nrows: {a: {method: toy}}\n").file
    with pytest.raises(UserError, match=r"--set dataset\.noise=1: 'a\+b' is several data sets"):
        load_benchmark(several, sets=["dataset.noise=1"])


def test_options_by_precedence_and_only_where_the_method_has_them(resolve):
    text = (
        "protocol: {extends: toy.yaml, method: {width: 2, levels: [5]}}\nplugins: [toys.py]\n"
        "rows:\n  a: {method: toy}\n  b: {method: toy, width: 3}\n  c: {method: plain}\n"
        "  d: {method: toy, protocol: {method: {width: 4}}}\n"
    )
    widths = {r.row.id: getattr(r.method, "width", None) for r in resolve(text).rows}
    assert widths == {"a": 2, "b": 3, "c": None, "d": 4}
    everywhere = resolve(text, sets=["method.width=9"])
    assert [getattr(r.method, "width", None) for r in everywhere.rows] == [9, 9, None, 9]
    assert everywhere.rows[0].method.levels == (5,)


LABELLED = (
    HEAD + "rows:\n  a:\n    method: toy\n    label: 'width {width}'\n    grid: {KEY: [1, 2]}\n"
)


def test_a_misspelt_option_of_a_grid_is_told_before_its_label(resolve):
    with pytest.raises(UserError, match=r"no option 'widths'\. Did you mean 'width'"):
        resolve(LABELLED.replace("KEY", "widths"))
    with pytest.raises(UserError) as caught:
        resolve(LABELLED.replace("{width}", "{widht}").replace("KEY", "width"))
    first, second = str(caught.value).split("\n")
    assert second == first.replace("a-1", "a-2")
    assert first == (
        "bench.yaml:6: rows.a-1.label: cannot fill 'width {widht}': it has no 'widht'. "
        "Did you mean 'width'? Names that can be used: width."
    )


def test_a_label_cannot_be_padded_without_end(resolve):
    wide = LABELLED.replace("{width}", "{width:>9999999999}").replace("KEY", "width")
    with pytest.raises(UserError, match=r"cannot fill .*'>9999999999' asks for more than 99 char"):
        resolve(wide)
    nested = LABELLED.replace("{width}", "{width:{width}}").replace("KEY", "width")
    with pytest.raises(UserError, match="more than 99"):
        resolve(nested, sets=["rows.a.grid.width=[4000000000]"])


def test_labels_follow_what_is_set(resolve):
    text = LABELLED.replace("KEY", "width")
    labels = [row.row.label for row in resolve(text, sets=["rows.a-2.width=5"]).rows]
    assert labels == ["width 1", "width 5"]
    labels = [row.row.label for row in resolve(text, sets=["rows.a-2.label=wide"]).rows]
    assert labels == ["width 1", "wide"]
    plain = text.replace("    label: 'width {width}'\n", "    single_task: true\n")
    labels = [row.row.label for row in resolve(plain, sets=["rows.a-1.width=7"]).rows]
    assert labels == [
        "a (width 7)",
        "a (width 1), each task alone",
        "a (width 2)",
        "a (width 2), each task alone",
    ]


def test_a_name_that_a_file_beside_the_benchmark_has(resolve, tmp_path, monkeypatch):
    (tmp_path / "own_net.py").write_text("")
    with pytest.raises(
        UserError, match=r"unknown method 'own_net'\..* own_net\.py is here: give it"
    ):
        resolve(HEAD + "rows: {a: {method: own_net}}\n")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    with pytest.raises(UserError, match=r" --plugins /\S*/own_net\.py \(or"):
        resolve_benchmark(load_benchmark(tmp_path / "bench.yaml"), load_plugins())
    with pytest.raises(
        UserError, match=r"unknown loss 'away'\..* Is it yours\? Give its file with"
    ):
        resolve(HEAD + "rows: {a: {method: toy, protocol: {loss: away}}}\n")


def test_a_backbone_is_substituted_last(resolve):
    text = (
        "protocol: {extends: toy.yaml, substitute: {resnest50d: tiny, resnet50: small}}\n"
        "plugins: [toys.py]\n"
        "rows: {a: {method: toy}, b: {method: toy, backbone: resnet50},\n"
        "  c: {method: toy, backbone: x}}\n"
    )
    assert [row.method.backbone for row in resolve(text).rows] == ["tiny", "small", "x"]


MISTAKES = [
    ("rows:\n  a: {method: tyo}\n", {}, r"yaml:4: unknown method 'tyo'\. Did you mean 'toy'"),
    ("rows:\n  a:\n    method: toy\n    widht: 3\n", {},
     r"bench\.yaml:6: rows\.a: method 'toy' has no option 'widht'\. Did you mean 'width'"),
    ("rows:\n  a:\n    method: toy\n    levels: x\n", {},
     r"^bench\.yaml:6: rows\.a\.levels: expected a list of 3, 4 or 5, got 'x'$"),
    ("rows:\n  a:\n    method: toy\n    levels: [3, 7]\n", {},
     r"bench\.yaml:6: rows\.a\.levels\[1\]: expected 3, 4 or 5, got 7"),
    ("rows:\n  a:\n    method: toy\n    width: 0\n", {}, r"rows\.a\.width: must be at least 1"),
    ("rows:\n  a:\n    method: toy\n    options: {width: wide}\n", {},
     r"bench\.yaml:6: rows\.a\.width: expected an integer, got 'wide'"),
    ("rows:\n  a:\n    method: toy\n    grid: {width: [1, x]}\n", {},
     r"bench\.yaml:6: rows\.a-x\.width: expected an integer, got 'x'"),
    ("datasets: [toy_face]\nrows: {a: {method: toy}}\n", {},
     r"bench\.yaml:3: unknown dataset 'toy_face'\. Did you mean 'toy_faces'"),
    ("datasets:\n- {name: toy_faces, nois: 1}\nrows: {a: {method: toy}}\n", {},
     r"bench\.yaml:4: datasets\[0\]: dataset 'toy_faces' has no option 'nois'"),
    ("rows: {a: {method: toy, protocol: {loss: toy_los}}}\n", {},
     r"bench\.yaml:3: unknown loss 'toy_los'\. Did you mean 'toy_loss'"),
    ("rows: {a: {method: toy, protocol: {loss: {gamma: x}}}}\n", {},
     r"bench\.yaml:3: rows\.a\.protocol\.loss\.gamma: expected a number, got 'x'"),
    ("rows: {a: {method: toy, protocol: {method: {widht: 1}}}}\n", {},
     r"bench\.yaml:3: .*widht: no method has an option 'widht'\. Did you mean 'width'"),
    ("rows: {a: {method: toy}}\n", {"sets": ["protocol.keypoints=nobody"]},
     r"--set protocol\.keypoints=nobody: unknown keypoint model 'nobody'"),
    ("rows: {a: {method: toy}}\n", {"sets": ["protocol.method.widht=1"]},
     r"--set protocol\.method\.widht=1: .* no method has an option 'widht'"),
    ("rows: {a: {method: toy}}\n", {"sets": ["method.widht=1"]},
     r"--set method\.widht=1: .* no method has an option 'widht'"),
    ("rows: {a: {method: plain}}\n", {"sets": ["method.width=1"]},
     r"--set method\.width=1: no row has the option 'width' \(methods: plain\)"),
    ("rows: {a: {method: toy}}\n", {"sets": ["method.width=x"]}, r"--set method\.width=x: rows\.a"),
    ("metrics: [accuracy, ma]\nrows: {a: {method: toy}}\n", {},
     r"bench\.yaml:3: unknown metric 'ma'\. Did you mean 'mA'"),
    ("rows: {a: {method: toy}}\n", {"dataset": "celebb"}, r"--dataset: unknown dataset 'celebb'"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "options", "message"), MISTAKES)
def test_mistakes(resolve, text, options, message):
    with pytest.raises(UserError, match=message):
        resolve(HEAD + text, **options)


def test_several_unknown_options_are_all_told(resolve):
    with pytest.raises(UserError) as caught:
        resolve(HEAD + "rows:\n  a:\n    method: toy\n    x: 1\n    y: 2\n")
    assert [line.split(": ")[0] for line in str(caught.value).split("\n")] == [
        "bench.yaml:6",
        "bench.yaml:7",
    ]


def test_an_unknown_name_points_to_broken_plugins(resolve):
    text = "protocol: toy.yaml\nplugins: [toys.py, bad.py]\nrows: {a: {method: mine}}\n"
    with pytest.raises(UserError, match=r"could not be loaded: 'bad' \(RuntimeError: no luck "):
        resolve(text, files={"bad.py": "raise RuntimeError('no luck')\n"})
