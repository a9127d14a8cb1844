"""The command line: one thin sub-command per kind of job - parse, call, say where the result is."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from off2on.config import Scale, load_scale
from off2on.errors import Off2OnError
from off2on.paths import Layout

EXAMPLES = {
    "collect": "--scale quick --task halfcheetah --dataset medium",
    "pretrain": "--scale quick --task halfcheetah --dataset medium --seed 0",
    "finetune": "--scale quick --task halfcheetah --dataset medium --method ours --seed 0",
    "import-agents": "published_agents --out agents/halfcheetah",
    "rollout": "--scale quick --task halfcheetah --dataset random --seed 0",
    "likelihood": "--scale quick --task halfcheetah --dataset random --seed 0",
    "evaluate": "agents/halfcheetah --task halfcheetah --episodes 5",
    "train-actors": "--task hopper --out runs/hopper --epochs 250",
    "render": "--task halfcheetah --out halfcheetah.png",
    "cost": "--scale quick",
    "aggregate": "--scale quick results/quick/local/pretrain/*/*/*/* results/quick/local/runs/*/*/*/*",
    "claims": "--scale quick",
    "figure": "fig_4a --scale quick",
    "report": "--scale quick",
    "plan": "--scale paper",
    "validate": "results/quick/local/runs/halfcheetah/medium/ours/seed0",
}

app = typer.Typer(
    help="Offline-to-online RL via balanced replay and pessimistic Q-ensemble: the jobs of the benchmark.\n\n"
    "`snakemake --cores N` (or `make reproduce`) runs them all; each can also be run by hand.",
    epilog="Examples:\n\n" + "\n\n".join(f"`off2on {name} {words}`" for name, words in EXAMPLES.items()),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)

ScaleName = Annotated[str, typer.Option("--scale", help="smoke, quick, laptop, paper, or a YAML file")]
SourceName = Annotated[str | None, typer.Option("--source", help="where datasets come from; default: the scale's")]
TaskName = Annotated[str, typer.Option("--task", help="halfcheetah, hopper or walker2d")]
DatasetName = Annotated[str, typer.Option("--dataset", help="random, medium, medium-replay or medium-expert")]
Seed = Annotated[int, typer.Option("--seed", min=0)]
Out = Annotated[Path | None, typer.Option("--out", help="where to write; default: its place below results/")]
Data = Annotated[
    Path | None, typer.Option("--data", help="the dataset's HDF5 file; default: its place below results/")
]
Wait = Annotated[bool, typer.Option("--wait", help="wait for another process that holds the directory")]
Checkpoint = Annotated[float, typer.Option(help="seconds between two resume states", min=0)]


Command = TypeVar("Command", bound=Callable[..., None])


def job(name: str) -> Callable[[Command], Command]:
    """Register a sub-command with its example."""
    return app.command(name, epilog=f"Example: `off2on {name} {EXAMPLES[name]}`")


def _load(scale: str, source: str | None) -> tuple[Scale, Layout]:
    loaded = load_scale(scale, source=source)
    return loaded, Layout(loaded.name, loaded.source)


def _say(text: str) -> None:
    typer.echo(text, err=True)


def _one_thread() -> None:
    """Set up torch: two spinning OpenMP teams on two cores are fifty times slower than one thread each."""
    import torch

    from off2on.nn.memory import keep_freed_memory

    torch.set_num_threads(1)
    keep_freed_memory()


@job("collect")
def collect(
    task: TaskName,
    dataset: DatasetName,
    scale: ScaleName = "quick",
    source: SourceName = None,
    replay_buffer: Annotated[
        bool, typer.Option("--replay-buffer", help="medium-replay: the true buffer of a SAC run, not snapshots")
    ] = False,
    agents: Annotated[
        Path | None, typer.Option(help="roll out the members of this pre-training directory in turn instead")
    ] = None,
    out: Out = None,
) -> None:
    """Make a local dataset by D4RL's recipe, from the shipped actors."""
    from off2on.training.collect import collect as run

    loaded, layout = _load(scale, source)
    path = out or layout.dataset(task, dataset)
    if loaded.source != "local":
        raise Off2OnError(
            f"source '{loaded.source}': datasets are not downloaded yet. Put the D4RL file at {path}, or use "
            "--config source=local"
        )
    _one_thread()
    settings = loaded.collect.model_copy(update={"replay": "buffer"} if replay_buffer else {})
    run(task, dataset, settings, path, agents)
    _say(f"dataset: {path}")


