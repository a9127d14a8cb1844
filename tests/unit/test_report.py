"""The report: one page, self-contained, with the numbers of the tables in it."""

import json
import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from off2on.analysis.aggregate import aggregate
from off2on.analysis.evidence import gather_evidence
from off2on.analysis.tables import FILES
from off2on.errors import Off2OnError
from off2on.figures.drawing import draw
from off2on.figures.report import build_report, report_of_tables
from off2on.figures.run_data import panel_link
from off2on.figures.sheets import Cell, Sheet, latex
from off2on.methods import METHODS
from tests.unit.synthetic_results import Tree

NAMES = ["fig_4a", "fig_4c"]
VOID = {"meta", "br", "img", "link", "input", "hr"}


class Page(HTMLParser):
    """Collects ids, links and text, and checks that tags nest."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: Counter[str] = Counter()
        self.links: list[str] = []
        self.tags: Counter[str] = Counter()
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        if tag not in VOID:
            self._open.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids[value or ""] += 1
            if name in {"href", "src", "xlink:href", "data", "action"}:
                self.links.append(value or "")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    methods = ("ours", "sac", "uniform", "my-idea")
    tree = Tree(tmp_path_factory.mktemp("report"), datasets=("random", "medium"), methods=methods).write()
    aggregate([*tree.runs(), *tree.pretrains()], tree.layout.analysis, METHODS)
    gather_evidence(tree.layout.analysis)
    for name in NAMES:
        draw(name, tree.layout)
    return tree


@pytest.fixture(scope="module")
def html(tree: Tree) -> str:
    return build_report(tree.layout, NAMES).read_text()


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


def test_the_page_needs_nothing_from_outside(html: str, page: Page, tree: Tree) -> None:
    groups = embedded(html, "run-data")["groups"]
    for link in page.links:
        if link.startswith("#run="):
            assert set(link.removeprefix("#run=").split(",")) <= groups.keys()
        elif link.startswith("#"):
            assert link.removeprefix("#") in page.ids
        elif link not in {"data:,", "https://arxiv.org/abs/2107.00591"}:
            assert (tree.layout.figures / link).is_file()
    results = tree.layout.figures / embedded(html, "run-data")["here"]["results"]
    seeds = [(key, seed) for key, group in groups.items() for seed in group["seeds"]]
    assert len(seeds) == len(tree.runs()) + len(tree.pretrains())
    for key, seed in seeds:
        assert seed["files"] == ["progress.csv", "run.json"]
        assert all((results / key / f"seed{seed['seed']}" / name).is_file() for name in seed["files"])
    assert not re.search(r"@import|url\((?!#)", html)
    assert not re.search(r"<(script|img|link)[^>]+(src|href)=\"(?!data:)", html)
    assert page.tags["svg"] == len(NAMES)


def embedded(html: str, name: str) -> Any:
    """The JSON that the page's script reads."""
    found = re.search(rf'<script type="application/json" id="{name}">(.*?)</script>', html, re.DOTALL)
    assert found is not None
    return json.loads(found[1])


def test_every_run_has_its_curve_settings_and_origin_in_the_page(html: str, tree: Tree) -> None:
    known = embedded(html, "run-data")
    group = known["groups"]["runs/halfcheetah/medium/ours"]
    assert known["settings"][group["settings"]]["balanced.rho"] == "0.75"
    curves = pd.read_csv(tree.layout.analysis / "curves.csv")
    for seed in group["seeds"]:
        own = curves.query(f"dataset == 'medium' and method == 'ours' and seed == {seed['seed']}")
        assert seed["x"] == own["env_steps"].tolist()
        assert seed["y"] == own["return_mean"].round(1).tolist()
        assert seed["commit"].startswith("0123456789")
        assert "torch" in known["packages"][seed["packages"]]
    assert {"a stranger's baseline <made up>"} & {*re.findall("a stranger's[^\"]*", json.dumps(known))} == set()


def test_a_curve_tells_its_values(html: str, tree: Tree) -> None:
    figure = embedded(html, "hover-data")["fig_4c"]
    drawn = pd.read_csv(tree.layout.figures / "fig_4c.csv")
    for panel in figure["panels"]:
        left, top, right, bottom = panel["box"]
        assert 0 <= left < right <= 1
        assert 0 <= top < bottom <= 1
        for label, steps, means, _, seeds in panel["curves"]:
            own = drawn[(drawn["arm"] == label) & (drawn["task"] + "-" + drawn["dataset"] == panel["title"])]
            assert steps == own["env_steps"].tolist()
            assert means == pytest.approx(own["mean"].tolist(), abs=1e-3)
            assert seeds == 2


def test_ids_are_unique_and_references_resolve(html: str, page: Page) -> None:
    assert [name for name, count in page.ids.items() if count > 1] == []
    assert set(re.findall(r"url\(#([^)]+)\)", html)) <= page.ids.keys()


