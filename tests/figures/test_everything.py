"""`farbench figure` without a name, and `farbench figure all`."""

import re
from pathlib import Path

import pytest
from figure_store import FigureStore
from matplotlib.figure import Figure

from farbench.errors import UserError
from farbench.figures import FIGURES
from farbench.figures.everything import draw, draw_everything
from farbench.figures.request import FigureRequest

DRAWN = ("bars", "gains", "curves", "roc", "reliability")


def two_rows(folder, **wishes):
    store = FigureStore(folder)
    for row in ("plain", "better"):
        store.cell(row, **wishes)
    return folder


def test_every_figure_is_drawn_or_says_why_not(tmp_path):
    found = dict(draw_everything(FigureRequest(two_rows(tmp_path))))
    assert list(found) == list(FIGURES)
    assert [name for name in DRAWN if not isinstance(found[name], Figure)] == []
    assert "terms.csv" in found["weights"]
    faces = [name for name, entry in FIGURES.items() if entry.faces]
    assert {found[name] for name in faces} <= {"it looks at faces, which were not asked for"}


@pytest.fixture
def few(monkeypatch):
    """Leave three figures, for `all` draws and writes every one."""
    three = {name: FIGURES[name] for name in ("bars", "roc", "weights")}
    for module in ("farbench.figures.everything", "farbench.cli.figure"):
        monkeypatch.setattr(f"{module}.FIGURES", three)


def test_all_writes_what_can_be_drawn(tmp_path, farbench_cli, few):
    folder = two_rows(tmp_path / "made_up", predictions=False)
    done = farbench_cli("figure", "all", tmp_path)
    assert done.code == 0
    written = {path.name for path in (folder / "figures").iterdir()}
    assert written == {"bars.png", "bars.pdf"}
    for name in ("roc", "weights"):
        assert f"{name}: not drawn: " in done.err


def test_nothing_drawn_is_exit_code_1(tmp_path, farbench_cli, few):
    FigureStore(tmp_path).planned("plain")
    assert farbench_cli("figure", "all", tmp_path).code == 1


def test_all_has_no_output_file(tmp_path, farbench_cli):
    done = farbench_cli("figure", "all", two_rows(tmp_path), "-o", "a.png")
    assert done.code == 2
    assert "leave -o out" in done.err


@pytest.mark.parametrize("wish", ["--rows", "--dataset", "--compare"])
def test_a_wrong_name_is_told_once(tmp_path, farbench_cli, wish):
    done = farbench_cli("figure", "all", two_rows(tmp_path), wish, "nothing")
    assert done.code == 2
    assert done.err.count(wish) == 1


def test_without_a_name_figures_are_listed(farbench_cli):
    done = farbench_cli("figure")
    assert done.code == 0
    for name, entry in FIGURES.items():
        assert f"{name}  " in done.out
        assert entry.doc in done.out
        assert all(f"--{wish}" in done.out for wish in entry.reads)


@pytest.mark.parametrize("name", [*DRAWN, "weights"])
def test_an_empty_plan_is_refused(tmp_path, name):
    FigureStore(tmp_path).save()
    with pytest.raises(UserError):
        draw(name, FigureRequest(tmp_path))


def test_the_page_names_every_figure_and_no_other():
    page = Path(__file__).parents[2] / "docs/figures.md"
    named = re.findall(r"^\| `([a-z_]+)` \|", page.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(named) == sorted(FIGURES)
