"""The jobs that look at agents and results: analyses, figures, the report, checks."""

from pathlib import Path
from typing import Annotated

import typer

from off2on.cli.options import (
    AlgorithmName,
    Config,
    Data,
    DatasetName,
    Device,
    Out,
    ScaleName,
    Seed,
    SourceName,
    TaskName,
    check_ending,
    check_names,
    job,
    load,
    one_thread,
    prepared,
    say,
    selected,
)


@job("rollout")
def rollout(
    task: TaskName,
    dataset: DatasetName,
    scale: ScaleName = "quick",
    source: SourceName = None,
    algorithm: AlgorithmName = "cql",
    seed: Seed = 0,
    agents: Annotated[Path | None, typer.Option(help="directory of the offline agents")] = None,
    out: Out = None,
) -> None:
    """Roll out the first member of a pre-training, stochastically, into a dataset file."""
    from off2on.algorithms import get_offline
    from off2on.training.rollouts import RolloutJob
    from off2on.training.rollouts import roll_out as run

    loaded, layout = load(scale, source)
    algorithm = get_offline(algorithm).name
    check_names(task, dataset)
    one_thread()
    steps = loaded.likelihood.rollout_steps
    job = RolloutJob(loaded.source, task, dataset, algorithm, seed, loaded.settings(task, dataset), steps)
    path = check_ending(out or layout.rollouts(task, dataset, algorithm, seed), ".hdf5")
    run(job, agents or layout.pretrain(task, dataset, algorithm, seed), path)
    say(f"roll-outs: {path}")


@job("likelihood")
def likelihood(
    task: TaskName,
    dataset: DatasetName,
    scale: ScaleName = "quick",
    source: SourceName = None,
    seed: Seed = 0,
    data: Data = None,
    rollouts: Annotated[Path | None, typer.Option(help="file of `off2on rollout`")] = None,
    out: Out = None,
) -> None:
    """Log-likelihood of held-out offline and of online state-action pairs under a VAE of the dataset."""
    from off2on.training.likelihood import LikelihoodJob
    from off2on.training.likelihood import likelihood as run

    loaded, layout = load(scale, source)
    check_names(task, dataset)
    one_thread()
    job = LikelihoodJob(loaded.name, loaded.source, task, dataset, seed, loaded.likelihood)
    path = check_ending(out or layout.likelihood(task, dataset, seed), ".csv")
    run(job, data or layout.dataset(task, dataset), rollouts or layout.rollouts(task, dataset, "cql", seed), path)
    say(f"log-likelihoods: {path}")


@job("render")
def render(
    task: TaskName,
    scale: ScaleName = "quick",
    source: SourceName = None,
    out: Annotated[Path | None, typer.Option("--out", help="the PNG; default: its place in results/")] = None,
) -> None:
    """Render a picture of a task off screen, or record why this machine cannot."""
    from off2on.envs.tasks import get_task
    from off2on.training.render import render as run

    _, layout = load(scale, source)
    played = get_task(task)
    path = check_ending(out or layout.render(task).with_suffix(".png"), ".png")
    info = run(played, path)
    say(f"picture: {path}" if info["image"] else f"no picture of {task}: {info['reason']}")


@job("view")
def view(
    path: Annotated[Path, typer.Argument(help="a dataset of images, or a directory of agents that see images")],
    out: Annotated[Path, typer.Option("--out", help="the film, *.gif or *.webp")],
    episode: Annotated[int, typer.Option(min=0, help="its number; of agents, the seed of the reset")] = 0,
) -> None:
    """Write an episode as a film: of a dataset as it is, of agents as they act, deterministically."""
    one_thread()
    from off2on.training.film import film

    say(f"{film(path, episode, out)} frames: {out}")


@job("cost")
def cost(scale: ScaleName = "quick", source: SourceName = None, out: Out = None) -> None:
    """Measure time per step and per action, and memory, of N members: batched, and as a naive loop."""
    from off2on.training.cost import measure_cost

    loaded, layout = load(scale, source)
    one_thread()
    path = check_ending(out or layout.cost, ".csv")
    measure_cost(loaded, path)
    say(f"cost: {path}")


@job("aggregate")
def aggregate(
    paths: Annotated[list[Path], typer.Argument(help="run and pre-training directories, likelihood CSV files")],
    scale: ScaleName = "quick",
    source: SourceName = None,
    out: Out = None,
) -> None:
    """Gather finished runs into the tidy tables that claims and report read."""
    from off2on.analysis.aggregate import aggregate as run
    from off2on.methods import METHODS

    loaded, layout = load(scale, source)
    run(paths, out or layout.analysis, METHODS, (loaded.name, loaded.source))
    say(f"tables: {out or layout.analysis}")


