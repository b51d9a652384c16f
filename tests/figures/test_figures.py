"""`farbench figure`: what is drawn of stored terms, and what the command writes and refuses."""

import json
import subprocess
import sys

import numpy as np
import pytest
from matplotlib.colors import to_hex

from farbench.cli import main
from farbench.errors import UserError
from farbench.figures.files import COLOURS
from farbench.figures.request import FigureRequest
from farbench.figures.weights import draw, read_panels, running_mean
from farbench.store.cells import write_terms
from farbench.tables.results import read_results

FIRST = {".png": b"\x89PNG", ".pdf": b"%PDF", ".svg": b"<?xml"}


def write_plan(folder, rows, seeds):
    """Write a plan of one data set and finished cells; return a function to a cell's folder."""

    def place(row, seed):
        return folder / f"{row}-faces-s{seed}-00000000"

    cells = [(row, seed) for row in rows for seed in seeds]
    for row, seed in cells:
        place(row, seed).mkdir(parents=True)
        record = {"status": "finished", "dataset": {"name": "faces", "title": "Faces"}}
        (place(row, seed) / "cell.json").write_text(json.dumps(record))
        (place(row, seed) / "metrics.json").write_text(json.dumps({"age": {"mae": 5.0}}))
    plan = {
        "schema": 1,
        "benchmark": {"name": "weighed", "rows": [{"id": row, "label": row} for row in rows]},
        "cells": [
            {"row": row, "dataset": "faces", "seed": seed, "folder": place(row, seed).name}
            for row, seed in cells
        ],
        "tasks": {},
    }
    (folder / "plan.json").write_text(json.dumps(plan))
    return place


def terms(steps, count, seed=0):
    """Return losses and weights ``(steps, 2, T)``."""
    return np.random.default_rng(seed).uniform(0.1, 1.0, (steps, 2, count)).astype(np.float32)


@pytest.fixture
def weighed(tmp_path):
    """A benchmark of two rows with terms in two stages, and one row without."""
    folder = tmp_path / "weighed"
    place = write_plan(folder, ("dynamic", "equal", "alone"), (0,))
    values = terms(30, 2)
    stages = [("global", ["age", "race"], values[:10]), ("joint", ["age", "race"], values[10:])]
    write_terms(place("dynamic", 0) / "terms.csv", stages)
    same = terms(30, 3, seed=1)
    same[:, 1] = 1.0
    write_terms(place("equal", 0) / "terms.csv", [("joint", ["age", "race", "skin"], same)])
    return folder, values


def test_panels_are_the_rows_that_have_terms(weighed):
    folder, values = weighed
    dynamic, equal = read_panels(read_results(folder), FigureRequest(folder))
    assert (dynamic.title, dynamic.terms) == ("dynamic", ("age", "race"))
    assert dynamic.stages == (("global", 1), ("joint", 11))
    np.testing.assert_allclose(dynamic.losses[0], values[:, 0], rtol=1e-5)
    np.testing.assert_allclose(dynamic.weights[0], values[:, 1], rtol=1e-5)
    assert equal.terms == ("age", "race", "skin")


def test_a_running_mean_is_centred_and_shorter_at_the_ends():
    values = np.random.default_rng(0).normal(size=(20, 3))
    expected = [values[max(0, i - 2) : i + 3].mean(0) for i in range(20)]
    np.testing.assert_allclose(running_mean(values, 5), expected)
    np.testing.assert_array_equal(running_mean(values, 1), values)
    values[:10, 1] = np.nan  # a term that the first stage does not have
    assert np.isnan(running_mean(values, 5)[:10, 1]).all()
    assert not np.isnan(running_mean(values, 5)[10:]).any()


def curves(axis):
    """Return the lines of a panel by colour, without the faint ones and the marks of stages."""
    drawn = [line for line in axis.get_lines() if len(line.get_xdata()) > 2]
    return {to_hex(line.get_color()): line.get_ydata() for line in drawn if not line.get_alpha()}


def test_lines_are_the_stored_steps_and_stages_are_marked(weighed):
    folder, values = weighed
    figure = draw(FigureRequest(folder, smooth=1))
    weights, losses, equal, _ = figure.axes
    for axis, which in ((weights, 1), (losses, 0)):
        found = curves(axis)
        for number in range(2):
            line = found[to_hex(COLOURS[number])]
            np.testing.assert_allclose(line, values[:, which, number], rtol=1e-5)
    assert [text.get_text() for text in weights.texts] == ["global", "joint"]
    (mark,) = [line for line in weights.get_lines() if len(line.get_xdata()) == 2]
    assert mark.get_xdata()[0] == 10.5
    assert [text.get_text() for text in equal.texts] == ["all terms the same"]
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["age", "race", "skin"]


def test_smoothed_lines_lie_over_the_faint_steps(weighed):
    folder, values = weighed
    axis = draw(FigureRequest(folder, smooth=5)).axes[0]
    expected = running_mean(values[:, 1].astype(float), 5)
    np.testing.assert_allclose(curves(axis)[to_hex(COLOURS[0])], expected[:, 0], rtol=1e-4)
    faint = [line for line in axis.get_lines() if line.get_alpha()]
    np.testing.assert_allclose(faint[0].get_ydata(), values[:, 1, 0], rtol=1e-5)
    assert draw(FigureRequest(folder, smooth=5)).axes[1].get_title(loc="right") == "mean of 5 steps"


