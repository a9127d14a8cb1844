"""`off2on compare`, `show` and `validate` of many: results side by side, and one at a time."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from scipy.stats import ttest_1samp

from off2on.analysis.compare import compare, differing_settings
from off2on.analysis.tables import Tables
from off2on.cli import main
from off2on.figures.comparison import Named, comparison_page, comparison_sheets, lines
from off2on.results.directory import read_run
from off2on.results.show import show
from tests.unit.synthetic_results import Tree, aggregated


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    return Tree(tmp_path_factory.mktemp("first"), methods=("ours", "sac"), datasets=("random", "medium"), seeds=3)


@pytest.fixture(scope="module")
def tables(tree: Tree) -> Tables:
    return aggregated(tree)


def better(tables: Tables) -> Tables:
    """Ours on medium is 3, 4 and 5 points higher, of two of the seeds; and another seed is there."""
    gain = (
        tables.curves["seed"]
        .map({0: 3.0, 1: 4.0, 2: 5.0})
        .where((tables.curves["method"] == "ours") & (tables.curves["dataset"] == "medium"), 0.0)
    )
    curves = tables.curves.assign(normalized_score=tables.curves["normalized_score"] + gain)
    jobs = [
        info | {"settings": info["settings"] | {"online": {"lr": 0.001}}} if info["dataset"] == "medium" else info
        for info in tables.provenance
    ]
    return replace(tables, curves=curves[curves["seed"] > 0], provenance=jobs)


def test_differences_are_paired_by_the_seeds_that_both_have(tables: Tables) -> None:
    found = compare(tables, better(tables)).set_index(["dataset", "method", "statistic"])
    row = found.loc[("medium", "ours", "final")]
    interval = ttest_1samp([4.0, 5.0], 0).confidence_interval()
    assert (row["difference"], row["low"], row["high"], row["n"]) == pytest.approx((4.5, *interval, 2))
    assert row["second"] - row["first"] == pytest.approx(4.5)
    assert found.loc[("medium", "ours", "area"), "difference"] == pytest.approx(4.5)
    assert found.loc[("none", "sac", "final"), "difference"] == 0
    assert set(found["unit"]) == {"points"}


def test_runs_are_compared_up_to_the_step_that_all_reach(tables: Tables) -> None:
    short = replace(tables, curves=tables.curves[tables.curves["env_steps"] <= 3000])
    found = compare(tables, short)
    assert (found["difference"] == 0).all()


def test_settings_that_differ_are_named_with_their_jobs(tables: Tables) -> None:
    assert differing_settings(tables, tables) == []
    keys = {one.key: one for one in differing_settings(tables, better(tables))}
    changed = keys["online.lr"]
    assert changed.second == "0.001"
    assert "ours on halfcheetah-medium" in changed.jobs
    assert not any("random" in job for job in changed.jobs)


def test_the_same_as_text_and_as_a_page(tables: Tables) -> None:
    pair = Named("before", tables), Named("after", better(tables))
    differences, settings, alone = comparison_sheets(*pair)
    text = "\n".join(lines(differences))
    assert "+4.5 [-1.9, 10.9] points  2" in text
    assert "online.lr" in "\n".join(lines(settings))
    assert alone.rows == [["before", "–"], ["after", "–"]]
    same = comparison_sheets(pair[0], pair[0])[1]
    assert lines(same) == ["Settings, sizes, data and code that differ", "none"]
    page = comparison_page(*pair, [differences, settings, alone])
    assert "+4.5 [-1.9, 10.9] points" in page
    assert "<title>off2on compare: before, after</title>" in page


def called(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["off2on", *map(str, arguments)])
    with pytest.raises(SystemExit) as stopped:
        main()
    return int(stopped.value.code or 0)


def test_a_scale_a_directory_and_a_commit_can_be_compared(
    tree: Tree, tables: Tables, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(tree.root)
    assert called(monkeypatch, "compare", "quick", tree.layout.analysis, "--html", tmp_path / "page.html") == 0
    assert "+0.0 [0.0, 0.0] points" in capsys.readouterr().out
    assert (tmp_path / "page.html").is_file()
    assert called(monkeypatch, "compare", "quick", "nowhere") == 2
    assert "unknown scale: no file" in capsys.readouterr().err
    assert called(monkeypatch, "compare", "quick", "quick/d4rl-v2") == 2
    assert "no results at results/quick/d4rl-v2" in capsys.readouterr().err
    assert called(monkeypatch, "compare", "quick", "HEAD:no/such") == 2
    assert "HEAD:no/such: git has no such directory" in capsys.readouterr().err
    inside = subprocess.run(["git", "rev-parse", "HEAD"], cwd=Path(__file__).parent, capture_output=True)
    if inside.returncode == 0:
        assert called(monkeypatch, "compare", "HEAD:results/reference/quick", tree.layout.analysis) == 0
        assert "cql on halfcheetah-medium, offline" in capsys.readouterr().out


def test_one_run_is_shown_with_its_curve_settings_and_origin(tree: Tree, tables: Tables) -> None:
    text = "\n".join(show(read_run(tree.layout.run("halfcheetah", "medium", "ours", 0))))
    last = tables.curves.query("method == 'ours' and dataset == 'medium' and seed == 0").iloc[-1]
    assert f"5,000  {last['return_mean']:9.1f}" in text
    for words in ("method: ours", "git_commit: 0123456789", "lr: 0.0003", "torch: "):
        assert words in text


def test_a_whole_tree_is_validated_and_all_that_is_wrong_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tree = Tree(tmp_path, methods=("ours",), datasets=("medium",)).write()
    runs, count = tree.runs(), len(tree.runs()) + len(tree.pretrains())
    assert called(monkeypatch, "validate", *runs) == 0
    assert capsys.readouterr().out.count(": valid") == len(runs)
    for run, text in zip(runs, ("not,a,table\n", ""), strict=True):
        (run / "progress.csv").write_text(text)
    assert called(monkeypatch, "validate", tree.layout.results) == 2
    said = capsys.readouterr()
    assert said.out.count(": valid") == count - 2
    assert all(str(run) in said.err for run in runs)
    assert said.err.endswith(f"2 of {count} directories are wrong\n")
    (runs[0] / "run.json").unlink()
    assert called(monkeypatch, "validate", tree.layout.results / "runs") == 2
    assert f"{runs[0]}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("what", "says"),
    [
        ("methods", "sac-ft "),
        ("tasks", "HalfCheetah-v4"),
        ("figures", "Figure 4a"),
        ("scales", "two and a half minutes"),
        ("claims", "ours-ends-above-sac-ft "),
    ],
)
def test_lists(what: str, says: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert called(monkeypatch, "list", what) == 0
    assert says in capsys.readouterr().out
    assert called(monkeypatch, "list", what[:-1]) == 2
    assert f"did you mean '{what}'?" in capsys.readouterr().err


def test_no_runs_at_all_compare_to_nothing(tables: Tables) -> None:
    empty = replace(tables, curves=tables.curves.head(0))
    assert compare(empty, tables).empty
    assert isinstance(compare(empty, tables), pd.DataFrame)
