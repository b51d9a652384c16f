"""Loading: merging, precedence, rows, and one clear line for each mistake."""

from __future__ import annotations

import pytest

from farbench.benchmark.loading import load_benchmark
from farbench.errors import UserError

HEAD = "protocol: toy.yaml\n"


@pytest.fixture
def load(temp_benchmark, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)

    def write_and_load(text, *, files=None, **options):
        temp = temp_benchmark(text, files=files)
        return load_benchmark(temp.file, **options)

    return write_and_load


def rows_of(loaded):
    return {row.id: row for row in loaded.benchmark.rows}


def test_a_small_file_and_its_defaults(load):
    loaded = load(HEAD + "rows:\n  a: {method: toy, width: 3}\n  b: {method: plain, label: B}\n")
    benchmark = loaded.benchmark
    assert benchmark.name == "bench"
    assert benchmark.datasets == ("toy_faces",)
    assert benchmark.seeds == (0,)
    assert [(row.id, row.label, row.options) for row in benchmark.rows] == [
        ("a", "a", {"width": 3}),
        ("b", "B", {}),
    ]
    assert benchmark.protocol.name == "toy"
    assert loaded.places.at(("rows", "a", "options", "width")) == "bench.yaml:3"


def test_the_default_protocol_is_quick(load):
    assert load("rows: {a: {method: toy}}\n").benchmark.protocol.name == "quick"


def test_protocol_changes_show_in_its_name(load):
    text = (
        "protocol: {extends: toy.yaml, epochs: 7, masks: {epochs: 2}}\nrows: {a: {method: toy}}\n"
    )
    protocol = load(text, sets=["protocol.batch_size=5"]).benchmark.protocol
    assert (protocol.epochs, protocol.masks.epochs, protocol.batch_size) == (7, 2, 5)
    assert protocol.crop == 32
    assert protocol.name == "toy (batch_size 5, epochs 7, masks.epochs 2)"


def test_protocols_extend_each_other(load):
    files = {"p/two.yaml": "extends: ../toy.yaml\nepochs: 2\n"}
    protocol = load(
        "rows: {a: {method: toy}}\n", files=files, protocol="p/two.yaml"
    ).benchmark.protocol
    assert (protocol.name, protocol.epochs, protocol.crop) == ("two", 2, 32)


def test_protocols_and_benchmarks_must_not_go_round(load):
    files = {"p.yaml": "extends: q.yaml\n", "q.yaml": "extends: p.yaml\n"}
    with pytest.raises(UserError, match=r"extends itself: p\.yaml -> q\.yaml -> p\.yaml"):
        load("rows: {a: {method: toy}}\n", files=files, protocol="p.yaml")
    with pytest.raises(UserError, match="a benchmark extends itself"):
        load("extends: bench.yaml\nrows: {a: {method: toy}}\n")


def test_extending_merges_mappings_and_replaces_lists(load):
    base = (
        "protocol: {extends: toy.yaml, epochs: 7}\nseeds: [1, 2]\ntitle: base\nplugins: [x.py]\n"
        "rows:\n  a: {method: toy, levels: [3], width: 4}\n  b: {method: plain}\n"
    )
    own = (
        "extends: sub/base.yaml\nprotocol: {batch_size: 2}\nplugins: [y.py]\n"
        "rows:\n  a: {levels: [5]}\n  b: null\n  c: {method: plain}\n"
    )
    files = {"sub/base.yaml": base, "sub/toy.yaml": "dataset: toy_faces\ncrop: 48\n"}
    files |= {"sub/x.py": "", "y.py": ""}
    loaded = load(own, files=files)
    rows = rows_of(loaded)
    assert list(rows) == ["a", "c"]
    assert rows["a"].options == {"levels": [5], "width": 4}
    protocol = loaded.benchmark.protocol
    assert (protocol.epochs, protocol.batch_size, protocol.crop) == (7, 2, 48)
    assert loaded.benchmark.seeds == (1, 2)
    assert [plugin.rsplit("/", 2)[1:] for plugin in loaded.benchmark.plugins] == [
        ["sub", "x.py"],
        [loaded.files[-1].parent.name, "y.py"],
    ]
    assert loaded.places.at(("rows", "a", "options", "width")) == "sub/base.yaml:6"
    assert loaded.places.at(("rows", "a", "options", "levels")) == "bench.yaml:5"
    assert [path.name for path in loaded.files] == ["base.yaml", "bench.yaml"]