@job("pretrain")
def pretrain(
    task: TaskName,
    dataset: DatasetName,
    scale: ScaleName = "quick",
    source: SourceName = None,
    algorithm: Annotated[str, typer.Option(help="offline algorithm")] = "cql",
    seed: Seed = 0,
    data: Data = None,
    agents: Annotated[
        Path | None, typer.Option(help="directory of the agents that the algorithm starts from, if it does")
    ] = None,
    out: Out = None,
    wait: Wait = False,
    checkpoint_seconds: Checkpoint = 60,
) -> None:
    """Pre-train the members of an ensemble offline; killed, it carries on where it was."""
    from off2on.methods import get_algorithm
    from off2on.training.pretrain import PretrainJob
    from off2on.training.pretrain import pretrain as run

    loaded, layout = _load(scale, source)
    spec = get_algorithm(algorithm)
    _one_thread()
    job = PretrainJob(loaded.name, loaded.source, task, dataset, spec, seed, loaded.settings(task, dataset))
    path = out or layout.pretrain(task, dataset, algorithm, seed)
    if spec.start is not None:
        agents = agents or layout.pretrain(task, dataset, spec.start, seed)
    run(job, data or layout.dataset(task, dataset), agents, path, wait, checkpoint_seconds)
    _say(f"offline agents: {path}")


@job("finetune")
def finetune(
    task: TaskName,
    method: Annotated[str, typer.Option("--method", help="such as ours, sac-ft or awac; see off2on/methods.py")],
    dataset: Annotated[str, typer.Option("--dataset", help="the offline dataset; 'none' from scratch")] = "none",
    scale: ScaleName = "quick",
    source: SourceName = None,
    seed: Seed = 0,
    data: Data = None,
    agents: Annotated[Path | None, typer.Option(help="directory of the offline agents")] = None,
    out: Out = None,
    wait: Wait = False,
    checkpoint_seconds: Checkpoint = 60,
) -> None:
    """Fine-tune online (or train from scratch); killed, it carries on where it was."""
    from off2on.methods import get_method
    from off2on.training.finetune import FinetuneJob, Start
    from off2on.training.finetune import finetune as run

    loaded, layout = _load(scale, source)
    spec = get_method(method)
    if (dataset == "none") != (spec.offline is None):
        need = "--dataset none" if spec.offline is None else "--dataset with an offline dataset"
        raise Off2OnError(f"method '{method}' needs {need} (got '{dataset}')")
    _one_thread()
    settings = loaded.settings(task, dataset, method)
    job = FinetuneJob(loaded.name, loaded.source, task, dataset, spec, seed, settings)
    start = None
    if spec.offline is not None:
        start = Start(
            data or layout.dataset(task, dataset), agents or layout.pretrain(task, dataset, spec.offline, seed)
        )
    path = out or layout.run(task, dataset, method, seed)
    run(job, start, path, wait, checkpoint_seconds)
    _say(f"run: {path}")


@job("rollout")
def rollout(
    task: TaskName,
    dataset: DatasetName,
    scale: ScaleName = "quick",
    source: SourceName = None,
    algorithm: Annotated[str, typer.Option(help="offline algorithm of the agent")] = "cql",
    seed: Seed = 0,
    agents: Annotated[Path | None, typer.Option(help="directory of the offline agents")] = None,
    out: Out = None,
) -> None:
    """Roll out the first member of a pre-training, stochastically, into a dataset file."""
    from off2on.methods import get_algorithm
    from off2on.training.rollouts import RolloutJob
    from off2on.training.rollouts import roll_out as run

    loaded, layout = _load(scale, source)
    algorithm = get_algorithm(algorithm).name
    _one_thread()
    steps = loaded.likelihood.rollout_steps
    job = RolloutJob(loaded.source, task, dataset, algorithm, seed, loaded.settings(task, dataset), steps)
    path = out or layout.rollouts(task, dataset, algorithm, seed)
    run(job, agents or layout.pretrain(task, dataset, algorithm, seed), path)
    _say(f"roll-outs: {path}")


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

    loaded, layout = _load(scale, source)
    _one_thread()
    job = LikelihoodJob(loaded.name, loaded.source, task, dataset, seed, loaded.likelihood)
    path = out or layout.likelihood(task, dataset, seed)
    run(job, data or layout.dataset(task, dataset), rollouts or layout.rollouts(task, dataset, "cql", seed), path)
    _say(f"log-likelihoods: {path}")


@job("import-agents")
def import_agents(
    directory: Annotated[Path, typer.Argument(help="holds *_seed<k>/{actor,critic1,critic2}_*.pt")],
    out: Annotated[Path, typer.Option("--out", help="pre-training directory to write")],
) -> None:
    """Read the authors' published CQL agents (weights only), so that fine-tuning can start from them."""
    from off2on.training.import_agents import import_agents as run

    _one_thread()
    run(directory, out)
    _say(f"offline agents: {out}; fine-tune them with `off2on finetune --agents {out} ...`")


@job("evaluate")
def evaluate(
    directory: Annotated[Path, typer.Argument(help="a pre-training or run directory")],
    task: TaskName,
    episodes: Annotated[int, typer.Option(min=1)] = 5,
    seed: Seed = 0,
) -> None:
    """Deterministic returns of each member and of the ensemble."""
    from off2on.envs.tasks import get_task
    from off2on.training.agents import read_agent
    from off2on.training.evaluate import member_episodes

    _one_thread()
    nets = read_agent(directory / "agent.safetensors")
    for name, found in member_episodes(nets, get_task(task), episodes, seed).items():
        returns = [episode.total for episode in found]
        values = " ".join(f"{value:.0f}" for value in returns)
        typer.echo(f"{name:10s} mean {sum(returns) / len(returns):8.1f}   episodes {values}")


