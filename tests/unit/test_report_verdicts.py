"""One rule of verdict: what the page says of a claim is what claims.csv says."""

import re
from html import unescape

import pandas as pd
import pytest

from off2on.analysis.aggregate import aggregate
from off2on.analysis.evidence import gather_evidence
from off2on.figures.drawing import draw
from off2on.figures.registry import FIGURES
from off2on.figures.report import build_report
from off2on.methods import METHODS
from off2on.reading import Reading
from tests.unit.synthetic_results import Tree


def marks(page: str, kind: str) -> list[tuple[str, str]]:
    """Statement and verdict of every badge, or of every row of the tables of verdicts."""
    if kind == "badges":
        lists = re.findall(r'<ul class="badges">(.*?)</ul>', page, re.DOTALL)
        found = re.findall(r'<li><span class="mark \w+">(.*?)</span> (.*?)(?: <small>.*?)?</li>', " ".join(lists))
        return [(unescape(statement), verdict) for verdict, statement in found]
    tables = re.findall(r'<div class="scroll words claims".*?</div>', page, re.DOTALL)
    rows = re.findall(r'<tr><th scope="row">(.*?)</th>.*?<span class="mark \w+">(.*?)</span>', " ".join(tables))
    return [(unescape(statement), verdict) for statement, verdict in rows]


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> tuple[Tree, str]:
    """Runs on which the two former rules disagreed: differences that are the same in every seed, but small."""
    methods = ("ours", "uniform", "online-only", "sac-ft", "sac-ft-online", "sac", "ours-n1", "cql-reg")
    tree = Tree(tmp_path_factory.mktemp("judged"), datasets=("random", "medium"), methods=methods, seeds=4).write()
    for name, more in {"uniform": -5, "cql-reg": 5}.items():
        for path in tree.layout.results.glob(f"runs/*/*/{name}/seed*/progress.csv"):
            ours = pd.read_csv(path.parents[2] / "ours" / path.parent.name / "progress.csv")
            moved = {column: ours[column] + more for column in ("return_mean", "return_min", "return_max")}
            ours.assign(**moved, normalized_score=float("nan")).to_csv(path, index=False)
    aggregate([*tree.runs(), *tree.pretrains()], tree.layout.analysis, METHODS)
    gather_evidence(tree.layout.analysis)
    figures = [name for name, spec in FIGURES.items() if spec.curves]
    for name in figures:
        draw(name, tree.layout)
    return tree, build_report(tree.layout, figures).read_text()


def test_every_verdict_on_the_page_is_that_of_the_claims(judged: tuple[Tree, str]) -> None:
    tree, page = judged
    claims = pd.read_csv(tree.layout.analysis / "claims.csv").fillna({"figures": ""})
    said = dict(zip(claims["statement"], claims["verdict"], strict=True))
    assert said["With the ensemble, balanced replay ends higher than uniform sampling"] == "too small to tell"
    for kind in ("badges", "tables"):
        found = marks(page, kind)
        assert len(found) > 20
        assert all(said[statement] == verdict for statement, verdict in found)
    badges = {statement for statement, _ in marks(page, "badges")}
    assert badges == set(claims.loc[claims["figures"].str.contains("fig_(?!1a)"), "statement"])


def test_nothing_else_on_the_page_judges(judged: tuple[Tree, str]) -> None:
    """Findings are numbers: no other sentence says that something agrees with the paper."""
    _, page = judged
    for words in ("as in the paper", "opposite to the paper", "within the spread", "same direction"):
        assert words not in page


def test_the_summary_counts_the_papers_claims(judged: tuple[Tree, str]) -> None:
    tree, page = judged
    claims = pd.read_csv(tree.layout.analysis / "claims.csv")
    counts = claims.dropna(subset="figures")["verdict"].value_counts()
    told = re.findall(r"<li><b>(\d+)</b> <span class=\"mark \w+\">(.*?)</span></li>", page)
    assert {kind: int(number) for number, kind in told if number != "0"} == counts.to_dict()


def test_ablations_take_no_part_in_the_main_comparison(judged: tuple[Tree, str]) -> None:
    """Of these methods Figure 3 draws Ours, SAC-ft and SAC alone."""
    tree, page = judged
    final = pd.read_csv(tree.layout.figures / "table_final.csv").query("dataset != 'none'")
    ends = final.pivot_table(index="dataset", columns="method", values="return_mean")
    first = int((ends["ours"] >= ends["sac-ft"]).sum())
    assert first != (ends["ours"] == ends.max(axis=1)).sum()
    assert f"Ours ends above SAC-ft on {first} of {len(ends)} datasets." in page


def test_a_scale_whose_numbers_mean_nothing_has_a_banner_and_no_verdicts(judged: tuple[Tree, str]) -> None:
    tree, _ = judged
    reading = Reading(verdicts=False, shows="Tiny budgets.")
    gather_evidence(tree.layout.analysis, reading=reading)
    page = build_report(tree.layout, ["fig_4c"], reading).read_text()
    gather_evidence(tree.layout.analysis)
    assert '<p class="banner" role="note">Tiny budgets. There are no verdicts at this scale.</p>' in page
    assert not marks(page, "badges") + marks(page, "tables")
    assert "reached" not in re.sub(r"<script.*", "", page, flags=re.DOTALL)


def luminance(colour: str) -> float:
    """Relative luminance of '#rrggbb' (WCAG 2)."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_text_in_pictures_has_the_contrast_of_text(judged: tuple[Tree, str]) -> None:
    """4.5 to 1 on white, which axe does not look at."""
    _, page = judged
    colours = set(re.findall(r"<text [^>]*fill: (#[0-9a-f]{6})", page))
    assert len(colours) > 1
    assert [colour for colour in colours if 1.05 / (luminance(colour) + 0.05) < 4.5] == []