def test_a_protocol_with_a_base_replaces_the_inherited_one(load):
    files = {"base.yaml": "protocol: {extends: quick, epochs: 7}\nrows: {a: {method: toy}}\n"}
    protocol = load("extends: base.yaml\nprotocol: toy.yaml\n", files=files).benchmark.protocol
    assert (protocol.name, protocol.epochs) == ("toy", 5)


def test_a_shipped_benchmark_can_be_extended(load):
    loaded = load("extends: ablation\nrows: {mine: {method: toy, marks: [AG]}}\n")
    assert list(rows_of(loaded))[-1] == "mine"
    assert len(loaded.benchmark.rows) == 7


def test_precedence_of_set_over_row_over_benchmark_over_protocol(load):
    text = (
        "protocol: {extends: toy.yaml, epochs: 3, batch_size: 3}\n"
        "rows: {a: {method: toy, protocol: {epochs: 4, batch_size: 4}}, b: {method: toy}}\n"
    )
    loaded = load(text, sets=["protocol.epochs=9"])
    a, b = (loaded.protocol_of(row) for row in loaded.benchmark.rows)
    assert (a.epochs, a.batch_size, a.crop) == (9, 4, 32)
    assert (b.epochs, b.batch_size) == (9, 3)


def test_set_reaches_rows_datasets_methods_and_plain_keys(load):
    text = HEAD + "rows:\n  a: {method: toy, options: {width: 1}}\n  b: {method: toy}\n"
    sets = [
        "rows.a.width=2",
        "rows.b.levels=[3]",
        "dataset.noise=0.5",
        "method.width=5",
        "seeds=[4]",
    ]
    loaded = load(text, sets=[*sets, "rows.b.protocol.epochs=1", "rows.b.label=Bee"])
    rows = rows_of(loaded)
    assert rows["a"].options == {"width": 2}
    assert rows["b"].options == {"levels": [3]}
    assert rows["b"].label == "Bee"
    assert loaded.protocol_of(rows["b"]).epochs == 1
    assert loaded.benchmark.datasets == ({"name": "toy_faces", "noise": 0.5},)
    assert loaded.benchmark.seeds == (4,)
    assert loaded.method_options == {"width": 5}


def test_options_of_a_plugin_do_not_leak_into_another(load):
    text = "protocol: {extends: p.yaml, loss: {name: other}}\nrows: {a: {method: toy}}\n"
    files = {"p.yaml": "loss: {name: focal, gamma: 3}\n"}
    assert load(text, files=files).benchmark.protocol.loss == {"name": "other"}
    assert load(text, files=files, sets=["protocol.loss.beta=1"]).benchmark.protocol.loss == {
        "name": "other",
        "beta": 1,
    }
    lone = "protocol: {extends: toy.yaml, loss: {gamma: 3}}\nrows: {a: {method: toy}}\n"
    assert load(lone).benchmark.protocol.loss == {"name": "toy_loss", "gamma": 3}


def test_flags_replace_rows_seeds_and_datasets(load):
    text = HEAD + "compare: a\ndatasets: [x]\nrows: {a: {method: toy}, b: {method: toy}}\n"
    benchmark = load(text, rows=["b"], seeds=[3, 4], dataset="y,z").benchmark
    assert [row.id for row in benchmark.rows] == ["b"]
    assert (benchmark.compare, benchmark.seeds, benchmark.datasets) == (None, (3, 4), ("y", "z"))


def test_a_grid_spreads_a_row(load):
    text = HEAD + (
        'rows:\n  s:\n    method: toy\n    label: "{mask_area:.0%} at {width}"\n'
        "    grid:\n      mask_area: [0.64, 1.0]\n      width:\n        - 2\n        - 3\n"
    )
    loaded = load(text, sets=["rows.s-0.64-3.levels=[5]"])
    assert {row.id: row.label for row in loaded.benchmark.rows} == {
        "s-0.64-2": "64% at 2",
        "s-0.64-3": "64% at 3",
        "s-1.0-2": "100% at 2",
        "s-1.0-3": "100% at 3",
    }
    rows = rows_of(loaded)
    assert rows["s-0.64-3"].options == {"mask_area": 0.64, "width": 3, "levels": [5]}
    assert rows["s-0.64-2"].options == {"mask_area": 0.64, "width": 2}
    assert loaded.places.at(("rows", "s-1.0-3", "options", "width")) == "bench.yaml:10"


