"""Figures that need no runs: the drawing of the method, pictures of the tasks, the cost of an ensemble."""

import json
import re
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imsave
from matplotlib.transforms import Bbox

from off2on.analysis.aggregate import aggregate
from off2on.analysis.evidence import gather_evidence
from off2on.analysis.tables import COST_COLUMNS, Tables, read_tables
from off2on.envs.opengl import ADVICE
from off2on.errors import Off2OnError
from off2on.figures import fig_2, fig_6, table_b
from off2on.figures.drawing import draw
from off2on.figures.registry import FIGURES
from off2on.figures.style import style_context
from off2on.paths import Layout

NAMES = ("fig_2", "fig_6", "table_b")
#: what helps
AGAIN = f"{ADVICE}, remove the JSON file below renders/ that says so, and run again"
REASON = "no OpenGL without a display on this machine (MUJOCO_GL=egl: no driver)"


def png(shade: float) -> bytes:
    buffer = BytesIO()
    imsave(buffer, np.full((36, 48, 3), shade), format="png")
    return buffer.getvalue()


def picture(task: str, env_id: str, image: bool) -> dict[str, Any]:
    shown = {"pose": "initial pose", "image": f"{task}.png", "backend": "egl", "reason": None}
    absent = {"pose": None, "image": None, "backend": None, "reason": REASON}
    return {"task": task, "env_id": env_id, **(shown if image else absent)}


def write_cost(layout: Layout) -> None:
    """Made-up numbers: a step of N members takes N ms batched and 2 N ms in a loop."""
    rows = [
        [
            n,
            name,
            factor * n,
            factor * n - 0.5,
            factor * n + 0.5,
            0.1 * factor,
            0.09 * factor,
            0.12 * factor,
            1.5 * n,
            4.0 * n,
        ]
        for n in (1, 2, 5)
        for name, factor in (("batched", 1), ("loop", 2))
    ]
    layout.cost.parent.mkdir(parents=True)
    pd.DataFrame(rows, columns=list(COST_COLUMNS)).to_csv(layout.cost, index=False)
    job = {"task": "halfcheetah", "sizes": {"widths": [128, 64], "batch": 32}, "repeats": 7, "cpu": "Made-up_CPU"}
    job |= {"packages": {"torch": "2.13.0"}, "load_average_at_start": 0.25}
    layout.cost.with_suffix(".json").write_text(json.dumps(job))


def write_renders(layout: Layout) -> None:
    """Hopper has no picture."""
    tasks = {"walker2d": "Walker2d-v4", "hopper": "Hopper-v4", "halfcheetah": "HalfCheetah-v4"}
    for task, env_id in tasks.items():
        path = layout.render(task)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(picture(task, env_id, task != "hopper")))
        if task != "hopper":
            path.with_suffix(".png").write_bytes(png(0.5))


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """Empty tables, a measurement and renderings."""
    layout = Layout("quick", "local", tmp_path)
    aggregate([], layout.analysis)
    write_cost(layout)
    write_renders(layout)
    return layout


@pytest.fixture
def tables(layout: Layout) -> Tables:
    return read_tables(layout.analysis)


@pytest.fixture
def nothing(tmp_path: Path) -> Tables:
    aggregate([], tmp_path / "analysis")
    return read_tables(tmp_path / "analysis")


def drawn(name: str, tables: Tables) -> Figure:
    with style_context():
        figure = FIGURES[name].draw(tables)
        figure.draw_without_rendering()
    return figure


def inside(inner: Bbox, outer: Bbox) -> bool:
    return outer.contains(inner.x0, inner.y0) and outer.contains(inner.x1, inner.y1)


# ------------------------------------------------------------------------------------------------ Figure 2


def test_fig_2_names_every_arrow_by_its_boxes(tables: Tables) -> None:
    table = fig_2.table(tables)
    assert len(table) == len(fig_2.BOXES) + len(fig_2.ARROWS)
    arrows = table[table["element"] == "arrow"]
    assert set(arrows["source"]) | set(arrows["target"]) == set(fig_2.BOXES)
    edges = set(zip(arrows["source"], arrows["target"], strict=True))
    loop = ("ensemble", "environment", "online", "density", "balanced", "sac", "ensemble")
    assert set(pairwise(loop)) < edges
    assert {("data", "cql"), ("cql", "ensemble"), ("data", "offline"), ("offline", "density")} < edges


def test_fig_2_texts_fit_their_boxes_and_nothing_overlaps(tables: Tables) -> None:
    figure = drawn("fig_2", tables)
    (axes,) = figure.axes
    corners = [(box.anchor("sw"), box.anchor("ne")) for box in fig_2.BOXES.values()]
    boxes = [Bbox(axes.transData.transform(pair)) for pair in corners]
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
    texts = {text.get_text(): text.get_window_extent() for text in axes.texts}
    for box, extent in zip(fig_2.BOXES.values(), boxes, strict=True):
        assert inside(texts[box.title], extent), box.title
        assert inside(texts[box.text], extent), box.text
        assert not texts[box.title].overlaps(texts[box.text]), box.title
    free = [arrow.text for arrow in fig_2.ARROWS if arrow.text] + list(fig_2.PHASES)
    for words in free:
        assert inside(texts[words], figure.bbox), words
        assert not any(texts[words].overlaps(box) for box in boxes), words


def test_fig_2_has_text_that_every_browser_can_draw(layout: Layout) -> None:
    svg = draw("fig_2", layout).read_text()
    assert set(re.findall(r"font-family: '([^']*)'", svg)) == {"DejaVu Sans"}
    assert "′" in svg