def test_light_dark_and_phone(html: str) -> None:
    assert "prefers-color-scheme: dark" in html
    assert 'name="viewport" content="width=device-width' in html


def test_the_header_says_what_ran(page: Page) -> None:
    assert "results of scale “quick”" in page.text
    assert "what it can show depends on its budgets" in page.text
    assert "2 (0, 1)" in page.text
    assert "2026-11-21 10:00 to 2026-11-21 10:01 UTC" in page.text
    assert "0123456789+" in page.text


def test_statements_carry_their_numbers_and_verdicts(page: Page) -> None:
    assert "CQL's Q ranks data above random actions: AUROC > 0.6" in page.text
    # last made-up evaluation of CQL on medium, seed 0: 4400 against a dataset mean of 4000
    assert re.search(r"halfcheetah-medium 0 4000 4400 1\.10 ✓ reached 0\.850 ✓ reached", page.text)
    assert re.search(r"halfcheetah-random 0 -250 2500 – 0\.850", page.text)
    assert "2 of 2 seeds ✓ reached" in page.text


def test_a_failed_statement_is_called_so(tmp_path: Path) -> None:
    tree = Tree(tmp_path, datasets=("medium",), methods=("ours",), seeds=1).write()
    progress = tree.layout.pretrain("halfcheetah", "medium", "cql", 0) / "progress.csv"
    table = pd.read_csv(progress)
    table.loc[5, ["return_mean", "q_auroc"]] = [3000, 0.55]
    table.to_csv(progress, index=False)
    aggregate([*tree.runs(), *tree.pretrains()], tree.layout.analysis)
    untested = Page(build_report(tree.layout, []).read_text())
    assert "Not tested yet: run off2on claims" in untested.text
    assert "4000 3000 0.75 0.550" in untested.text
    assert "reached" not in untested.text
    assert not (tree.layout.figures / "table_claims.csv").exists()
    gather_evidence(tree.layout.analysis)
    page = Page(build_report(tree.layout, []).read_text())
    assert "4000 3000 0.75 ✗ not reached 0.550 ✗ not reached" in page.text
    assert "0 of 1 seed ✗ not reached" in page.text


def assert_leads(html: str, words: str, link: str) -> None:
    """Wherever a page has these words, a regular expression, they lead there."""
    links = re.findall(rf'<a href="([^"]+)">\s*{words}', html)
    assert links
    assert set(links) == {link}


def test_claims_carry_effect_interval_pairs_and_verdict(html: str, page: Page, tree: Tree) -> None:
    verdicts = pd.read_csv(tree.layout.figures / "table_claims.csv").set_index("claim")
    row = verdicts.loc["balanced-ends-above-uniform"]
    effect = rf"{row['effect']:.3g} \[{row['low']:.3g}, {row['high']:.3g}\] points"
    why = "2 seeds, a verdict needs 4"
    assert (row["verdict"], row["why"]) == ("undecided", why)
    told = rf"higher than uniform sampling 4c, 11 undecided {why} {effect} > 2 2 of 2 final score"
    assert re.search(told, page.text)
    runs = [f"runs/halfcheetah/{data}/{name}" for name in ("ours", "uniform") for data in ("medium", "random")]
    assert_leads(html, effect, f"#run={','.join(runs)}")
    silent = (verdicts["figures"].notna() & (verdicts["verdict"] == "not tested")).sum()
    assert f"{silent} claims that the runs of this scale do not test" in page.text


def test_statistics_are_paired_and_few_tasks_make_no_aggregate(html: str, page: Page, tree: Tree) -> None:
    rows = pd.read_csv(tree.layout.analysis / "differences.csv").set_index(["dataset", "method"])
    for (data, method), other in {("random", "uniform"): "random", ("medium", "sac"): "none"}.items():
        value, low, high = rows.loc[(data, method), ["value", "low", "high"]]
        runs = sorted([f"runs/halfcheetah/{data}/ours", f"runs/halfcheetah/{other}/{method}"])
        assert_leads(html, rf"{value:.1f} \[{low:.1f}, {high:.1f}\]", f"#run={','.join(runs)}")
    assert "paired by seed, n = 2, with 95 % Student-t interval" in page.text
    assert "Aggregates over tasks None. Interquartile mean of" in page.text
    # one budget: the last step
    assert re.search(r"halfcheetah-random Ours [\d.]+ ± [\d.]+ halfcheetah-random Uniform", page.text)