@job("claims")
def claims(
    target: Annotated[
        str | None, typer.Argument(help="a figure: only its claims, on the finished runs that it draws")
    ] = None,
    scale: ScaleName = "quick",
    source: SourceName = None,
    file: Annotated[Path | None, typer.Option(help="the claims; default: workflow/claims.yaml")] = None,
) -> None:
    """Test the paper's claims on the tables, and compute the statistics of the report."""
    from off2on.analysis.evidence import CLAIMS, gather_evidence
    from off2on.analysis.verdicts import counts_text, papers, short_of_seeds, table_lines
    from off2on.figures.drawing import claims_of
    from off2on.plan import price_of_verdicts

    loaded, layout = load(scale, source)
    claims, reading = file or CLAIMS, loaded.reading
    if target:
        found = claims_of(target, layout, claims, reading)
    else:
        found = gather_evidence(layout.analysis, claims, reading).claims
        say(f"verdicts and statistics: {layout.analysis}")
    if not reading.verdicts:
        say(f"no verdicts at scale {loaded.name}: {reading.shows}")
        return
    for line in table_lines(found):
        typer.echo(line)
    typer.echo(f"the paper's claims: {counts_text(papers(found)) or 'none'}")
    if figures := short_of_seeds(found)[: 1 if target else None]:
        say("A verdict needs more seeds:")
        for line in price_of_verdicts(loaded, figures):
            say(f"  {line}")


@job("figure")
def figure(
    name: Annotated[str, typer.Argument(help="such as fig_3; `off2on list figures` has all")],
    paths: Annotated[
        list[Path] | None,
        typer.Argument(help="run directories, likelihood CSV files; default: the finished ones that it draws"),
    ] = None,
    scale: ScaleName = "quick",
    source: SourceName = None,
    only: Annotated[bool, typer.Option("--only", help="read nothing but PATHS, even if none are given")] = False,
) -> None:
    """Draw one figure from finished runs, as SVG, PDF, PNG and CSV."""
    from off2on.figures.drawing import draw

    loaded, layout = load(scale, source)
    say(f"figure: {draw(name, layout, paths or () if paths or only else None, loaded.reading)}")


@job("report")
def report(
    scale: Annotated[str | None, typer.Option("--scale", help="default: quick, or that of the tables")] = None,
    source: SourceName = None,
    figures: Annotated[str | None, typer.Option(help="which figures, in order, such as fig_3,fig_4a")] = None,
    tables: Annotated[
        Path | None,
        typer.Option("--from", help="tables of anybody, such as results/reference/quick: all is drawn here"),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="with --from: the directory to write into")] = None,
) -> None:
    """Write the report: verdicts, figures, tables and provenance in one HTML file."""
    from off2on.figures.registry import FIGURES, get_figure
    from off2on.figures.report import build_report, report_of_tables

    names = [get_figure(name).name for name in figures.split(",")] if figures else list(FIGURES)
    if tables is None:
        loaded, layout = load(scale or "quick", source)
        path = build_report(layout, names, loaded.reading)
    else:
        path = report_of_tables(tables, out or tables / "report", names, scale)
    say(f"report: {path.absolute()}")


@job("plan")
def plan(
    target: Annotated[str | None, typer.Argument(help="a figure, such as fig_4a; default: everything")] = None,
    scale: ScaleName = "quick",
    source: SourceName = None,
    config: Config = None,
) -> None:
    """Estimate what a scale, or one figure of it, costs: jobs, core- and GPU-hours, disk space."""
    from off2on.benches import read_benches
    from off2on.plan import plan as estimate

    chosen = selected(scale, source, config)
    found = estimate(chosen.scale, target, read_benches(chosen.layout))
    typer.echo("\n".join([str(found), "", *found.origins]))


@job("bench")
def bench(
    scale: ScaleName = "quick", source: SourceName = None, config: Config = None, device: Device = "cpu"
) -> None:
    """Measure what the gradient steps of a scale take on this machine, for `off2on plan`."""
    from off2on.training.bench import measure

    chosen = selected(scale, source, config)
    steps = measure(chosen.scale, chosen.layout, where := prepared(device))
    for name, seconds in steps.items():
        typer.echo(f"{1e3 * seconds:10.2f} ms  {name}")
    say(f"steps: {chosen.layout.bench(where.type)}")


@job("doctor")
def doctor(scale: ScaleName = "quick", source: SourceName = None) -> None:
    """Say what this machine lacks for a scale, and how to mend it; status 1 if a run would fail."""
    from off2on.doctor import examine

    wrong = False
    for finding in examine(*load(scale, source)):
        wrong |= finding.level == "wrong"
        mend = f"\n{'':17}-> {finding.mend}" if finding.mend else ""
        typer.echo(f"{finding.level:5}  {finding.topic:9}  {finding.found}{mend}")
    if wrong:
        raise typer.Exit(1)


@job("adopt")
def adopt(scale: ScaleName = "quick", source: SourceName = None, config: Config = None) -> None:
    """Adopt finished training that was copied from another machine, so that it does not run again."""
    from off2on.adopt import adopt as run

    run(selected(scale, source, config), config or [])
