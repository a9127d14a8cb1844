"""One figure from the finished runs that it draws, as files."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from off2on.figures.registry import get_figure
from off2on.figures.spec import FigureSpec, figures_of_stranger
from off2on.files import write_text
from off2on.methods import METHODS
from off2on.paths import Layout
from off2on.reading import Reading
from off2on.results.directory import read_run

if TYPE_CHECKING:
    import pandas as pd

    from off2on.analysis.tables import Tables


def draw(name: str, layout: Layout, paths: Iterable[Path] | None = None, reading: Reading | None = None) -> Path:
    """Draw one figure: `figures/<scale>/<source>/<name>` with each of its endings.

    Args:
        name: of the figure.
        layout: where pictures and the measured cost lie, and where the files go.
        paths: directories of runs and CSV files of likelihoods, read exactly; None: those in `layout` that the
            figure draws.
        reading: how the numbers of the scale may be read.

    Returns:
        the path of the SVG.

    Raises:
        Off2OnError: unknown figure, a run that is incomplete or wrong, or a file cannot be written.
    """
    spec = get_figure(name)
    from off2on.analysis.aggregate import gather_tables

    found = finished(spec, layout) if paths is None else paths
    return draw_tables(spec, gather_tables(found, METHODS, layout.results, reading=reading), layout.figures)


def draw_tables(spec: FigureSpec, tables: "Tables", directory: Path) -> Path:
    """The same from tables: `<directory>/<name>` with each ending of the figure; the path of the SVG.

    Raises:
        Off2OnError: a file cannot be written.
    """
    from off2on.figures.style import save, style_context

    with style_context():
        save(spec.draw(tables), spec.table(tables), directory / spec.name)
    if spec.latex:
        write_text(directory / f"{spec.name}.tex", spec.tex(tables))
    return directory / f"{spec.name}.svg"


def claims_of(name: str, layout: Layout, claims: Path, reading: Reading | None = None) -> "pd.DataFrame":
    """The verdicts on the claims that a figure shows, from the finished runs that it draws.

    Raises:
        Off2OnError: unknown figure, a claim or a run is wrong.
    """
    spec = get_figure(name)
    from off2on.analysis.aggregate import gather_tables
    from off2on.analysis.claims_file import read_claims
    from off2on.analysis.verdicts import judge

    shown = [claim for claim in read_claims(claims) if name in claim.figures]
    return judge(shown, gather_tables(finished(spec, layout), METHODS, layout.results, reading=reading))[0]


def finished(spec: FigureSpec, layout: Layout) -> list[Path]:
    """The directories of finished runs and the likelihoods of a layout that a figure draws."""
    # run.json is written last
    runs = (
        [path.parent for path in layout.results.glob("runs/*/*/*/seed*/run.json")] if "runs" in spec.needs else []
    )
    likelihoods = layout.results.glob("likelihood/*/*/seed*.csv") if "likelihoods" in spec.needs else ()
    return [*(run for run in runs if _draws(spec, run)), *likelihoods]


def _draws(spec: FigureSpec, run: Path) -> bool:
    """Whether a figure draws a run, by its path `.../<task>/<dataset>/<method>/seed<k>`."""
    task, dataset, method = run.parts[-4:-1]
    elsewhere = () if method in METHODS else figures_of_stranger(read_run(run).info)
    return spec.draws(task, dataset, method, elsewhere)
