"""The pages in a browser: no request, no message, nothing that axe finds; tables sort, numbers open their runs.

OFF2ON_TEST_BROWSER=1 runs them: they need Chromium and the extra `browser`.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

import pytest

from off2on.analysis.aggregate import aggregate
from off2on.analysis.evidence import gather_evidence
from off2on.analysis.tables import read_tables
from off2on.config import REPOSITORY
from off2on.figures.comparison import Named, comparison_page, comparison_sheets
from off2on.figures.drawing import draw
from off2on.figures.report import build_report, report_of_tables
from off2on.methods import METHODS
from off2on.scale import reading_of
from tests.unit.synthetic_results import Tree

pytestmark = pytest.mark.skipif(
    os.environ.get("OFF2ON_TEST_BROWSER") != "1", reason="OFF2ON_TEST_BROWSER=1 opens the pages in Chromium"
)
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
LOOKS = [(width, scheme) for width in (1280, 390) for scheme in ("light", "dark")]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    found = next((path for name in CHROMIUM if (path := shutil.which(name))), None)
    with sync_playwright() as playwright:
        # as root, and without a graphics card
        options = ["--no-sandbox", "--disable-gpu"]
        opened = playwright.chromium.launch(executable_path=found, args=options)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of the reference run."""
    return report_of_tables(REPOSITORY / "results/reference/quick", tmp_path_factory.mktemp("reference"))


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page whose runs are beside it."""
    tree = Tree(tmp_path_factory.mktemp("runs"), methods=("ours", "sac-ft", "sac", "my-idea")).write()
    aggregate([*tree.runs(), *tree.pretrains()], tree.layout.analysis, METHODS)
    gather_evidence(tree.layout.analysis, reading=reading_of("quick"))
    draw("fig_3", tree.layout)
    return build_report(tree.layout, ["fig_3"], reading_of("quick"))


class Opened:
    """A page that notes what it asks for and says."""

    def __init__(self, browser: Any, path: Path, width: int = 1280, scheme: str = "light") -> None:
        self.requests: list[str] = []
        self.messages: list[str] = []
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        self.page = context.new_page()
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: self.messages.append(message.text))
        self.page.on("pageerror", lambda error: self.messages.append(str(error)))
        self.page.goto(path.as_uri())

    def close(self) -> None:
        self.page.context.close()


@pytest.fixture
def opened(browser: Any, request: pytest.FixtureRequest) -> Iterator[Any]:
    """A function that opens a page; all are closed in the end."""
    pages: list[Opened] = []

    def open_page(path: Path, *look: Any) -> Opened:
        pages.append(Opened(browser, path, *look))
        return pages[-1]

    yield open_page
    for page in pages:
        page.close()


def violations(page: Any) -> list[str]:
    """What axe finds, one line a rule."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page).response["violations"]
    return [f"{rule['id']}: {node['html'][:200]}" for rule in found for node in rule["nodes"]]


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_the_page_is_quiet_accessible_and_as_wide_as_the_window(
    opened: Any, reference: Path, width: int, scheme: str
) -> None:
    it = opened(reference, width, scheme)
    assert violations(it.page) == []
    assert [url for url in it.requests if not url.startswith(("file:", "data:"))] == []
    assert len([url for url in it.requests if url.startswith("file:")]) == 1
    assert it.messages == []
    assert it.page.evaluate("document.documentElement.scrollWidth") == width


def test_all_links_lead_somewhere(opened: Any, reference: Path) -> None:
    page = opened(reference).page
    links = page.eval_on_selector_all("a[href]", "links => links.map(link => link.href)")
    places = {unquote(urlparse(link).path) for link in links if link.startswith("file:")}
    assert len(places) > 50
    assert [path for path in places if not Path(path).exists()] == []
    inside = {unquote(urlparse(link).fragment) for link in links if link.startswith("file:")} - {""}
    groups = page.evaluate("Object.keys(JSON.parse(document.getElementById('run-data').textContent).groups)")
    behind = {name for name in inside if name.startswith("run=")}
    assert any("," in name for name in behind)
    assert {key for name in behind for key in name.removeprefix("run=").split(",")} <= {*groups}
    assert [name for name in inside - behind if not page.locator(f"[id='{name}']").count()] == []