def test_a_grid_can_spread_the_method_and_the_protocol(load):
    text = HEAD + "rows: {s: {grid: {method: [toy, plain], protocol.epochs: [1, 2]}}}\n"
    loaded = load(text)
    assert [
        (r.id, r.method, loaded.protocol_of(r).epochs, r.label) for r in loaded.benchmark.rows
    ] == [
        ("s-toy-1", "toy", 1, "s (method toy, epochs 1)"),
        ("s-toy-2", "toy", 2, "s (method toy, epochs 2)"),
        ("s-plain-1", "plain", 1, "s (method plain, epochs 1)"),
        ("s-plain-2", "plain", 2, "s (method plain, epochs 2)"),
    ]


ABLATE = HEAD + (
    "ablate:\n  method: toy\n  options: {width: 2}\n  scheme: SCHEME\n  components:\n"
    "    AG: {off: {method: plain}}\n    AML: {off: {levels: [3]}, on: {levels: [4]}}\n"
)


@pytest.mark.parametrize(
    ("scheme", "expected"),
    [
        ("cumulative", [("none", (), "plain", [3]), ("ag", ("AG",), "toy", [3]),
                        ("ag+aml", ("AG", "AML"), "toy", [4])]),
        ("add_one_in", [("none", (), "plain", [3]), ("ag", ("AG",), "toy", [3]),
                        ("aml", ("AML",), "plain", [4])]),
        ("leave_one_out", [("full", ("AG", "AML"), "toy", [4]), ("no_ag", ("AML",), "plain", [4]),
                           ("no_aml", ("AG",), "toy", [3])]),
    ],
)  # fmt: skip
def test_ablate_gives_rows_and_check_marks(load, scheme, expected):
    loaded = load(ABLATE.replace("SCHEME", scheme))
    assert [
        (row.id, row.marks, row.method, row.options["levels"]) for row in loaded.benchmark.rows
    ] == expected
    assert all(row.options["width"] == 2 for row in loaded.benchmark.rows)
    assert loaded.benchmark.marks == ("AG", "AML")
    assert loaded.places.at(("rows", expected[0][0], "options", "levels")) == "bench.yaml:8"


