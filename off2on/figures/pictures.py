"""What the tasks look like: Figures 6 and 7, and how the episode of a film ended."""

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.image import imread
from PIL import Image

from off2on.analysis.tables import Tables
from off2on.envs.opengl import ADVICE
from off2on.envs.tasks import names_of
from off2on.errors import Off2OnError
from off2on.figures.panels import no_runs
from off2on.figures.style import MUTED
from off2on.figures.words import listing

COLUMNS = ("task", "env_id", "pose", "image", "backend", "reason")


@dataclass(frozen=True)
class TaskPictures:
    """A figure of the tasks of one family."""

    family: str
    number: str
    #: a note of its own
    note: str

    @property
    def tasks(self) -> list[str]:
        """In the order of the figure."""
        return names_of(self.family)

    def table(self, tables: Tables) -> pd.DataFrame:
        """What was rendered: task, env_id, pose, image, backend (MUJOCO_GL), reason (why there is no picture)."""
        renders = {info["task"]: info for info in tables.renders}
        return pd.DataFrame([renders[task] for task in self.tasks if task in renders], columns=list(COLUMNS))

    def _pictures(self, tables: Tables) -> dict[str, bytes]:
        """Task -> PNG."""
        found = {info["task"]: info["png"] for info in tables.renders if info["png"]}
        return {task: found[task] for task in self.tasks if task in found}

    def draw(self, tables: Tables) -> Figure:
        """A panel for each task that has a picture."""
        pictures = self._pictures(tables)
        if not pictures:
            return no_runs(f"{self.number}: no pictures of the tasks; see the note in the report, or the CSV")
        figure = Figure(figsize=(3.1 * len(pictures), 2.75), layout="constrained")
        poses = {info["task"]: info["pose"] for info in tables.renders}
        panels = figure.subplots(1, len(pictures), squeeze=False)[0]
        for axes, (task, png) in zip(panels, pictures.items(), strict=True):
            # not resampled: vector formats keep the pixels as they are
            axes.imshow(imread(BytesIO(png), format="png"), interpolation="none")
            axes.set_axis_off()
            axes.set_title(task)
            axes.text(
                0.5, -0.03, poses[task], transform=axes.transAxes, ha="center", va="top", fontsize=8, color=MUTED
            )
        return figure

    def finding(self, tables: Tables) -> str:
        """What is drawn, and in which version of the environment."""
        pictures = self._pictures(tables)
        if not pictures:
            return "Nothing: this scale has no pictures of the tasks."
        shown = [f"{row.env_id}" for row in self.table(tables).itertuples() if row.task in pictures]
        return f"Nothing is measured: {listing(shown)}, the environments of all runs on these tasks."

    def notes(self, tables: Tables) -> list[str]:
        """That the choice is ours, and why panels are absent."""
        absent = [task for task in self.tasks if task not in self._pictures(tables)]
        missing = [f"no picture, so no panel: {', '.join(absent)}"] if absent else []
        reasons = [
            f"{info['reason']}: {ADVICE}, remove the JSON file below renders/ that says so, and run again"
            for info in tables.renders
            if info["reason"] and info["task"] in self.tasks
        ]
        return [self.note, *missing, *dict.fromkeys(reasons)]


def outcome_of(path: Path) -> str:
    """How the episode of a GIF of an agent ended, in words; nothing where the file does not say it.

    Raises:
        Off2OnError: not a picture that can be read.
    """
    try:
        with Image.open(path) as picture:
            comment = picture.info.get("comment", b"")
    except OSError as error:
        raise Off2OnError(f"{path}: not a film that can be read ({error})") from error
    return bytes(comment).decode(errors="replace")