def test_fig_2_needs_no_results(nothing: Tables) -> None:
    assert len(fig_2.draw(nothing).axes) == 1
    assert fig_2.finding(nothing).startswith("Nothing: this is a drawing")
    assert "our own drawing" in fig_2.notes(nothing)[0]


# ------------------------------------------------------------------------------------------------ Figure 6


def test_fig_6_draws_the_tasks_in_order_and_names_what_is_absent(tables: Tables) -> None:
    assert [axes.get_title() for axes in drawn("fig_6", tables).axes] == ["halfcheetah", "walker2d"]
    assert fig_6.table(tables)["task"].tolist() == ["halfcheetah", "hopper", "walker2d"]
    assert "HalfCheetah-v4 and Walker2d-v4" in fig_6.finding(tables)
    assert fig_6.notes(tables)[1:] == ["no picture, so no panel: hopper", f"{REASON}: {AGAIN}"]
    assert "our reading" in fig_6.notes(tables)[0]


def test_fig_6_without_pictures_says_so(nothing: Tables) -> None:
    (text,) = fig_6.draw(nothing).texts
    assert text.get_text().startswith("Figure 6: no pictures")
    assert fig_6.table(nothing).empty
    assert fig_6.finding(nothing) == "Nothing: this scale has no pictures of the tasks."
    assert fig_6.notes(nothing)[-1] == "no picture, so no panel: halfcheetah, hopper, walker2d"


def test_a_picture_that_is_gone_is_named(layout: Layout) -> None:
    layout.render("walker2d").with_suffix(".png").unlink()
    with pytest.raises(Off2OnError, match=r"renders/walker2d\.json, or the picture .* run 'off2on render' again"):
        draw("fig_6", layout)


# ---------------------------------------------------------------------------------------------- Appendix B


def test_table_b_compares_batched_with_loop(tables: Tables) -> None:
    sheet = table_b.sheet(tables)
    assert sheet.rows[2] == [
        "5",
        "5.00 (4.50 to 5.50)",
        "10.00 (9.50 to 10.50)",
        "2.00",
        "0.100 (0.090 to 0.120)",
        "0.200 (0.180 to 0.240)",
        "7.50",
        "20.0",
        "20.0",
    ]
    assert "halfcheetah, networks 128 x 64, batch 32, median (quartiles) of 7 calls" in sheet.note
    assert "step of N = 5 takes 5.0 times that of N = 1, an action 1.0 times" in table_b.finding(tables)
    assert "loop takes 2.00 times as long as the batched step" in table_b.finding(tables)
    assert any("load average 0.25" in note for note in table_b.notes(tables))


def test_table_b_is_legible(tables: Tables) -> None:
    figure = drawn("table_b", tables)
    (axes,) = figure.axes
    boxes = [text.get_window_extent() for text in axes.texts]
    assert len(boxes) == 4 * len(table_b.HEADER) + 1
    for i, box in enumerate(boxes):
        assert inside(box, figure.bbox)
        assert not any(box.overlaps(other) for other in boxes[:i])


def test_table_b_unmeasured_says_so(nothing: Tables) -> None:
    (text,) = table_b.draw(nothing).texts
    assert text.get_text() == "Appendix B: no measurement of the cost at this scale"
    assert table_b.table(nothing).empty
    assert table_b.finding(nothing) == "Nothing: this scale has no measurement of the cost."
    assert table_b.notes(nothing) == ["no measurement, so no table: run 'off2on cost'"]
    assert table_b.tex(nothing).startswith("%")


def test_a_damaged_measurement_is_named(layout: Layout) -> None:
    layout.cost.with_suffix(".json").write_text("{")
    with pytest.raises(Off2OnError, match=r"cost\.json is not readable as JSON"):
        draw("table_b", layout)


def test_a_measurement_is_paired_by_size_and_not_by_order(layout: Layout) -> None:
    draw("table_b", layout)
    before = (layout.figures / "table_b.csv").read_text()
    head, *rows = layout.cost.read_text().splitlines()
    layout.cost.write_text("\n".join([head, *reversed(rows)]) + "\n")
    draw("table_b", layout)
    assert (layout.figures / "table_b.csv").read_text() == before
    layout.cost.write_text("\n".join([head, *rows[:-1]]) + "\n")
    with pytest.raises(Off2OnError, match="not the same sizes of batched and loop"):
        draw("table_b", layout)


def test_other_figures_do_not_read_a_measurement_that_is_being_written(layout: Layout) -> None:
    layout.cost.with_suffix(".json").unlink()
    layout.render("hopper").write_text("{")
    assert draw("fig_2", layout).is_file()
    assert not gather_evidence(layout.analysis).claims.empty


# -------------------------------------------------------------------------------------------------- files


@pytest.mark.parametrize("name", NAMES)
def test_the_same_tables_give_the_same_files(layout: Layout, name: str) -> None:
    paths = [layout.figures / f"{name}.{ending}" for ending in FIGURES[name].endings]
    draw(name, layout)
    first = [path.read_bytes() for path in paths]
    draw(name, layout)
    assert [path.read_bytes() for path in paths] == first
    assert all(first)


def test_the_table_is_written_as_latex(layout: Layout) -> None:
    draw("table_b", layout)
    tex = (layout.figures / "table_b.tex").read_text()
    assert r"5 & 5.00 (4.50 to 5.50) & 10.00" in tex
    assert tex.startswith("% Cost of an ensemble of N members. halfcheetah, networks 128 x 64")
    assert {line.count("&") for line in tex.splitlines() if line.endswith(r"\\")} == {len(table_b.HEADER) - 1}
    assert [name for name, spec in FIGURES.items() if "tex" in spec.endings] == ["table_b"]
