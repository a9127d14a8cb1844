"""Figure X0: the main methods over all tasks, from enough tasks and seeds on."""

from pathlib import Path

import pytest

from off2on.analysis.evidence import evidence_of
from off2on.analysis.tables import Tables
from off2on.envs.tasks import TASKS
from off2on.figures.panels import labels
from off2on.figures.registry import FIGURES
from off2on.figures.sheets import Cell
from off2on.figures.statistics_sheets import statistics_sheets
from off2on.figures.style import style_context
from tests.unit.synthetic_results import Tree, aggregated

FIGURE = FIGURES["fig_x0"]


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    methods = ("ours", "sac-ft", "sac", "uniform", "my-idea")
    return aggregated(Tree(tmp_path_factory.mktemp("wide"), tasks=tuple(TASKS)[:3], methods=methods, seeds=4))


def test_four_panels_of_the_main_methods_that_share_datasets(wide: Tables) -> None:
    with style_context():
        figure = FIGURE.draw(wide)
        figure.draw_without_rendering()
    assert [axes.get_title() for axes in figure.axes] == [
        "interquartile mean",
        "probability that Ours is better",
        "performance profile",
        "interquartile mean over steps",
    ]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["Ours", "SAC-ft", "MY-IDEA"]
    boxes = [axes.get_tightbbox() for axes in figure.axes] + [figure.legends[0].get_window_extent()]
    assert not any(one.overlaps(other) for i, one in enumerate(boxes) for other in boxes[:i])  # type: ignore[union-attr]


def test_what_it_says_is_what_it_draws(wide: Tables) -> None:
    drawn = FIGURE.table(wide).query("panel == 'iqm' and method == 'ours'").iloc[0]
    _, means, better = FIGURE.finding(wide).splitlines()
    assert f"Ours: {drawn['value']:.1f} [{drawn['low']:.1f}, {drawn['high']:.1f}]" in means
    assert "SAC-ft: 1.00 [1.00, 1.00]" in better
    assert FIGURE.notes(wide) == ["not drawn, since they have not the datasets and seeds of Ours: SAC"]


def test_without_enough_it_says_what_is_missing(tmp_path: Path) -> None:
    few = aggregated(Tree(tmp_path, methods=("ours", "sac-ft")))
    (text,) = FIGURE.draw(few).texts
    has = "this scale has 1 task with normalised scores, and 2 seeds"
    assert text.get_text() == f"Figure X0 needs 3 tasks and 4 seeds of Ours: {has}"
    assert FIGURE.notes(few) == [f"no figure: {has}"]
    assert FIGURE.table(few).empty


def test_it_reads_the_runs_of_figure_3() -> None:
    for run in (("hopper", "medium", "ours"), ("hopper", "none", "sac"), ("hopper", "medium", "uniform")):
        assert FIGURE.draws(*run) == FIGURES["fig_3"].draws(*run)


def test_the_numbers_of_the_aggregates_lead_to_their_runs(wide: Tables) -> None:
    (sheet,) = (
        sheet
        for sheet in statistics_sheets(evidence_of(wide), labels(wide.runs))
        if sheet.title == "Aggregates over tasks"
    )
    rows = {row[0]: [cell.link for cell in row[2:] if isinstance(cell, Cell)] for row in sheet.rows}
    runs = {
        name: {f"runs/{task}/{data}/{name}" for task, data in found[["task", "dataset"]].itertuples(index=False)}
        for name, found in wide.runs.groupby("method")
    }
    led = {name: [set(link.removeprefix("#run=").split(",")) for link in links] for name, links in rows.items()}
    assert led["Ours"] == [runs["ours"]]
    assert led["SAC-ft"] == [runs["sac-ft"], runs["sac-ft"] | runs["ours"]]