def test_the_numbers_of_a_panel_lead_to_its_runs(html: str) -> None:
    line = r"halfcheetah-medium</a> \(n = 2\)\. Balanced: final"
    assert_leads(html, line, "#run=runs/halfcheetah/medium/ours,runs/halfcheetah/medium/uniform")
    drawn = pd.DataFrame(
        [("hopper", "random", "ours"), ("hopper", "medium", "ours"), ("hopper", "none", "sac")],
        columns=["task", "dataset", "method"],
    )
    assert panel_link("hopper-random", drawn) == "#run=runs/hopper/random/ours,runs/hopper/none/sac"
    of_the_task = ("runs/hopper/random/ours", "runs/hopper/medium/ours", "runs/hopper/none/sac")
    assert panel_link("hopper", drawn) == f"#run={','.join(of_the_task)}"
    assert panel_link("walker2d-random", drawn) == panel_link("hopper", drawn[["task"]]) == ""


def test_figures_come_with_captions_findings_and_files(page: Page) -> None:
    for words in ("What the paper found", "What this run found", "Note: no runs, so no curve: medium-expert."):
        assert words in page.text
    assert "fig_4c.csv" in page.links
    assert "Balanced minus Uniform +" in page.text
    assert "off2on figure fig_4c --scale quick --source local" in page.text
    assert "off2on/figures/curve_figure.py" in page.text


def test_a_figure_without_runs_has_words_and_no_empty_frame(tree: Tree) -> None:
    draw("fig_8", tree.layout)
    text = build_report(tree.layout, ["fig_8"]).read_text()
    assert "Nothing: this scale has no dataset with and without the CQL term." in text
    assert "no runs, so no curve: CQL reg." in text
    assert Page(text).tags["svg"] == 0


def test_text_from_runs_is_escaped(html: str) -> None:
    assert "a stranger&#39;s baseline &lt;made up&gt;" in html
    assert "<made up>" not in html


def test_final_tables(tree: Tree, html: str) -> None:
    final = pd.read_csv(tree.layout.figures / "table_final.csv")
    assert final["dataset"].tolist() == ["random"] * 3 + ["medium"] * 3 + ["none"]
    assert final["method"].tolist() == ["ours", "uniform", "my-idea"] * 2 + ["sac"]
    assert set(final["n"]) == {2}
    row = final.iloc[0]
    text = f"{row['return_mean']:.0f} ± {row['return_std']:.0f}"
    start = f"from {row['return_start']:.0f}"
    assert (
        f'<td><a href="#run=runs/halfcheetah/random/ours"><b>{text}</b></a><small>{start}</small></td>'
        in re.sub(r">\s+", ">", html)
    )
    tex = (tree.layout.figures / "table_final.tex").read_text()
    number = text.replace("±", r"$\pm$")
    assert rf"\textbf{{{number}}} ({start})" in tex
    assert len({line.count("&") for line in tex.splitlines() if line.endswith(r"\\")}) == 1


def test_latex_escapes_what_it_must() -> None:
    best = Cell("3_", below="5 %", best=True)
    tex = latex(Sheet("t", ["", "a_b"], [["50 % & more", Cell("1 ± 2")], ["x^2", "–"], ["y", best]]))
    assert r" & a\_b \\" in tex
    assert r"50 \% \& more & 1 $\pm$ 2 \\" in tex
    assert r"y & \textbf{3\_} (5 \%) \\" in tex
    assert r"x\textasciicircum{}2 & -- \\" in tex


def test_the_page_is_reproducible(tree: Tree, html: str) -> None:
    assert build_report(tree.layout, NAMES).read_text() == html


def test_a_figure_that_is_not_drawn_is_named(tree: Tree) -> None:
    with pytest.raises(Off2OnError, match=r"fig_4b\.svg is missing: draw it first with 'off2on figure fig_4b'"):
        build_report(tree.layout, ["fig_4b"])


def test_a_report_of_tables_alone(tree: Tree, tmp_path: Path) -> None:
    tables = tmp_path / "tables"
    tables.mkdir()
    for name in FILES:
        (tables / name).write_bytes((tree.layout.analysis / name).read_bytes())
    page = report_of_tables(tables, tmp_path / "out", NAMES).read_text()
    assert [
        seed["files"] for group in embedded(page, "run-data")["groups"].values() for seed in group["seeds"]
    ] == [[] for _ in [*tree.runs(), *tree.pretrains()]]
    # the scale's own file says how quick is read
    assert "Quick can only hint at directions" in page
    assert "sac: 5,000 steps are too few" in page
    assert Page(page).tags["svg"] == len(NAMES)
    assert {"fig_4c.png", "table_claims.csv"} <= {path.name for path in (tmp_path / "out").iterdir()}
    with pytest.raises(Off2OnError, match=r"curves\.csv is missing"):
        report_of_tables(tmp_path / "nowhere", tmp_path / "out")


def test_every_figure_of_the_paper_is_in_the_coverage(page: Page) -> None:
    for number in ("1a", "2", "5a", "5b", "7", "15", "16", "17"):
        assert f"Figure {number}" in page.text
    assert re.search(r"Figure 3: main comparison 0 12 not selected", page.text)
