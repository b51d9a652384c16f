"""The page: whole in one file, every number linked, nothing of a label read as markup."""

import json
import re
from html.parser import HTMLParser

import pytest
from fake_store import FakeStore
from large_store import run_measured, write_large_store
from report_store import ODD, change_record, store

from farbench.report.write import benchmarks_of


class Page(HTMLParser):
    """Collects elements, with their attributes and text."""

    def __init__(self, path):
        super().__init__()
        self.elements, self.texts, self._open = [], [], []
        self.source = path.read_text(encoding="utf-8")
        self.feed(self.source)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self._open.append(tag)
        self.texts.append([tag, ""])

    def handle_data(self, data):
        if self.texts:
            self.texts[-1][1] += data

    def all(self, tag, name=None):
        return [a if name is None else a.get(name) for t, a in self.elements if t == tag]

    def text(self, tag):
        return [text for t, text in self.texts if t == tag]

    def data(self, which):
        found = re.search(
            rf'<script type="application/json" id="{which}">(.*?)</script>', self.source
        )
        return json.loads(found[1])


@pytest.fixture
def report(tmp_path, farbench_cli):
    """Return a function that writes the report of a folder, by default without figures."""

    def write(folder, *arguments):
        wanted = arguments or ("--no-figures",)
        done = farbench_cli("report", folder, "-o", tmp_path / "page.html", *wanted)
        assert done.code == 0, done.err
        return Page(tmp_path / "page.html")

    return write


def targets(page):
    """Return the cards that each link of the page leads to, by link."""
    ids = [card["id"] for card in page.data("cards")]
    found = {}
    for link in page.all("a", "href"):
        if link.startswith("#cell-"):
            found[link] = [one for one in ids if one == link[6:]]
        elif link.startswith("#cells-"):
            found[link] = [one for one in ids if re.sub(r"-s\d+-[0-9a-f]+$", "", one) == link[7:]]
    return found


def test_the_page_needs_nothing_beside_it(tmp_path, report):
    page = report(store(tmp_path).folder, "--figures")
    assert page.all("link") == []
    assert page.all("img")
    assert all(src.startswith("data:") for src in page.all("img", "src"))
    assert page.all("script", "src") == [None] * 3
    policy = next(a["content"] for a in page.all("meta") if "http-equiv" in a)
    assert policy.startswith("default-src 'none'")
    styles = page.source[page.source.index("<style>") : page.source.index("</style>")]
    assert "url(" not in styles
    assert "@import" not in styles


def test_labels_logs_and_reasons_are_text(tmp_path, report):
    page = report(store(tmp_path).folder)
    assert ODD in [card["label"] for card in page.data("cards")]
    assert page.source.count('<b>"A&G') == 0
    assert page.source.count("<script") == 3
    assert any("&lt;b&gt;&quot;A&amp;G" in line for line in page.source.split("\n"))
    assert "loss is not finite <in> epoch 3" in "".join(text for _, text in page.texts)


def test_every_number_leads_to_its_cells(tmp_path, report):
    page = report(store(tmp_path).folder)
    found = targets(page)
    assert all(found.values()), [link for link, cards in found.items() if not cards]
    assert found["#cells-ablation/baseline-synthetic_faces"] == [
        card["id"] for card in page.data("cards") if "/baseline-" in card["id"]
    ]
    # One seed is left of this row: its numbers lead to that cell alone.
    (finished,) = [
        card["id"]
        for card in page.data("cards")
        if "/aml-" in card["id"] and card["state"] == "finished"
    ]
    assert f"#cell-{finished}" in found
    # What is missing leads to what was planned.
    assert any(cards and "/late-" in cards[0] for cards in found.values())
    assert any(cards and "/broken-" in cards[0] for cards in found.values())
    measured = re.findall(r'<tbody class="measured">.*?</tbody>', page.source, re.DOTALL)
    unlinked = re.findall(r"<td>[+-]?\d[^<]*</td>", "".join(measured))
    assert unlinked == []


def test_what_failed_stands_first_with_its_reason(tmp_path, report):
    page = report(store(tmp_path).folder)
    start = page.source.index("Cells that failed")
    assert start < page.source.index('class="table"')
    assert "loss is not finite &lt;in&gt; epoch 3" in page.source[start : start + 1500]
    assert "RuntimeError: out of memory" in page.source[start : start + 1500]
    assert "5 of 8 cells finished" in page.source
    assert "2 failed" in page.source


def test_ids_are_there_once_and_links_meet_them(tmp_path, report):
    page = report(store(tmp_path).folder)
    ids = [a["id"] for _, a in page.elements if "id" in a]
    assert len(ids) == len(set(ids))
    within = [link[1:] for link in page.all("a", "href") if not link.startswith("#cell")]
    assert within
    assert set(within) <= set(ids)


