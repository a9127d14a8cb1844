"""Figure 6: what the three locomotion tasks look like."""

from io import BytesIO

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.image import imread

from off2on.analysis.tables import Tables
from off2on.envs.tasks import TASKS
from off2on.figures.panels import no_runs
from off2on.figures.style import MUTED, in_order
from off2on.figures.words import listing

COLUMNS = ("task", "env_id", "pose", "image", "backend", "reason")


def table(tables: Tables) -> pd.DataFrame:
    """What was rendered: task, env_id, pose, image, backend (MUJOCO_GL), reason (why there is no picture)."""
    renders = {info["task"]: info for info in tables.renders}
    rows = [renders[task] for task in in_order(renders, TASKS) if task in TASKS]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _pictures(tables: Tables) -> dict[str, bytes]:
    """Task -> PNG."""
    found = {info["task"]: info["png"] for info in tables.renders if info["png"]}
    return {task: found[task] for task in TASKS if task in found}


def draw(tables: Tables) -> Figure:
    """A panel for each task that has a picture."""
    pictures = _pictures(tables)
    if not pictures:
        return no_runs("Figure 6: no pictures of the tasks; see the note in the report, or the CSV")
    figure = Figure(figsize=(3.1 * len(pictures), 2.75), layout="constrained")
    poses = {info["task"]: info["pose"] for info in tables.renders}
    for axes, (task, png) in zip(
        figure.subplots(1, len(pictures), squeeze=False)[0], pictures.items(), strict=True
    ):
        # not resampled: vector formats keep the pixels as they are
        axes.imshow(imread(BytesIO(png), format="png"), interpolation="none")
        axes.set_axis_off()
        axes.set_title(task)
        axes.text(
            0.5, -0.03, poses[task], transform=axes.transAxes, ha="center", va="top", fontsize=8, color=MUTED
        )
    return figure


def finding(tables: Tables) -> str:
    """What is drawn, and in which version of the environment."""
    pictures = _pictures(tables)
    if not pictures:
        return "Nothing: this scale has no pictures of the tasks."
    shown = [f"{row.env_id}" for row in table(tables).itertuples() if row.task in pictures]
    return f"Nothing is measured: Gymnasium's {listing(shown)}, the environments of all runs on these tasks."


def notes(tables: Tables) -> list[str]:
    """That the choice is ours, and why panels are absent."""
    found = ["we have not seen the paper's Figure 6; pictures of the tasks are our reading of it"]
    absent = [task for task in TASKS if task not in _pictures(tables)]
    if absent:
        found.append(f"no picture, so no panel: {', '.join(absent)}")
    return found + list(dict.fromkeys(info["reason"] for info in tables.renders if info["reason"]))