MISTAKES = [
    ("rowz: {}\n", r"bench\.yaml:1: unknown key 'rowz'\. Did you mean 'rows'\?"),
    (HEAD, r"bench\.yaml:1: no rows"),
    (HEAD + "rows:\n", r"bench\.yaml:2: rows: no rows"),
    (HEAD + "rows: [a]\n", r"bench\.yaml:2: rows: expected a mapping of row ids"),
    (HEAD + "rows:\n  a:\n", r"bench\.yaml:3: rows\.a: the row is empty"),
    (HEAD + "rows:\n  a: toy\n", r"bench\.yaml:3: rows\.a: expected a mapping"),
    (HEAD + "rows:\n  a: {mehtod: t}\n", r"yaml:3: rows\.a: 'method' is missing"),
    (HEAD + "rows:\n  a: {grid: 5}\n", r"yaml:3: rows\.a: 'method' is missing"),
    (HEAD + "rows:\n  a: {method: t, options: false}\n",
     r"yaml:3: rows\.a\.options: expected a mapping, got false"),
    (HEAD + "rows:\n  a: {method: t, tasks: 0}\n", r"rows\.a\.tasks: expected a list of strings"),
    (HEAD + "rows:\n  a: {method: 3}\n", r"yaml:3: rows\.a\.method: expected a string, got 3"),
    (HEAD + "rows:\n  a b: {method: t}\n", r"yaml:3: row id 'a b': use letters"),
    (HEAD + "rows:\n  a: {method: t}\n  a: {method: t}\n", r"yaml:4: key 'a' is given twice"),
    (HEAD + "rows:\n  a: {method: t, x: 1, options: {x: 2}}\n", r"rows\.a\.x: .* twice"),
    (HEAD + "rows:\n  a-1: {method: t}\n  a:\n    method: t\n    grid: {x: [1]}\n",
     r"bench\.yaml:4: row id 'a-1' is already used at bench\.yaml:3"),
    (HEAD + "rows:\n  a: {method: t, grid: {x: 3}}\n", r"grid\.x: expected a list of values"),
    (HEAD + "rows:\n  a: {method: t, grid: {}}\n", r"rows\.a\.grid: expected a mapping"),
    (HEAD + "rows:\n  a: {method: t, x: 1, grid: {x: [3]}}\n",
     r"both set in the row and spread .* \(rows\.a-3\.x\), or set rows\.a\.grid\.x$"),
    (HEAD + "rows:\n  a: {method: t, marks: [AG]}\n", r"yaml:3: rows\.a\.marks\[0\]: mark 'AG'"),
    (HEAD + "marks: [AML]\nrows:\n  a: {method: t, marks: [AMl]}\n", r"Did you mean 'AML'\?"),
    (HEAD + "rows:\n  a: {method: t, protocol: {epoch: 1}}\n",
     r"yaml:3: rows\.a\.protocol\.epoch: unknown key\. Did you mean 'epochs'\?"),
    (HEAD + "rows:\n  a: {method: t, protocol: {extends: x}}\n", r"rows\.a\.protocol\.extends"),
    ("protocol: {extends: toy.yaml,\n  masks: {epoch: 1}}\nrows: {a: {method: t}}\n",
     r"bench\.yaml:2: protocol\.masks\.epoch: unknown key\. Did you mean 'epochs'\?"),
    ("protocol: {extends: toy.yaml,\n  epochs: five}\nrows: {a: {method: t}}\n",
     r"bench\.yaml:2: protocol\.epochs: expected an integer, got 'five'"),
    ("protocol: {extends: toy.yaml,\n  epochs: 0}\nrows: {a: {method: t}}\n",
     r"bench\.yaml:2: protocol\.epochs: must be at least 1, got 0"),
    ("protocol: {optimizer: adagrad}\nrows: {a: {method: t}}\n",
     r"protocol\.optimizer: expected 'adam', 'adamw' or 'sgd', got 'adagrad'"),
    ("protocol: {dataset: 3}\nrows: {a: {method: t}}\n",
     r"protocol\.dataset: expected a string or a mapping, got 3"),
    ("protocol: {crop: 500}\nrows: {a: {method: t}}\n", r"must not be larger than resize"),
    ("protocol: qick\nrows: {a: {method: t}}\n",
     r"bench\.yaml:1: unknown protocol 'qick'\. Did you mean 'quick'\?"),
    ("protocol: 3\nrows: {a: {method: t}}\n", r"bench\.yaml:1: protocol: expected a name"),
    ("protocol: no.yaml\nrows: {a: {method: t}}\n", r"bench\.yaml:1: protocol file no\.yaml"),
    ("extends: ablatio\n", r"bench\.yaml:1: unknown benchmark 'ablatio'\. Did you mean"),
    (HEAD + "seeds: 3\nrows: {a: {method: t}}\n", r"yaml:2: seeds: expected a list of integers"),
    (HEAD + "seeds: []\nrows: {a: {method: t}}\n", r"yaml:2: seeds: the list is empty"),
    (HEAD + "seeds: [0, -1]\nrows: {a: {method: t}}\n", r"yaml:2: seeds\[1\]: must be at least 0"),
    (HEAD + "seeds: [1, 1]\nrows: {a: {method: t}}\n", r"yaml:2: seeds: 1 given more than once"),
    (HEAD + "compare: b\nrows: {a: {method: t}}\n", r"yaml:2: compare: no row 'b'"),
    (HEAD + "datasets: null\nplugins: null\nrows: {a: {method: t}}\n",
     r"yaml:3: plugins: expected a list of strings, got nothing \(null\)$"),
    (HEAD + "datasets: celeba\nrows: {a: {method: t}}\n", r"yaml:2: datasets: expected a list"),
    (HEAD + "datasets:\n- {x: 1}\nrows: {a: {method: t}}\n", r"yaml:3: datasets\[0\]: expected"),
    (HEAD + "datasets: [x, x]\nrows: {a: {method: t}}\n", r"datasets\[1\]: 'x' is given twice"),
    (HEAD + "published: [mgmtn_tabel3]\nrows: {a: {method: t}}\n",
     r"yaml:2: unknown published table 'mgmtn_tabel3'\. Did you mean 'mgmtn_table3'"),
    (HEAD + "plugins: [no.py]\nrows: {a: {method: t}}\n", r"yaml:2: plugins\[0\]: no file or fol"),
    (HEAD + "plugins: x.py\nrows: {a: {method: t}}\n", r"yaml:2: plugins: expected a list"),
    (HEAD + "title: [1]\nrows: {a: {method: t}}\n", r"yaml:2: title: expected a string"),
    (ABLATE.replace("SCHEME", "bogus"), r"yaml:5: ablate\.scheme: expected 'add_one_in'"),
    (ABLATE.replace("SCHEME", "cumulative").replace("on:", "onn:"),
     r"yaml:8: ablate\.components\.AML\.onn: unknown key\. Did you mean 'on'\?"),
    (HEAD + "ablate: {method: t, components: {}}\n", r"ablate\.components: must have at least 1"),
]  # fmt: skip

