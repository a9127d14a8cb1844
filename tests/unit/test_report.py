"""The report: one page, self-contained, with the numbers of the tables in it."""

import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import h5py
import pandas as pd
import pytest

from off2on.analysis.aggregate import aggregate
from off2on.analysis.evidence import gather_evidence
from off2on.errors import Off2OnError
from off2on.figures.drawing import draw
from off2on.figures.origins import datasets_sheet, settings_sheets
from off2on.figures.report import build_report
from off2on.figures.sheets import NOTHING, Cell, Sheet, latex
from off2on.figures.svg import inline_svg
from off2on.methods import METHODS
from off2on.paths import Layout
from tests.unit.synthetic_results import Tree, run_info

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
    for link in page.links:
        if link.startswith("#"):
            assert link.removeprefix("#") in page.ids
        else:
            assert (tree.layout.figures / link).is_file()
    assert not re.search(r"@import|url\((?!#)", html)
    assert page.tags["script"] == 0
    assert page.tags["svg"] == len(NAMES)


def test_ids_are_unique_and_references_resolve(html: str, page: Page) -> None:
    assert [name for name, count in page.ids.items() if count > 1] == []
    assert set(re.findall(r"url\(#([^)]+)\)", html)) <= page.ids.keys()


def test_light_dark_and_phone(html: str) -> None:
    assert "prefers-color-scheme: dark" in html
    assert 'name="viewport" content="width=device-width' in html


def test_the_header_says_what_ran(page: Page) -> None:
    assert "results of scale “quick”" in page.text
    assert "Quick shows directions" in page.text
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


def test_claims_carry_effect_interval_pairs_and_verdict(page: Page, tree: Tree) -> None:
    verdicts = pd.read_csv(tree.layout.figures / "table_claims.csv").set_index("claim")
    row = verdicts.loc["balanced-ends-above-uniform"]
    effect = rf"{row['effect']:.3g} \[{row['low']:.3g}, {row['high']:.3g}\] points"
    assert row["verdict"] == "supported"
    assert re.search(rf"higher than uniform sampling 4c, 11 supported {effect} > 0 4 of 4 final score", page.text)
    assert "same direction, n = 2" in page.text
    silent = (verdicts["n"] == 0).sum()
    assert f"{silent} claims that the runs of this scale do not test" in page.text
    told = re.search(r"Claims (\d+ supported.*?)\. The claims are in", page.text)
    assert told is not None
    kinds = [words.split(" ", 1)[1] for words in told[1].split(", ")]
    assert kinds[0] == "supported"
    assert kinds[-1] == "no runs at this scale"


def test_statistics_are_paired_and_few_tasks_make_no_aggregate(page: Page) -> None:
    assert "paired by seed, n = 2, with 95 % Student-t interval" in page.text
    assert "Aggregates over tasks No runs for this table." in page.text
    # one budget: the last step
    assert re.search(r"halfcheetah-random Ours [\d.]+ ± [\d.]+ halfcheetah-random Uniform", page.text)


def test_figures_come_with_captions_findings_and_files(page: Page) -> None:
    for words in ("What the paper found", "What this run found", "Note: no runs, so no curve: medium-expert."):
        assert words in page.text
    assert "fig_4c.csv" in page.links
    assert "Balanced minus Uniform: halfcheetah-medium +" in page.text


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
    assert f"<td>{text}</td>" in html
    tex = (tree.layout.figures / "table_final.tex").read_text()
    assert text.replace("±", r"$\pm$") in tex
    assert len({line.count("&") for line in tex.splitlines() if line.endswith(r"\\")}) == 1


def test_latex_escapes_what_it_must() -> None:
    tex = latex(Sheet("t", ["", "a_b"], [["50 % & more", Cell("1 ± 2")], ["x^2", "–"]]))
    assert r" & a\_b \\" in tex
    assert r"50 \% \& more & 1 $\pm$ 2 \\" in tex
    assert r"x\textasciicircum{}2 & -- \\" in tex


def test_the_page_is_reproducible(tree: Tree, html: str) -> None:
    assert build_report(tree.layout, NAMES).read_text() == html


def test_a_figure_that_is_not_drawn_is_named(tree: Tree) -> None:
    with pytest.raises(Off2OnError, match=r"fig_4b\.svg is missing: draw it first with 'off2on figure fig_4b'"):
        build_report(tree.layout, ["fig_4b"])


