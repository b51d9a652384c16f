"""Figures that look at faces: a tiny benchmark is trained once, and drawn in many ways."""

import json
import shutil

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.patches import Rectangle

from farbench.cli import main
from farbench.errors import UserError
from farbench.figures import masks, max_pool, scaled_masks, similarity
from farbench.figures.faces import choose_cells, has_masks, open_faces
from farbench.figures.panels import face_grid, outline
from farbench.figures.request import FigureRequest
from farbench.masks.regions import region_boxes
from farbench.masks.scaling import scale_masks
from farbench.plugins.manager import load_plugins
from farbench.running.trained_masks import stored_masks
from farbench.tables.results import read_results

BENCHMARK = """
title: Faces
protocol: quick
rows:
  baseline: {method: baseline}
  aml: {method: aml, label: AML, levels: [3, 4]}
  g2ff_sa: {method: g2ff_sa, label: G2FF}
  small: {method: aml, levels: [4], mask_area: 0.64}
  dmtl: {method: dmtl}
"""
SETS = (
    "protocol.dataset={name: synthetic_faces, train: 24, valid: 8, test: 8}",
    "protocol.images={train: 24, valid: 8, test: 8}",
    "protocol.masks.epochs=1",
    "protocol.masks.size=32",
    "protocol.masks.stored_size=16",
    "protocol.batch_size=12",
    "protocol.epochs=1",
    "protocol.stage_epochs={global: 0, groups: 0}",
    "protocol.resize=80",
    "protocol.crop=64",
    "protocol.threads=1",
)
GROUPS = ("Mouth", "Ear", "Lower Face", "Cheeks", "Nose", "Eyes", "Hair", "Object")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The folder of a trained benchmark; its cache is the one in use."""
    folder = tmp_path_factory.mktemp("faces")
    (folder / "faces.yaml").write_text(BENCHMARK)
    sets = [word for change in SETS for word in ("--set", change)]
    results = folder / "runs"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FARBENCH_CACHE", str(folder / "cache"))
        patch.delenv("FARBENCH_PLUGINS", raising=False)
        words = ["run", folder / "faces.yaml", "--results", results, "--device", "cpu", *sets]
        assert main([str(word) for word in words]) == 0
        yield results / "faces"


@pytest.fixture(scope="module")
def registry():
    """The shipped plugins."""
    return load_plugins((), strict=False)


def opened(trained, registry, row="aml", images=3):
    request = FigureRequest(trained, registry, rows=(row,))
    ((planned, found),) = choose_cells(request, read_results(trained), lambda cell: True, "it")
    return open_faces(request, planned, found, images)


def texts(figure):
    """Return the texts above and beside the pictures."""
    return [text.get_text() for axis in figure.axes for text in axis.texts]


def test_the_same_faces_of_the_test_split_are_drawn_of_every_row(trained, registry):
    three, all_of_them = opened(trained, registry), opened(trained, registry, "baseline", 100)
    test = three.source.positions("test")
    assert set(all_of_them.positions) == set(test)
    assert list(all_of_them.positions) != list(test)  # neighbours may be one person
    assert list(three.positions) == list(all_of_them.positions[:3])
    assert list(all_of_them.first(2).positions) == list(three.positions[:2])
    own = three.source.read(int(three.positions[1]))
    np.testing.assert_array_equal(three.originals[1], own)


def test_batches_are_what_the_cell_was_scored_on(trained, registry):
    faces = opened(trained, registry, "g2ff_sa", 8)
    (cell,) = trained.glob("g2ff_sa-*")
    stored = np.load(cell / "predictions.npz")
    ids = faces.source.index.frame["image"].to_numpy(str)[faces.positions]
    order = [list(stored["image"]).index(one) for one in ids]
    outputs = [faces.cell.forward(batch)["attributes"].detach() for batch in faces.batches(3)]
    found = np.concatenate([one.numpy() for one in outputs])
    np.testing.assert_allclose(found, stored["attributes.output"][order], atol=5e-3)


def test_masks_are_those_of_the_artifact_whatever_the_row_s_area(trained, registry):
    whole, small = opened(trained, registry), opened(trained, registry, "small")
    np.testing.assert_array_equal(whole.masks(), small.masks())
    assert whole.artifact.masks.groups == GROUPS
    kept = stored_masks(whole.cell, whole.store).read(whole.positions)
    np.testing.assert_array_equal(whole.masks(), kept.transpose(0, 3, 1, 2))


def test_boxes_are_made_in_the_packed_frame_and_drawn_in_the_original(trained, registry):
    faces = opened(trained, registry)
    points = faces._points * np.array([1.0, 2.0])  # as if the originals were twice as high
    faces.__dict__["_points"] = points
    height, width = faces.originals[0].shape[:2]
    tall = tuple(np.zeros((2 * height, width, 3), np.uint8) for _ in faces.originals)
    faces.__dict__["originals"] = tall
    side = faces.cell.protocol.resize
    packed = (points + 0.5) * np.array([side / width, side / (2 * height)]) - 0.5
    hair = GROUPS.index("Hair")
    expected = (region_boxes(packed, "hair") + 0.5) * np.array([width, 2 * height] * 2) / side
    np.testing.assert_allclose(faces.boxes(hair), expected - 0.5, rtol=1e-4)


def test_figure_masks_shows_prediction_and_boxes_of_each_group(trained, registry):
    figure = masks.draw(FigureRequest(trained, registry, images=2))
    assert len(figure.axes) == 2 * len(GROUPS)
    (cell,) = trained.glob("aml-*")
    f1 = json.loads((cell / "cell.json").read_text())["masks"]["f1"]
    said = texts(figure)
    assert [name for name in GROUPS if name not in said] == []
    assert f"F1 {100 * f1['Hair']:.1f}" in said
    faces = opened(trained, registry, images=2)
    ears = figure.axes[len(GROUPS) + 1]
    drawn = [(*box.get_xy(), box.get_width()) for box in ears.patches if isinstance(box, Rectangle)]
    for (x, y, width), box in zip(sorted(drawn), sorted(faces.boxes(1)[1].tolist()), strict=True):
        assert (x, y, x + width) == pytest.approx(tuple(box[:3]), rel=1e-4)
    layer = ears.images[1].get_array()
    np.testing.assert_array_equal(layer[..., 3] > 0, faces.masks()[1, 1] == 1)


def test_faces_without_keypoints_are_drawn_without_boxes(trained, registry, monkeypatch):
    def unknown(self, group):
        return np.full((len(self.positions), 1, 4), np.nan, np.float32)

    monkeypatch.setattr("farbench.figures.faces.Faces.boxes", unknown)
    figure = masks.draw(FigureRequest(trained, registry, images=1))
    assert not any(axis.patches for axis in figure.axes)


def test_scaled_masks_are_rings_of_the_areas_that_the_rows_ask_for(trained, registry):
    figure = scaled_masks.draw(FigureRequest(trained, registry, images=1))
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["64%", "100%"]
    own = opened(trained, registry, images=1).masks().copy(order="C")
    largest = int(own[0].sum((1, 2)).argmax())
    ring = figure.axes[largest].images[1].get_array()[..., 3] > 0
    small = scale_masks(own, 0.64)[0, largest]
    assert small.any()
    np.testing.assert_array_equal(ring, (own[0, largest] == 1) & (small == 0))


def test_scaled_masks_are_those_of_table_4_where_rows_ask_for_one_area(trained, registry):
    folder = trained.parent / "one_area"
    shutil.copytree(trained, folder, ignore=shutil.ignore_patterns("small-*"))
    figure = scaled_masks.draw(FigureRequest(folder, registry, images=1))
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ["64%", "81%", "100%", "121%", "144%"]


def test_max_pool_compares_groups_with_a_global_feature(trained, registry):
    figure = max_pool.draw(FigureRequest(trained, registry, images=2))
    assert len(figure.axes) == 2 * (1 + len(GROUPS))
    assert figure.texts[0].get_text() == "global: baseline; groups: AML"
    assert texts(figure)[0] == "global"
    numbers = [text for text in texts(figure) if text.count("|") == 2]
    assert len(numbers) == len(GROUPS)
    own, _, chance = (int(part) for part in numbers[GROUPS.index("Hair")].split(" | "))
    assert 100 >= own > chance > 0


def test_max_pool_of_one_row_shows_its_own_features(trained, registry):
    both = max_pool.draw(FigureRequest(trained, registry, rows=("g2ff_sa",), images=1))
    assert len(both.axes) == 1 + len(GROUPS)
    whole = max_pool.draw(FigureRequest(trained, registry, rows=("baseline",), images=1))
    assert len(whole.axes) == 1
    assert whole.get_figwidth() < 2
    groups = max_pool.draw(FigureRequest(trained, registry, rows=("aml",), images=1))
    assert len(groups.axes) == len(GROUPS)
    assert all(text.count("|") == 1 for text in texts(groups) if "|" in text)


def test_max_pool_tints_the_crop_that_the_network_sees(trained, registry):
    figure = max_pool.draw(FigureRequest(trained, registry, rows=("baseline",), images=1))
    picture, layer = figure.axes[0].images
    height, width = picture.get_array().shape[:2]
    left, right, bottom, top = layer.get_extent()
    assert (left, right) == pytest.approx((0.1 * width - 0.5, 0.9 * width - 0.5))  # 64 of 80 px
    assert (top, bottom) == pytest.approx((0.1 * height - 0.5, 0.9 * height - 0.5))
    assert layer.get_array()[..., 3].max() == pytest.approx(max_pool.OPAQUE)


def test_max_pool_draws_at_most_two_rows(trained, registry):
    rows = ("baseline", "aml", "g2ff_sa")
    with pytest.raises(UserError, match="one row and the groups of one, and 3 rows"):
        max_pool.draw(FigureRequest(trained, registry, rows=rows))


def test_similarity_has_a_line_a_level_and_a_panel_a_row(trained, registry):
    one = similarity.draw(FigureRequest(trained, registry))
    assert len([axis for axis in one.axes if axis.get_visible()]) == 1
    rows = ("baseline", "aml", "small", "g2ff_sa")
    figure = similarity.draw(FigureRequest(trained, registry, rows=rows, images=4))
    panels = [axis for axis in figure.axes if axis.get_visible()]
    counts = [sum(line.get_marker() == "o" for line in axis.lines) for axis in panels]
    assert counts == [3, 2, 3, 2]  # in the plan's order; without a final map a trunk is cut
    (legend,) = figure.legends
    assert legend.get_texts()[0].get_text() == "level 3"


def test_networks_without_a_trunk_of_the_core_are_told(trained, registry):
    rows = ("baseline", "dmtl")
    with pytest.raises(UserError, match=r"the network of dmtl has none"):
        similarity.draw(FigureRequest(trained, registry, rows=rows, images=2))
    with pytest.raises(UserError, match="row 'dmtl' has neither a global map nor masked levels"):
        max_pool.draw(FigureRequest(trained, registry, rows=("dmtl",), images=2))


def test_rows_without_masks_are_told(trained, registry):
    with pytest.raises(UserError, match=r"no finished cell of baseline in .* has masks"):
        masks.draw(FigureRequest(trained, registry, rows=("baseline",)))
    plain = trained.parent / "plain"
    ignored = shutil.ignore_patterns("aml-*", "g2ff_sa-*", "small-*")
    shutil.copytree(trained, plain, ignore=ignored)
    with pytest.raises(UserError, match=r"no finished cell in .* has masks"):
        max_pool.draw(FigureRequest(plain, registry))


def test_a_cache_without_the_masks_is_told(trained, registry, monkeypatch, tmp_path):
    monkeypatch.setenv("FARBENCH_CACHE", str(tmp_path))
    for figure in (masks, scaled_masks):
        with pytest.raises(UserError, match=r"does not hold the masks of .*FARBENCH_CACHE"):
            figure.draw(FigureRequest(trained, registry))
    with pytest.raises(UserError, match="FARBENCH_CACHE"):
        max_pool.draw(FigureRequest(trained, registry))
    similarity.draw(FigureRequest(trained, registry, images=2))  # it needs none


def test_a_cache_without_the_keypoints_is_told(trained, registry, monkeypatch, tmp_path):
    shutil.copytree(trained.parents[1] / "cache" / "masks", tmp_path / "masks")
    monkeypatch.setenv("FARBENCH_CACHE", str(tmp_path))
    with pytest.raises(UserError, match="does not hold the keypoints"):
        masks.draw(FigureRequest(trained, registry))


def test_has_masks_reads_the_record(trained):
    cells = read_results(trained).finished()
    assert {cell.row for cell in cells if has_masks(cell)} == {"aml", "g2ff_sa", "small"}


def test_the_command_gives_plugins_to_figures_of_faces(trained, farbench_cli, tmp_path):
    for name in ("masks", "similarity"):
        path = tmp_path / f"{name}.pdf"
        done = farbench_cli("figure", name, trained, "--images", 2, "-o", path)
        assert done.code == 0, done.err
        assert path.read_bytes().startswith(b"%PDF")


def test_an_outline_runs_along_the_pixels_of_a_mask():
    _, axes = face_grid(1, 1, 1.0)
    mask = np.zeros((4, 4), np.uint8)
    mask[1:3, 2:4] = 1  # to the edge
    outline(axes[0, 0], mask, (-0.5, 7.5, 7.5, -0.5), colors="black")
    (edge,) = axes[0, 0].collections
    x, y = edge.get_paths()[0].vertices.T
    # Two picture pixels a mask pixel: columns 3.5 to 7.5, rows 1.5 to 5.5; within 1/8 of one.
    found = (x.min(), x.max(), y.min(), y.max())
    assert found == pytest.approx((3.5, 7.5, 1.5, 5.5), abs=0.13)
    outline(axes[0, 0], np.zeros((4, 4), np.uint8), (0, 1, 1, 0), colors="black")
    assert len(axes[0, 0].collections) == 1
    assert to_hex(edge.get_edgecolor()[0]) == "#000000"


def test_pictures_have_the_shape_of_their_images():
    figure, axes = face_grid(2, 3, 1.5, left=0.5)
    width, height = figure.get_size_inches()
    box = axes[1, 2].get_position()
    assert box.height * height / (box.width * width) == pytest.approx(1.5, rel=1e-3)
    gap = (axes[0, 1].get_position().x0 - axes[0, 0].get_position().x1) * width
    assert gap == pytest.approx(0.04, rel=1e-2)