GOOD = HEAD + "rows: {a: {method: t}, s: {method: t, grid: {x: [1]}}}\n"
FLAG_MISTAKES = [
    (
        {"sets": ["epochs=1"]},
        r"--set epochs=1: unknown key 'epochs'\. Did you mean 'protocol\.epochs'",
    ),
    ({"sets": ["rowz.a.x=1"]}, r"Did you mean 'rows'\?"),
    ({"sets": ["protocol.epoch=1"]}, r"--set protocol\.epoch=1: protocol\.epoch: unknown key"),
    (
        {"sets": ["protocol.epochs.x=1"]},
        r"--set protocol\.epochs\.x=1: protocol\.epochs: expected an integer, got \{'x'",
    ),
    ({"sets": ["protocol.epochs"]}, r"write KEY=VALUE"),
    ({"sets": ["protocol.epochs=[1"]}, r"--set protocol\.epochs=\[1: not valid YAML"),
    ({"sets": ["protocol=mini"]}, r"use --protocol NAME instead"),
    ({"sets": ["rows.b.x=1"]}, r"--set rows\.b\.x=1: no row 'b'\..* Rows: a, s-1, s\."),
    ({"sets": ["rows.a=1"]}, r"write rows\.a\.OPTION=VALUE"),
    ({"sets": ["seeds.x=1"]}, r"write seeds=VALUE"),
    ({"sets": ["ablate.scheme=x"]}, r"no `ablate:` block"),
    ({"sets": ["dataset.name=x"]}, r"use --dataset NAME instead"),
    ({"rows": ["A"]}, r"--rows: no row 'A' in benchmark 'bench'\..* Rows: a, s-1\."),
    ({"rows": ["s"]}, r"--rows: no row 's' .*\. Those that begin with it: --rows s-1\. Rows: a,"),
    ({"sets": ["rows.s.x=2"]}, r"^bench\.yaml:2: rows\.s\.grid\.x: .* \(rows\.s-1\.x\), or set"),
    ({"rows": []}, r"--rows: no row given"),
    ({"dataset": ""}, r"--dataset: datasets: expected a list"),
    ({"protocol": "qick"}, r"--protocol: unknown protocol 'qick'\. Did you mean 'quick'"),
]


@pytest.mark.parametrize(("text", "message"), MISTAKES)
def test_mistakes_in_the_file(load, text, message):
    with pytest.raises(UserError, match=message):
        load(text)


@pytest.mark.parametrize(("options", "message"), FLAG_MISTAKES)
def test_mistakes_in_the_flags(load, options, message):
    load(GOOD)
    with pytest.raises(UserError, match=message):
        load(GOOD, **options)


def test_several_mistakes_are_all_told(load):
    with pytest.raises(UserError) as caught:
        load("protocol:\n  extends: toy.yaml\n  epoch: 1\n  crop: x\nrows: {a: {method: t}}\n")
    assert [line.split(": ")[:2] for line in str(caught.value).split("\n")] == [
        ["bench.yaml:4", "protocol.crop"],
        ["bench.yaml:3", "protocol.epoch"],
    ]


def test_a_missing_file_that_is_shipped_says_so(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        UserError, match=r"benchmarks/ablation\.yaml does not exist.* 'ablation' is"
    ):
        load_benchmark("benchmarks/ablation.yaml")