def test_seeds_are_averaged(tmp_path):
    place = write_plan(tmp_path, ("dynamic",), (0, 1, 2))
    values = [terms(12, 2, seed) for seed in range(3)]
    for seed, one in enumerate(values):
        write_terms(place("dynamic", seed) / "terms.csv", [("joint", ["a", "b"], one)])
    axis = draw(FigureRequest(tmp_path, smooth=1)).axes[1]
    expected = np.mean([one[:, 0, 1] for one in values], axis=0)
    np.testing.assert_allclose(curves(axis)[to_hex(COLOURS[1])], expected, rtol=1e-5)
    assert len(axis.collections) == 2
    assert axis.get_title(loc="right") == "mean and range of 3 seeds"


def test_losses_far_apart_are_on_a_logarithmic_scale(tmp_path):
    place = write_plan(tmp_path, ("dynamic",), (0,))
    values = terms(12, 2)
    values[:, 0, 1] *= 1000
    write_terms(place("dynamic", 0) / "terms.csv", [("joint", ["a", "b"], values)])
    weights, losses = draw(FigureRequest(tmp_path)).axes
    assert (weights.get_yscale(), losses.get_yscale()) == ("linear", "log")
    assert weights.get_ylim()[0] == 0


def test_more_terms_than_colours_still_differ(tmp_path):
    place = write_plan(tmp_path, ("dynamic",), (0,))
    names = [f"t{number}" for number in range(10)]
    write_terms(place("dynamic", 0) / "terms.csv", [("joint", names, terms(12, 10))])
    (legend,) = draw(FigureRequest(tmp_path)).legends
    looks = {(line.get_color(), str(line.get_linestyle())) for line in legend.get_lines()}
    assert len(looks) == 10


def test_the_default_files_and_the_same_bytes_each_time(weighed, capsys):
    folder, _ = weighed
    assert main(["figure", "weights", str(folder.parent)]) == 0
    paths = [folder / "figures" / f"weights{suffix}" for suffix in (".png", ".pdf")]
    assert capsys.readouterr().out == "".join(f"wrote {path}\n" for path in paths)
    before = [path.read_bytes() for path in paths]
    assert [held[:4] for held in before] == [FIRST[path.suffix][:4] for path in paths]
    assert main(["figure", "weights", str(folder)]) == 0
    assert [path.read_bytes() for path in paths] == before


@pytest.mark.parametrize("suffix", FIRST)
def test_o_writes_one_file(weighed, tmp_path, suffix):
    target = tmp_path / "new" / f"a{suffix}"
    assert main(["figure", "weights", str(weighed[0]), "-o", str(target), "--smooth", "3"]) == 0
    assert target.read_bytes().startswith(FIRST[suffix])
    assert not (weighed[0] / "figures").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["wieghts"], "unknown figure 'wieghts'. Did you mean 'weights'? Known: all, "),
        (["weights"], "of which results?"),
        (["weights", "nowhere"], "nowhere is no folder"),
        (["weights", "DIR", "-o", "a.jpg"], "the suffix of 'a.jpg' names no format of figures."),
        (["weights", "DIR", "--smooth", "0"], "--smooth"),
    ],
)
def test_mistakes_are_told_in_one_line(weighed, capsys, words, said):
    code = main(["figure", *(str(weighed[0]) if word == "DIR" else word for word in words)])
    error = capsys.readouterr().err
    assert code == 2
    assert said in error
    assert error.count("\n") == 1


def test_without_terms_there_is_nothing_to_draw(tmp_path):
    write_plan(tmp_path, ("alone",), (0,))
    with pytest.raises(UserError, match=r"no cell of .* has terms\.csv"):
        draw(FigureRequest(tmp_path))


def test_damaged_terms_are_named(tmp_path):
    place = write_plan(tmp_path, ("dynamic",), (0,))
    (place("dynamic", 0) / "terms.csv").write_text("")
    with pytest.raises(UserError, match=r"terms\.csv cannot be read"):
        draw(FigureRequest(tmp_path))


def test_the_list_of_figures_needs_no_matplotlib():
    script = "import sys, farbench.cli.app\nprint('matplotlib' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.strip() == "False", done.stderr


def test_only_what_a_figure_reads_can_be_asked_of_it(weighed, farbench_cli):
    folder, _ = weighed
    done = farbench_cli("figure", "weights", folder, "--images", "3", "--metric", "mA")
    assert done.code == 2
    assert "does not read --metric, --images; it reads --rows, --dataset, --smooth" in done.err
    done = farbench_cli("figure", "weights", folder, "--rows", "dynamc")
    assert done.code == 2
    assert "--rows" in done.err
    assert "Did you mean 'dynamic'?" in done.err


def test_rows_are_drawn_as_asked(weighed):
    folder, _ = weighed
    chosen = draw(FigureRequest(folder, rows=("equal",)))
    assert [axis.get_title(loc="left") for axis in chosen.axes] == ["equal", ""]