def test_a_table_sorts_and_filters(opened: Any, reference: Path) -> None:
    page = opened(reference).page
    table = page.locator("#provenance table").nth(1)
    page.locator("#provenance summary").click()
    header = table.locator("thead button", has_text="wall s")
    column = "rows => rows.map(row => parseFloat(row.cells[6].textContent))"
    for order in ("ascending", "descending"):
        header.click()
        seconds = table.locator("tbody tr").evaluate_all(column)
        assert seconds == sorted(seconds, reverse=order == "descending")
        assert table.locator("th[aria-sort]").get_attribute("aria-sort") == order
    page.locator("#provenance input[type=search]").last.fill("halfcheetah-medium sac-ft-online")
    assert table.locator("tbody tr:visible").count() == 2


def test_a_number_opens_its_runs(opened: Any, runs: Path) -> None:
    it = opened(runs)
    it.page.locator("#tables .final").first.locator("tbody a").first.click()
    section = it.page.locator("#run")
    assert section.is_visible()
    assert "Ours (ours) on halfcheetah-random: fine-tuning" in section.inner_text()
    assert "balanced.rho" in section.inner_text()
    assert section.locator("svg circle").count() == 12  # two seeds, six evaluations
    assert violations(it.page) == []
    files = section.locator("a").evaluate_all("links => links.map(link => link.href)")
    assert len(files) == 4
    assert all(Path(unquote(urlparse(file).path)).is_file() for file in files)
    it.page.keyboard.press("Escape")
    assert not section.is_visible()
    assert "#run=" not in it.page.url
    assert it.messages == []


def test_the_number_of_a_claim_opens_the_runs_of_both_arms(opened: Any, runs: Path) -> None:
    it = opened(runs)
    row = it.page.locator("#claims .claims tr", has_text="Ours ends higher than SAC-ft")
    row.locator("a[href^='#run=']").click()
    titles = it.page.locator("#run summary")
    assert titles.all_inner_texts() == [
        f"{name} on halfcheetah-{data}: fine-tuning"
        for name in ("Ours (ours)", "SAC-ft (sac-ft)")
        for data in ("medium", "medium-expert", "medium-replay", "random")
    ]
    titles.nth(4).click()
    assert it.page.locator("#run svg circle:visible").count() == 12  # two seeds, six evaluations
    assert violations(it.page) == []
    assert it.messages == []


def test_dates_are_sorted_as_dates(opened: Any, reference: Path) -> None:
    page = opened(reference).page
    page.locator("#provenance summary").click()
    table = page.locator("#provenance table").nth(1)
    table.locator("thead button", has_text="started").click()
    started = table.locator("tbody tr").evaluate_all("rows => rows.map(row => row.cells[5].textContent)")
    assert started == sorted(started)
    assert len({*started}) > 50


def test_a_curve_tells_its_values(opened: Any, runs: Path) -> None:
    page = opened(runs).page
    picture = page.locator("[data-figure=fig_3] svg").first
    picture.scroll_into_view_if_needed()
    box = picture.bounding_box()
    page.mouse.move(box["x"] + 0.14 * box["width"], box["y"] + 0.5 * box["height"])
    said = page.locator("#tip").inner_text()
    assert said.startswith("halfcheetah-random, ")
    assert "Ours: " in said
    assert "(n = 2)" in said


def test_paper_shows_what_is_closed(opened: Any, reference: Path) -> None:
    page = opened(reference).page
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("details:not([open])").count() == 0
    page.set_viewport_size({"width": 1030, "height": 700})  # of A4 on its side, within its margins
    ends = page.eval_on_selector_all("table", "all => all.map(table => table.getBoundingClientRect().right)")
    assert max(ends) <= 1030
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator("details:not([open])").count() > 0


def test_text_in_pictures_is_large_enough_on_a_phone(opened: Any, reference: Path) -> None:
    page = opened(reference, 390, "light").page
    heights = page.eval_on_selector_all(
        "[data-figure=fig_3] svg text", "all => all.map(text => text.getBoundingClientRect().height)"
    )
    assert min(heights) > 10


def test_a_comparison_is_quiet_and_accessible(opened: Any, runs: Path, tmp_path: Path) -> None:
    tables = [read_tables(REPOSITORY / "results/reference/quick"), read_tables(runs_of(runs))]
    pair = Named("reference", tables[0]), Named("made up", tables[1])
    page = tmp_path / "compare.html"
    page.write_text(comparison_page(*pair, comparison_sheets(*pair)))
    for look in LOOKS:
        it = opened(page, *look)
        assert violations(it.page) == []
        assert (it.messages, len(it.requests)) == ([], 1 + sum(url.startswith("data:") for url in it.requests))


def runs_of(page: Path) -> Path:
    """The tables of the page of made-up runs."""
    return page.parents[3] / "results/quick/local/analysis"
