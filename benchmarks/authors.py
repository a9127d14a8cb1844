"""Scale `published` beside the authors' own code on such data, as a picture and a table for docs/fidelity.md:

    python benchmarks/authors.py results/reference/published figures/reference/published

The first directory holds `curves.csv` of `off2on aggregate`, and `authors.csv`, what the authors' code logged.
"""  # noqa: D415

import argparse
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from off2on.figures.panels import draw_curve, step_axis
from off2on.figures.style import INK, method_style, save, style_context

#: what the authors' log calls an arm -> our method
ARMS = {"balanced, N = 5": "ours", "online only, N = 1": "sac-ft-online"}
QUANTITIES = {"return_mean": "Average return", "offline_fraction": "Offline share of the updates"}


def side_by_side(ours: pd.DataFrame, theirs: pd.DataFrame) -> pd.DataFrame:
    """Rows of method, quantity, env_steps: theirs, and our mean, std, low, high, n over seeds."""
    parts = []
    for arm, method in ARMS.items():
        for column in QUANTITIES:
            seeds = ours[ours["method"] == method].groupby("env_steps")[column]
            part = seeds.agg(["mean", "std", "min", "max", "count"]).reset_index()
            logged = theirs.loc[theirs["arm"] == arm, ["env_steps", column]]
            part = part.merge(logged.rename(columns={column: "authors"}), on="env_steps")
            parts.append(part[part["count"] > 0].assign(method=method, quantity=column))
    found = pd.concat(parts, ignore_index=True).rename(columns={"count": "n"})
    return found[["method", "quantity", "env_steps", "authors", "mean", "std", "min", "max", "n"]]


def _panel(axes: Axes, table: pd.DataFrame, ours: pd.DataFrame, quantity: str) -> None:
    for arm, method in ARMS.items():
        part = table[(table["method"] == method) & (table["quantity"] == quantity)]
        if quantity == "offline_fraction" and not part["mean"].any():
            continue
        style = method_style(method)
        seeds = ours.loc[ours["method"] == method, ["env_steps", "seed", quantity]]
        draw_curve(axes, part, seeds.rename(columns={quantity: "value"}), style, f"{arm}: off2on")
        axes.plot(part["env_steps"], part["authors"], color=INK, marker=style.marker, markersize=4, linewidth=1)
        axes.lines[-1].set(label=f"{arm}: authors' code, one seed", linestyle=style.dash)
    high = None if quantity == "return_mean" else 1.05
    axes.set(xlabel="Environment steps", ylabel=QUANTITIES[quantity], xlim=(0, None), ylim=(0, high))
    step_axis(axes)


def picture(table: pd.DataFrame, ours: pd.DataFrame) -> Figure:
    """Both quantities, a panel each."""
    figure = Figure(figsize=(8.4, 3.4), layout="constrained")
    for axes, quantity in zip(figure.subplots(1, 2), QUANTITIES, strict=True):
        _panel(axes, table, ours, quantity)
    handles, names = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=2)
    return figure


def rows(table: pd.DataFrame) -> list[str]:
    """The table in Markdown: a line per number of steps, theirs, then ours as mean ± std."""
    columns = [(method, quantity) for method in ARMS.values() for quantity in QUANTITIES]
    columns.remove(("sac-ft-online", "offline_fraction"))
    head = [f"{method}: {quantity}, {who}" for method, quantity in columns for who in ("authors", "off2on")]
    lines = [f"| env steps | {' | '.join(head)} |", "|---" * (len(head) + 1) + "|"]
    for steps, part in table.groupby("env_steps"):
        cells = [f"{steps}"]
        for method, quantity in columns:
            digits = 0 if quantity == "return_mean" else 3
            row = part[(part["method"] == method) & (part["quantity"] == quantity)]
            cells += [
                text
                for _, r in row.iterrows()
                for text in (f"{r['authors']:.{digits}f}", f"{r['mean']:.{digits}f} ± {r['std']:.{digits}f}")
            ] or ["", ""]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def main() -> None:
    """Write `authors.svg` and its other endings, print the table."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("results", type=Path)
    words.add_argument("figures", type=Path)
    given = words.parse_args()
    ours, theirs = pd.read_csv(given.results / "curves.csv"), pd.read_csv(given.results / "authors.csv")
    table = side_by_side(ours, theirs)
    with style_context():
        save(picture(table, ours), table, given.figures / "authors")
    print("\n".join(rows(table)))


if __name__ == "__main__":
    main()