@job("train-actors")
def train_actors(
    task: TaskName,
    out: Annotated[Path, typer.Option("--out", help="directory of checkpoints and log")],
    seed: Seed = 0,
    epochs: Annotated[int, typer.Option(min=1, help="epochs of 4000 environment and 1500 gradient steps")] = 250,
    policy_lr: Annotated[float, typer.Option(help="learning rate of policy and temperature")] = 3e-4,
) -> None:
    """Train the SAC run whose checkpoints become the shipped actors of a task."""
    from off2on.training.actors import ActorRun
    from off2on.training.actors import train_actors as run

    _one_thread()
    for row in run(ActorRun(task, seed=seed, epochs=epochs, policy_lr=policy_lr), out):
        to_go = row["seconds"] / row["epoch"] * (epochs - row["epoch"])
        _say(
            f"epoch {row['epoch']:4.0f}/{epochs}  env steps {row['env_steps']:9.0f}"
            f"  return {row['return_mean']:8.1f}  {row['seconds']:7.0f} s, {to_go:6.0f} s to go"
        )


@job("plan")
def plan(scale: ScaleName = "quick", source: SourceName = None) -> None:
    """Jobs, core- and GPU-hours and disk of a scale."""
    from off2on.plan import plan as estimate

    typer.echo(str(estimate(_load(scale, source)[0])))


@job("render")
def render(
    task: TaskName,
    scale: ScaleName = "quick",
    source: SourceName = None,
    out: Annotated[Path | None, typer.Option("--out", help="the PNG; default: its place below results/")] = None,
) -> None:
    """Draw a picture of a task off screen; where that is not possible, write why."""
    from off2on.envs.tasks import get_task
    from off2on.training.render import render as run

    _, layout = _load(scale, source)
    path = out or layout.render(task).with_suffix(".png")
    info = run(get_task(task), path)
    _say(f"picture: {path}" if info["image"] else f"no picture of {task}: {info['reason']}")


@job("cost")
def cost(scale: ScaleName = "quick", source: SourceName = None, out: Out = None) -> None:
    """Measure what a step, an action and the memory of N members cost, batched and as a naive loop."""
    from off2on.training.cost import measure_cost

    loaded, layout = _load(scale, source)
    _one_thread()
    path = out or layout.cost
    measure_cost(loaded, path)
    _say(f"cost: {path}")


@job("aggregate")
def aggregate(
    paths: Annotated[list[Path], typer.Argument(help="run and pre-training directories, likelihood CSV files")],
    scale: ScaleName = "quick",
    source: SourceName = None,
    out: Out = None,
) -> None:
    """Gather finished runs into the tidy tables that figures read."""
    from off2on.analysis.aggregate import aggregate as run

    _, layout = _load(scale, source)
    likelihoods = [path for path in paths if path.suffix == ".csv"]
    run([path for path in paths if path not in likelihoods], out or layout.analysis, likelihoods)
    _say(f"tables: {out or layout.analysis}")


@job("claims")
def claims(
    scale: ScaleName = "quick",
    source: SourceName = None,
    file: Annotated[Path | None, typer.Option(help="the claims; default: workflow/claims.yaml")] = None,
) -> None:
    """Test the paper's claims on the tables, and compute the statistics of the report."""
    from off2on.analysis.evidence import CLAIMS, gather_evidence
    from off2on.analysis.verdicts import table_lines

    _, layout = _load(scale, source)
    for line in table_lines(gather_evidence(layout.analysis, file or CLAIMS).verdicts):
        typer.echo(line)
    _say(f"verdicts and statistics: {layout.analysis}")


@job("figure")
def figure(
    name: Annotated[str, typer.Argument(help="such as fig_3; see off2on/figures/registry.py")],
    scale: ScaleName = "quick",
    source: SourceName = None,
) -> None:
    """Draw one figure from the tables, as SVG, PDF, PNG and CSV."""
    from off2on.figures.registry import draw

    _, layout = _load(scale, source)
    _say(f"figure: {draw(name, layout)}")


@job("report")
def report(
    scale: ScaleName = "quick",
    source: SourceName = None,
    figures: Annotated[str | None, typer.Option(help="which figures, in order, such as fig_3,fig_4a")] = None,
) -> None:
    """Write the report: figures, findings, tables and provenance in one HTML file."""
    from off2on.figures.registry import FIGURES
    from off2on.figures.report import build_report

    _, layout = _load(scale, source)
    names = figures.split(",") if figures else list(FIGURES)
    _say(f"report: {build_report(layout, names).absolute()}")


@job("validate")
def validate(directory: Annotated[Path, typer.Argument(help="a run or pre-training directory")]) -> None:
    """Check a directory of results against docs/results-format.md."""
    from off2on.results import validate as check

    check(directory)
    typer.echo(f"{directory}: valid")


def main() -> None:
    """Entry point: an error that the user can mend is one message, without a traceback, and status 2."""
    try:
        app()
    except Off2OnError as error:
        _say(f"off2on: error: {error}")
        sys.exit(2)


if __name__ == "__main__":
    main()