def test_headings_have_a_scope(tmp_path, report):
    page = report(store(tmp_path).folder)
    assert {heading.get("scope") for heading in page.all("th")} <= {
        "col", "row", "colgroup", "rowgroup",
    }  # fmt: skip
    assert None not in {heading.get("scope") for heading in page.all("th")}


def test_the_same_results_give_the_same_bytes(tmp_path, report):
    folder = store(tmp_path).folder
    assert report(folder, "--figures").source == report(folder, "--figures").source


def test_several_benchmarks_are_one_page_with_an_index(tmp_path, report):
    store(tmp_path / "runs", name="one")
    other = FakeStore(tmp_path / "runs", name="two", title="Another & one")
    other.cell("aml", 0.9, 0.8)
    page = report(tmp_path / "runs")
    ids = [a["id"] for _, a in page.elements if "id" in a]
    assert len(ids) == len(set(ids))
    assert {"#benchmark-one", "#benchmark-two"} <= set(page.all("a", "href"))
    assert {card["id"].split("/")[0] for card in page.data("cards")} == {"one", "two"}
    assert all(targets(page).values())
    assert "Another &amp; one" in page.source
    assert [folder.name for folder in benchmarks_of(tmp_path / "runs")] == ["one", "two"]


def test_the_file_goes_into_the_folder(tmp_path, farbench_cli):
    folder = store(tmp_path / "runs").folder
    done = farbench_cli("report", tmp_path / "runs")
    assert done.code == 0, done.err
    assert f"wrote {folder / 'report.html'} (8 cells" in done.out
    FakeStore(tmp_path / "runs", name="two").cell("aml", 0.9, 0.8)
    assert farbench_cli("report", tmp_path / "runs").code == 0
    assert (tmp_path / "runs" / "report.html").is_file()


def test_a_folder_without_results_is_a_mistake(tmp_path, farbench_cli):
    done = farbench_cli("report", tmp_path)
    assert done.code == 2
    assert "no benchmark results" in done.err
    done = farbench_cli("report", store(tmp_path / "runs").folder, "-o", tmp_path)
    assert done.code == 2
    assert "cannot be written" in done.err or "cannot write" in done.err


def test_figures_are_drawn_or_said_to_be_missing(tmp_path, report):
    folder = store(tmp_path).folder
    page = report(folder, "--figures")
    assert page.all("img")
    assert "Figure roc: " in page.source
    assert "does not say that its images may be shown" in page.source
    without = report(folder)
    assert without.all("img") == []
    assert "Figures: not drawn" in without.source


def test_a_benchmark_of_which_nothing_ran_has_a_page(tmp_path, report):
    made = FakeStore(tmp_path, rows=(("late", "late", ()),))
    made.planned("late")
    page = report(made.folder)
    assert "0 of 1 cells finished, 1 not run" in " ".join(page.source.split())


def test_an_unreadable_cell_is_told_without_the_place_of_the_folder(tmp_path, report):
    made = store(tmp_path)
    place = made.planned("late", seed=1)
    place.mkdir()
    (place / "cell.json").write_text("{")
    page = report(made.folder)
    assert "1 unreadable" in page.source
    assert str(tmp_path) not in page.source


def test_many_cells_leave_figures_out(tmp_path, report):
    folder = write_large_store(tmp_path / "large", rows=21, datasets=2, seeds=5)
    page = report(folder, "--data-root", tmp_path)
    assert page.all("img") == []
    assert "of more than 200 cells" in page.source
    assert all(targets(page).values())


@pytest.mark.slow
def test_two_thousand_cells_take_seconds_and_are_a_page_that_opens(tmp_path):
    folder = write_large_store(tmp_path / "large")
    _, seconds, kilobytes = run_measured("report", folder, "-o", tmp_path / "page.html")
    assert seconds < 15  # 4 s on an idle core; the room is for slow machines
    assert kilobytes < 1_000_000
    assert (tmp_path / "page.html").stat().st_size < 15_000_000


def test_faces_are_shown_where_the_licence_says_so_and_only_there(tmp_path, report):
    made = store(tmp_path)
    page = report(made.folder)
    notes = [
        value["note"] for value in page.data("pool") if isinstance(value, dict) and "faces" in value
    ]
    assert notes == ["The data set does not say that its images may be shown."]
    place = made.folder / made.plan["cells"][0]["folder"]
    record = json.loads((place / "cell.json").read_text())
    change_record(place, dataset={**record["dataset"], "images_may_be_shown": True})
    page = report(made.folder)
    notes = {
        value["note"] for value in page.data("pool") if isinstance(value, dict) and "faces" in value
    }
    assert "There are no stored predictions: committed results carry none." in notes
