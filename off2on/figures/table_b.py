"""Appendix B as a table: what an ensemble costs against N, batched and as a naive loop over its members."""

from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from off2on.analysis.tables import Tables, records
from off2on.figures.panels import no_runs, select
from off2on.figures.sheets import Sheet, latex
from off2on.figures.style import GRID, INK, MUTED

HEADER = (
    "N",
    "step, batched (ms)",
    "step, loop (ms)",
    "loop / batched",
    "action, batched (ms)",
    "action, loop (ms)",
    "state (MB)",
    "peak, batched (MB)",
    "peak, loop (MB)",
)


def table(tables: Tables) -> pd.DataFrame:
    """The measured numbers: members, implementation, times with quartiles (ms), memory (MB)."""
    return tables.cost


def _pairs(tables: Tables) -> list[tuple[dict[str, float], dict[str, float]]]:
    """Batched and loop for every N."""
    batched, loop = (records(select(tables.cost, implementation=name)) for name in ("batched", "loop"))
    return list(zip(batched, loop, strict=True))


def sheet(tables: Tables) -> Sheet:
    """The table, as text: N down, medians with quartiles across."""
    rows = [
        [
            f"{batched['members']}",
            _time(batched, "step", 2),
            _time(loop, "step", 2),
            f"{loop['step_ms'] / batched['step_ms']:.2f}",
            _time(batched, "action", 3),
            _time(loop, "action", 3),
            f"{batched['state_mb']:.2f}",
            f"{batched['peak_growth_mb']:.1f}",
            f"{loop['peak_growth_mb']:.1f}",
        ]
        for batched, loop in _pairs(tables)
    ]
    return Sheet("Cost of an ensemble of N members", HEADER, rows, _measured_on(tables))


def _time(row: dict[str, float], what: str, digits: int) -> str:
    middle, low, high = (f"{row[f'{what}_ms{part}']:.{digits}f}" for part in ("", "_q25", "_q75"))
    return f"{middle} ({low} to {high})"


def _measured_on(tables: Tables) -> str:
    job = tables.cost_job
    sizes = job["sizes"]
    nets = " x ".join(str(width) for width in sizes["widths"])
    return (
        f"{job['task']}, networks {nets}, batch {sizes['batch']}, median (quartiles) of {job['repeats']} calls, "
        f"one thread of {job['cpu']}, torch {job['packages']['torch']}"
    )


def tex(tables: Tables) -> str:
    """The table as a LaTeX tabular; a comment where nothing was measured."""
    return "% not measured\n" if tables.cost.empty else latex(sheet(tables))


def draw(tables: Tables) -> Figure:
    """The table as a picture."""
    if tables.cost.empty:
        return no_runs("Appendix B: no measurement of the cost at this scale")
    shown = sheet(tables)
    head = [name.replace(", ", ",\n").replace(" (", "\n(") for name in shown.header]
    lines = [head, *([str(cell) for cell in row] for row in shown.rows)]
    figure = Figure(figsize=(9.6, 1.3 + 0.27 * len(shown.rows)))
    axes = figure.add_axes((0.01, 0.0, 0.98, 1.0))
    axes.set(xlim=(0, 1), ylim=(-len(lines) - 0.6, 1.6))
    axes.axis("off")
    ends = _column_ends(lines)
    for line, cells in enumerate(lines):
        look: Any = {"va": "bottom", "weight": "bold"} if line == 0 else {"va": "center"}
        for end, cell in zip(ends, cells, strict=True):
            axes.text(end, -line, cell, ha="right", fontsize=8.5, **look)
    for height, colour in ((-0.45, INK), (0.45 - len(lines), GRID)):
        axes.plot([0, 1], [height, height], color=colour, linewidth=0.8)
    axes.text(0, -len(lines) - 0.1, shown.note, fontsize=7.5, color=MUTED, va="center")
    return figure


def _column_ends(lines: list[list[str]]) -> list[float]:
    """Right edges of the columns, by their longest text."""
    widths = [
        max(len(part) for cell in column for part in cell.split("\n")) + 2 for column in zip(*lines, strict=True)
    ]
    return [sum(widths[: j + 1]) / sum(widths) for j in range(len(widths))]


def finding(tables: Tables) -> str:
    """How much more the largest ensemble costs than one agent, and what batching saves."""
    if tables.cost.empty:
        return "Nothing: this scale has no measurement of the cost."
    pairs = _pairs(tables)
    (first, _), (last, loop) = pairs[0], pairs[-1]
    return (
        f"A gradient step of N = {last['members']} takes {last['step_ms'] / first['step_ms']:.1f} times that of "
        f"N = {first['members']}, an action {last['action_ms'] / first['action_ms']:.1f} times, the state "
        f"{last['state_mb'] / first['state_mb']:.1f} times the memory. With N = {last['members']} the naive loop "
        f"takes {loop['step_ms'] / last['step_ms']:.2f} times as long as the batched step, and "
        f"{loop['action_ms'] / last['action_ms']:.2f} times as long for an action."
    )


def notes(tables: Tables) -> list[str]:
    """What is measured and what is not; where."""
    if tables.cost.empty:
        return ["no measurement, so no table: run 'off2on cost'"]
    return [
        "step: losses, gradients, Adam and soft target update on one minibatch; drawing it, its noise and the "
        "density network cost the same for every N and are left out. Action: one sample of the ensemble policy",
        "state: parameters, targets and optimiser. Peak: growth of the process's resident memory over some steps, "
        "each in a separate process; it includes what the allocator keeps",
        "loop: one network after the other, the same losses, gradients and fused Adam (tested to agree)",
        f"{_measured_on(tables)}; load average {tables.cost_job['load_average_at_start']} at the start. The times "
        "hold for this machine only",
    ]
