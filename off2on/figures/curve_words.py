"""What a figure of curves says: its numbers, and what is left out."""

from collections.abc import Sequence

from off2on.analysis.run_statistics import STATISTICS
from off2on.figures.contrasts import Panel, detail
from off2on.figures.curve_data import FIG_4_TASK, CurveData, Key, of_panel
from off2on.figures.registry import FIGURES
from off2on.figures.words import listing, panels


def panels_of(data: CurveData) -> list[Panel]:
    """The statistics of what is drawn, panel by panel, curves in their order."""
    found = []
    for key in data.keys:
        rows = of_panel(data.rows, key)
        parts = {curve.label: rows[rows["arm"] == curve.label] for curve in data.curves}
        found.append(Panel.of("-".join(key), {label: part for label, part in parts.items() if len(part)}))
    return found


def finding_of(data: CurveData) -> str:
    """What is compared, then line by line the numbers of every panel; whether a claim holds is not said here."""
    spec, shown = data.spec, panels_of(data)
    if not shown:
        return f"Nothing: this scale has no {spec.what}."
    present = [curve for curve in data.curves if any(curve.label in panel.curves for panel in shown)]
    main = next((c.label for c in data.curves if c.key == spec.main), present[0].label)
    against = [c.label for c in data.curves if c.key in spec.against]
    others = against or [c.label for c in present if c.label != main]
    words = STATISTICS[spec.statistics[0]].words.format(spec.quantity.noun)
    rank = _rank(shown, main, spec.statistics[0]) if spec.ranks else ""
    head = f"{rank}{words[0].upper()}{words[1:]}; mean ± std over seeds, differences paired by seed."
    return "\n".join([head, *(detail(panel, spec.statistics, spec.quantity, main, others) for panel in shown)])


def _rank(shown: Sequence[Panel], main: str, statistic: str) -> str:
    """In how many panels the main curve is highest; of two curves, above which."""
    means = {panel.title: {name: of[statistic].mean() for name, of in panel.curves.items()} for panel in shown}
    first = [title for title, of in means.items() if max(of, key=of.__getitem__) == main]
    where = f" ({listing(first)})" if first else ""
    others = {name for of in means.values() for name in of if name != main}
    rank = f"above {others.pop()}" if len(others) == 1 else "highest"
    return f"{main} ends {rank} in {len(first)} of {panels(len(shown))}{where}. "


# ---------------------------------------------------------------------------------------------------- notes


def notes_of(data: CurveData) -> list[str]:
    """Panels and curves without runs, how a panel was picked, missing seeds, cut curves, what the curves are."""
    found = [*_absent_panels(data), *_absent_curves(data)]
    parts = [other for other in FIGURES.values() if other.curves and other.curves.panel_of == data.figure.name]
    same = [part.number for part in parts if CurveData(part, data.tables).keys == data.keys]
    if same and len(data.keys) == 1:
        found.append(f"one panel at this scale, the same as in {same[0]}")
    seeds = data.rows.groupby(["arm", "task", "dataset"], sort=False)["seed"].nunique().reset_index(name="n")
    most = seeds["n"].max()
    if fewer := [f"{r.arm} on {r.task}-{r.dataset} ({r.n})" for r in seeds[seeds["n"] < most].itertuples()]:
        found.append(f"fewer than {most} seeds: {', '.join(fewer)}")
    if data.spec.budget is not None and data.longest > data.spec.budget:
        found.append(
            f"curves and statistics stop at {data.spec.budget:,} environment steps; Figure 13 shows longer runs "
            "in full"
        )
    return [*found, *_ensembles(data)]


def _ensembles(data: CurveData) -> list[str]:
    """How many agents are in the ensembles that are drawn, where the curves' names do not say it."""
    sizes = sorted({data.members[method] for method in set(data.rows["method"])} - {1})
    if not sizes or data.spec.each == "size":
        return []
    size = f"N = {listing([str(size) for size in sizes])}"
    if data.spec.each == "q-function":
        return [
            f"ensemble: mean over {size} members of the smaller of two Q-functions; single: the AUROC of one "
            "member of the same run, averaged over its members"
        ]
    return [f"ensembles have {size} agents"]


def _absent_panels(data: CurveData) -> list[str]:
    if data.spec.panel_of and data.keys:
        tie = f", {FIG_4_TASK} in case of a tie" if FIG_4_TASK in data.spec.tasks else ""
        return [f"the paper does not name the task; shown is the panel with the most curves{tie}"]
    absent = [key for key in data.all_keys if key not in data.keys]
    alone = [key for key in absent if not of_panel(data.candidates, key).empty]
    kinds = {"no runs": [key for key in absent if key not in alone], "only one curve": alone}
    return [f"{why}, so no panel: {_named(data, keys)}" for why, keys in kinds.items() if keys]


def _named(data: CurveData, keys: Sequence[Key]) -> str:
    """'hopper-random, all of walker2d': panels by their names, the four of a task together."""
    several = len(data.spec.panel) > 1 and len(data.spec.datasets) > 1
    of_task = {task: [key for key in data.all_keys if key[0] == task] for task in data.spec.tasks}
    whole = {task for task, own in of_task.items() if several and set(own) <= set(keys)}
    names = (f"all of {key[0]}" if key[0] in whole else "-".join(key) for key in keys)
    return ", ".join(dict.fromkeys(names))


def _absent_curves(data: CurveData) -> list[str]:
    labels, drawn = [curve.label for curve in data.curves], set(data.candidates["arm"])
    nowhere = [label for label in labels if label not in drawn]
    found = [f"no runs, so no curve: {'; '.join(nowhere)}"] if nowhere and drawn else []
    for label in (label for label in labels if label in drawn):
        absent = [key for key in data.keys if label not in set(of_panel(data.rows, key)["arm"])]
        if absent:
            found.append(f"no runs of {label} on {listing(['-'.join(key) for key in absent])}")
    return found