def made(*jobs: tuple[str, str], kind: str = "finetune") -> list[dict[str, Any]]:
    """What run.json of jobs of (dataset, method or algorithm) says."""
    return [run_info(kind, "quick", "local", "halfcheetah", data, name, 0) for data, name in jobs]


def columns(sheet: Sheet) -> dict[str, dict[str, str]]:
    """Method -> setting -> value, of what it uses."""
    return {
        name: {str(row[0]): str(row[i]) for row in sheet.rows if row[i] != NOTHING}
        for i, name in enumerate(sheet.header[1:], 1)
    }


def test_settings_name_the_dataset_where_they_differ() -> None:
    jobs = [("random", "ours"), ("medium-replay", "ours"), ("medium", "ours"), ("none", "sac")]
    online, offline = settings_sheets(made(*jobs) + made(("random", "cql"), ("medium", "cql"), kind="pretrain"))
    found = columns(online)
    assert list(found) == ["Ours (as then)", "SAC (as then)"]
    assert found["Ours (as then)"] == {"online.env_steps": "5000", "online.lr": "0.0003", "balanced.rho": "0.75"}
    assert columns(offline)["CQL"]["cql.min_q_weight"] == "10; 5 (halfcheetah-random)"


def test_settings_are_those_that_the_jobs_recorded() -> None:
    (info,) = made(("medium", "ours"))
    settings = {"new": {"deep": {"rate": 1e-4, "widths": [64, 64]}, "limit": None}, "flag": True}
    sheet = settings_sheets([info | {"settings": settings}, *made(("none", "sac"))])[0]
    found = columns(sheet)
    assert found["Ours (as then)"] == {
        "new.deep.rate": "0.0001",
        "new.deep.widths": "[64, 64]",
        "new.limit": "none",
        "flag": "True",
    }
    assert found["SAC (as then)"].keys() == {"online.env_steps", "online.lr"}
    assert sheet.note == "–: not read."


def test_pretrainings_are_in_the_order_of_the_alphabet() -> None:
    sheet = settings_sheets(made(*(("medium", name) for name in ("fqe", "cql", "iql")), kind="pretrain"))[1]
    assert sheet.header == ["setting", "CQL", "FQE", "IQL"]


def test_datasets_tell_how_they_were_made(tmp_path: Path) -> None:
    layout = Layout("quick", "local", tmp_path)
    path = layout.dataset("halfcheetah", "medium-replay")
    path.parent.mkdir(parents=True)
    with h5py.File(path, "w") as file:
        file.attrs.update({"recipe": "medium-replay (snapshots)", "env_id": "HalfCheetah-v4", "seed": 0})
    info = run_info("finetune", "quick", "local", "halfcheetah", "medium-replay", "ours", 0)
    (row,) = datasets_sheet(layout, [info | {"dataset_transitions": 99_899}]).rows
    assert "snapshots of one SAC run, an equal share each" in str(row[1])
    assert row[2:] == ["99899", "–", "HalfCheetah-v4", "0", "ab" * 6]
    # agents of the user's own, by `off2on collect --agents`
    with h5py.File(path, "a") as file:
        file.attrs["recipe"] = "members of seed0"
    assert datasets_sheet(layout, [info]).rows[0][1] == "members of seed0"
    # without the file, the source still says what is known
    (bare,) = datasets_sheet(Layout("quick", "d4rl-v0", tmp_path / "none"), [info]).rows
    assert bare[1] == "d4rl-v0, not the published file"


def test_inlined_svgs_keep_to_themselves() -> None:
    svg = (
        '<?xml version="1.0"?><!DOCTYPE svg><svg viewBox="0 0 72 36" width="72pt" xmlns="x"><metadata>m</metadata>'
        '<style type="text/css">*{stroke: red}</style><g id="a" clip-path="url(#b)"/><use xlink:href="#a"/></svg>'
    )
    text = inline_svg(svg, "one", "A figure")
    assert text.startswith('<svg id="one" role="img" aria-label="A figure" viewBox="0 0 72 36"')
    assert "#one *{stroke: red}" in text
    assert '<g id="one-a" clip-path="url(#one-b)"/><use xlink:href="#one-a"/>' in text
    assert "metadata" not in text
    with pytest.raises(ValueError, match="viewBox"):
        inline_svg("<svg></svg>", "two", "x")
